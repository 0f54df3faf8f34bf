//! Makes odd inputs of good ones: the same ones every time, so that what broke breaks again.

use serde_json::{Value, json};

/// Nothing longer is made up here.
pub(super) const LEN_MAX: usize = 64 << 10;

pub(super) struct Mutator<'a> {
    state: u64,
    seeds: &'a [Vec<u8>],
    words: &'a [&'a str],
}

impl<'a> Mutator<'a> {
    pub(super) fn new(seed: u64, seeds: &'a [Vec<u8>], words: &'a [&'a str]) -> Mutator<'a> {
        Mutator { state: seed, seeds, words }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random() % end.max(1) as u64).unwrap_or(0)
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    fn seed(&mut self) -> &'a [u8] {
        let at = self.below(self.seeds.len());
        self.seeds.get(at).map_or(&[], Vec::as_slice)
    }

    pub(super) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.seed().to_vec();
        if self.one_in(2) {
            self.change_json(&mut bytes);
        }
        // What is sound JSON after all goes deeper than what is not, so often nothing else happens.
        let changes = if self.one_in(3) { 0 } else { 1 << self.below(4) };
        for _ in 0..changes {
            self.change(&mut bytes);
        }
        if self.one_in(64) {
            self.blow_up(&mut bytes);
        }
        bytes.truncate(LEN_MAX);
        bytes
    }

    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let from = self.below(len + 1);
        let most = (len - from).min(1 << self.below(12));
        from..from + self.below(most + 1)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        match self.below(9) {
            0 => {
                let bit = 1 << self.below(8);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bit);
            }
            1 => {
                let new = self.random().to_le_bytes()[0];
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = new);
            }
            2 => drop(bytes.drain(self.range(bytes.len()))),
            3 => {
                let range = self.range(bytes.len());
                let again = bytes[range].to_vec();
                bytes.splice(at..at, again);
            }
            4 | 5 => {
                let word = self.below(self.words.len());
                let word = self.words.get(word).copied().unwrap_or_default();
                bytes.splice(at..at, word.bytes());
            }
            6 => {
                let other = self.seed();
                let range = self.range(other.len());
                let over = (at + range.len()).min(bytes.len());
                let end = if self.one_in(2) { at } else { over };
                bytes.splice(at..end, other[range].iter().copied());
            }
            7 => self.change_number(bytes),
            _ => {
                let odd = ["\u{0}", "\u{1b}", "\u{85}", "\u{202e}", "\u{fffe}", "\u{10ffff}"];
                let odd = odd[self.below(odd.len())];
                bytes.splice(at..at, odd.bytes());
            }
        }
    }

    fn change_number(&mut self, bytes: &mut Vec<u8>) {
        const ODD: &[&str] = &[
            "-1",
            "0",
            "00",
            "1.5",
            "1e400",
            "65536",
            "4294967295",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "18446744073709551616",
            "99999999999999999999999999999999999999999",
        ];
        let start = self.below(bytes.len() + 1);
        let Some(from) = bytes[start..].iter().position(u8::is_ascii_digit) else { return };
        let from = start + from;
        let len = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        bytes.splice(from..from + len, ODD[self.below(ODD.len())].bytes());
    }

    /// As long as an input may be.
    fn blow_up(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes.len());
        let at = range.end;
        let piece = bytes[range].to_vec();
        if !piece.is_empty() && bytes.len() < LEN_MAX {
            let times = (LEN_MAX - bytes.len()) / piece.len();
            bytes.splice(at..at, piece.repeat(times));
        }
    }

    /// Puts something else in the place of one value; what it was part of stays sound.
    fn change_json(&mut self, bytes: &mut Vec<u8>) {
        let from = bytes.iter().position(|byte| matches!(byte, b'{' | b'[')).unwrap_or(bytes.len());
        let Ok(mut value) = serde_json::from_slice::<Value>(&bytes[from..]) else { return };
        for _ in 0..=self.below(3) {
            let mut at = self.below(count(&value));
            if let Some(node) = nth(&mut value, &mut at) {
                *node = self.other(node.take());
            }
        }
        bytes.truncate(from);
        bytes.extend(value.to_string().into_bytes());
    }

    fn other(&mut self, value: Value) -> Value {
        match self.below(12) {
            0 => Value::Null,
            1 => json!(self.random() as i64),
            2 => json!(!self.one_in(2)),
            3 => json!(""),
            4 => json!([value]),
            5 => json!({ "error": value }),
            6 => Value::Array(vec![value; 1 << self.below(10)]),
            7 => json!("\u{1}\u{202e} \u{fffe}x".repeat(1 << self.below(10))),
            8 => {
                let depth = 1 << self.below(8);
                (0..depth).fold(value, |inner, _| json!([inner]))
            }
            9 => json!(value.to_string()),
            10 => match value {
                Value::Object(mut fields) => {
                    let at = self.below(fields.len());
                    let name = fields.keys().nth(at).cloned().unwrap_or_default();
                    fields.remove(&name);
                    Value::Object(fields)
                }
                other => json!({ "value": other }),
            },
            _ => {
                let word = self.below(self.words.len());
                json!(self.words.get(word).map_or("", |word| word.trim_matches('"')))
            }
        }
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'v>(value: &'v mut Value, at: &mut usize) -> Option<&'v mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|it| nth(it, at)),
        Value::Object(fields) => fields.values_mut().find_map(|it| nth(it, at)),
        _ => None,
    }
}
