//! Takes apart what people type into the field for a number: which numbers are in it, and what is dialled
//! before and after each. Knows nothing of countries.

use crate::number::address::without_addresses;
use crate::number::extension;
use crate::number::keypad::{Spelled, spelled};
use crate::number::lookalike::{self, without_decimals, without_lookalikes};
use crate::number::scan::Scan;
use crate::number::text::{Token, plain, tokens};
use crate::number::{NotDialable, Then};

/// One number of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// What is dialled in front of it: `*31#`.
    pub(super) prefix: String,
    /// With a `+` in front.
    pub(super) plus: bool,
    /// ASCII digits; of a code also `*`, `#` and `+`.
    pub(super) digits: String,
    /// How many digits stand together, from the first.
    pub(super) groups: Vec<usize>,
    /// It is a code by its `*` and `#`, and dialled as it stands.
    pub(super) code: bool,
    /// Where in the digits the zero of a `(0)` stands that is only dialled within the country.
    pub(super) bracketed_zero: Option<usize>,
    /// The first digits stand in brackets: they are the area.
    pub(super) area: bool,
    /// The whole of it, should it be a word on the keys.
    pub(super) spelled: Option<Spelled>,
    pub(super) then: Then,
    /// The last digits of the number before it, written again: `0221 7654321 / 7654322`.
    pub(super) ending: bool,
    /// The tokens of it.
    pub(super) from: usize,
    pub(super) to: usize,
    /// In characters of the field, where there are several.
    pub(super) text: String,
    pub(super) context: String,
}

/// Fewer digits than this beside others are a house number or a count, not the number.
const DIGITS_MIN: usize = 5;
/// The same, for numbers beside a whole one.
const BESIDE_MIN: usize = 6;
/// So many digits are a whole number; fewer may be an area code (`030/1234567`).
pub(super) const DIGITS_WHOLE: usize = 7;
/// More digits than these are two numbers, where a second one can begin in between.
const JOINED_MAX: usize = 17;
/// Words between two extensions.
const OR: &[&str] = &[
    "or", "oder", "und", "and", "ou", "et", "o", "y", "e", "of", "en", "eller", "och", "lub", "i",
];

pub(super) fn scan(value: &str) -> Result<Vec<Typed>, NotDialable> {
    let text = plain(value);
    if text.trim().is_empty() {
        return Err(NotDialable::Empty);
    }
    if let Some(why) = lookalike::of_text(&text) {
        return Err(why);
    }
    let text = without_decimals(&text);
    let (text, addresses) = without_addresses(text, extension::is_word);
    let (text, lookalike) = without_lookalikes(&text);
    let mut scan = Scan::of(tokens(&text));
    let word = word_on_keys(&scan.tokens);
    scan.all();
    let Scan { tokens, parts, .. } = scan;
    let mut found = chosen(parts.into_iter().flat_map(parted).collect(), &tokens);
    let whole = |it: &Typed| it.digits.len() >= DIGITS_WHOLE;
    if let Some(word) = word
        && !found.first().is_some_and(whole)
        && !(word.loose && found.len() > 1)
    {
        // A word on the keys and no digit beside it is only read if somebody else knows that it is one.
        found.truncate(1);
        let digits = found.pop().unwrap_or_default();
        found.push(Typed { spelled: Some(word), ..digits });
    }
    found.retain(|it| it.digits.contains(|c: char| c.is_ascii_digit()));
    if found.len() > 1 {
        for it in &mut found {
            if !it.text.is_empty() {
                continue;
            }
            let before = |at: usize| matches!(tokens[at], Token::Mark('+' | '('));
            while it.from > 0 && before(it.from - 1) {
                it.from -= 1;
            }
            let text: String = tokens[it.from..it.to].iter().map(ToString::to_string).collect();
            let around = |c: char| c.is_whitespace() || ",;/:|&".contains(c);
            let text = text.trim_end_matches(|c: char| around(c) || c == '(').trim_matches(around);
            it.text = text.to_owned();
        }
    }
    for it in &mut found {
        if !it.plus && !it.code && !it.context.is_empty() {
            it.digits.insert_str(0, &it.context);
            it.plus = true;
        }
    }
    if found.is_empty() {
        let address = addresses.then_some(NotDialable::Address);
        return Err(lookalike.or(address).unwrap_or(NotDialable::NoDigits));
    }
    Ok(found)
}

/// The parts that are numbers: all whole ones, or else the one that is likeliest.
fn chosen(parts: Vec<Typed>, tokens: &[Token<'_>]) -> Vec<Typed> {
    let likely = |it: &Typed, min: usize| it.code || it.plus || it.digits.len() >= min;
    if parts.iter().any(|it| likely(it, DIGITS_WHOLE)) {
        return parts.into_iter().filter(|it| likely(it, BESIDE_MIN)).collect();
    }
    if let Some(at) = parts.iter().position(|it| likely(it, DIGITS_MIN)) {
        let len = parts[at].digits.len();
        let alike = |it: &Typed| it.digits.len() == len && !it.code;
        if parts.iter().all(alike) {
            return parts;
        }
        return parts.into_iter().nth(at).into_iter().collect();
    }
    // Several extensions, with nothing but marks and an "or" between them.
    let len = parts.first().map_or(0, |it| it.digits.len());
    let alike = (2..DIGITS_MIN).contains(&len) && parts.iter().all(|it| it.digits.len() == len);
    let plain = tokens.iter().all(|it| match it {
        Token::Word(word) => OR.contains(&word.to_lowercase().as_str()),
        Token::Digits(_) => true,
        Token::Mark(mark) => matches!(mark, ' ' | ',' | ';' | '/' | '|'),
    });
    if alike && plain { parts } else { parts.into_iter().take(1).collect() }
}

/// Two numbers with a single blank between them, told by their length and by the zero in front of the second.
fn parted(mut part: Typed) -> Vec<Typed> {
    if part.code || part.digits.len() <= JOINED_MAX || part.groups.len() < 2 {
        return vec![part];
    }
    let mut at = 0;
    for group in part.groups.clone() {
        let (before, after) = part.digits.split_at(at);
        if before.len() >= DIGITS_WHOLE && after.len() >= DIGITS_WHOLE && after.starts_with('0') {
            let second = Typed {
                digits: after.to_owned(),
                text: after.to_owned(),
                then: std::mem::take(&mut part.then),
                ..Typed::default()
            };
            part.digits.truncate(at);
            part.text = format!("{}{}", if part.plus { "+" } else { "" }, part.digits);
            return vec![part, second];
        }
        at += group;
    }
    vec![part]
}

/// The number, if letters are a part of it, and what follows.
fn word_on_keys(tokens: &[Token<'_>]) -> Option<Spelled> {
    let is_end = |at: usize| {
        matches!(tokens[at], Token::Mark(',' | ';' | '#'))
            || extension::digits_at(tokens, at, 0).is_some()
    };
    let end = (0..tokens.len()).find(|at| is_end(*at)).unwrap_or(tokens.len());
    let letters = tokens[..end].iter().position(|it| matches!(it, Token::Word(_)))?;
    // A remark may stand behind the word, in brackets or not.
    let is_remark = |it: &Token<'_>| matches!(it, Token::Mark(' ' | '('));
    let remark = tokens[letters..end].iter().position(is_remark).map(|at| letters + at);
    let read = |end: usize| {
        let text: String = tokens[..end].iter().map(ToString::to_string).collect();
        spelled(&text)
    };
    let whole = read(end);
    let tied = [whole.clone(), remark.and_then(read)].into_iter().flatten().find(|it| !it.loose);
    let spelled = tied.or(whole)?;
    // What follows is read as if it followed digits.
    let digits = std::iter::once(Token::Digits("0000000"));
    let tokens = digits.chain(tokens[end..].iter().copied()).collect();
    let mut tail = Scan::of(tokens);
    tail.all();
    let then = tail.parts.into_iter().next().unwrap_or_default().then;
    Some(Spelled { then, ..spelled })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, extension and tones, as `+49301234567 x12 ,34`.
    fn read(value: &str) -> String {
        let found = match scan(value) {
            Ok(found) => found,
            Err(why) => return format!("{why:?}"),
        };
        let one = |typed: Typed| {
            let mut text = typed.prefix;
            text.push_str(if typed.plus { "+" } else { "" });
            text.push_str(&typed.digits);
            if let Some(extension) = typed.then.extension {
                text.push_str(&format!(" x{extension}"));
            }
            if !typed.then.tones.is_empty() {
                text.push_str(&format!(" {}", typed.then.tones));
            }
            text
        };
        found.into_iter().map(one).collect::<Vec<_>>().join(" & ")
    }

    #[track_caller]
    fn all(cases: &[(&str, &str)]) {
        for (value, wanted) in cases {
            assert_eq!(read(value), *wanted, "{value:?}");
        }
    }

    #[test]
    fn separators_words_and_invisible_characters_are_left_out() {
        all(&[
            ("+49 (30) 12-34.56/7", "+4930123456"),
            ("801-520-4769 - noel cell", "8015204769"),
            ("Fax: 030 1234567", "0301234567"),
            ("mobile 0171/1234567 (new)", "01711234567"),
            ("\u{202A}+49 30\u{A0}1234567\u{202C}", "+49301234567"),
            ("\u{0}+\u{7}49 30", "+4930"),
            ("1 800 555 0199 (24h)", "18005550199"),
            ("Apt 5 or 555-0123", "5550123"),
            ("+49‐30‑1234‒567", "+49301234567"),
            ("+49–30—1234―567", "+49301234567"),
            ("03ー1234ー5678", "0312345678"),
            ("[030]〜1234567", "0301234567"),
            ("(0xx11) 2345-6789", "01123456789"),
            ("8~10 49 30 1234567", "81049301234567"),
            ("Tel0221765432", "0221765432"),
            ("555-0123p", "5550123"),
            ("tel:+1-201-555-0123", "+12015550123"),
        ]);
    }

    #[test]
    fn digits_of_every_script_are_digits() {
        all(&[
            ("＋４９　３０　１２３４５６７", "+49301234567"),
            ("٠٣٠ ١٢٣٤٥٦٧", "0301234567"),
            ("۰۳۰۱۲۳۴۵۶۷", "0301234567"),
            ("०३० १२३४५६७", "0301234567"),
            ("1️⃣1️⃣2️⃣", "112"),
        ]);
    }

    #[test]
    fn extensions_are_known_by_what_announces_them() {
        for value in [
            "+49 30 1234567 x12",
            "+49 30 1234567x12",
            "+49 30 1234567 ext. 12",
            "+49 30 1234567, ext 12",
            "+49 30 1234567 (ext 12)",
            "+49 30 1234567 Extension: 12",
            "+49 30 1234567 Durchwahl 12",
            "+49 30 1234567 доб. 12",
            "tel:+49-30-1234567;ext=12",
            "tel:+49-30-1234567;ext=12;isub=9",
            "+49 30 1234567 #12",
            "+49 30 1234567#12",
            "+49 30 1234567 x12/x13",
            "+49 30 1234567 ~12",
            "+49 30 1234567 xtn 12",
            "+49 30 1234567 ext 12#",
            "+49 30 1234567 (x12)",
            "+49 30 1234567 ｅｘｔｎ 12",
            "+49 30 1234567 int 12",
            "+49 30 1234567 anexo 12",
            "+49 30 1234567 extensión 12",
            "+49 30 1234567 extensio\u{301}n 12",
            "+49 30 1234567 - 12#",
        ] {
            assert_eq!(read(value), "+49301234567 x12", "{value}");
        }
        all(&[("ext 101", "101"), ("x101", "101"), ("101 x", "101")]);
    }

    #[test]
    fn what_follows_a_pause_is_kept_with_its_pauses() {
        all(&[
            ("+1 800 555 0123,,123456#", "+18005550123 ,,123456#"),
            ("+18005550123;12", "+18005550123 ,12"),
            ("+18005550123p12w3", "+18005550123 ,12,3"),
            ("+18005550123 , 12", "+18005550123 ,12"),
            ("+18005550123 x12,,3", "+18005550123 x12 ,,3"),
            ("+18005550123,*9", "+18005550123 ,*9"),
            ("+18005550123,", "+18005550123"),
            ("+18005550123, Boston 7", "+18005550123"),
        ]);
    }

    #[test]
    fn every_number_of_a_field_is_one_and_none_is_glued_to_another() {
        for between in [
            ", ", "; ", " / ", "/", " ::: ", "\n", "  ", "\t", " | ", " or ", " und ", " & ",
            "\r\n", " // ", " ",
        ] {
            let value = format!("0221 7654321{between}0160 1234567");
            assert_eq!(read(&value), "02217654321 & 01601234567", "{value:?}");
            let value = format!("+43 660 1234567{between}+44 20 7946 0958");
            assert_eq!(read(&value), "+436601234567 & +442079460958", "{value:?}");
        }
        all(&[
            ("0221 7654321,0160 1234567", "02217654321 & 01601234567"),
            ("0221 7654321;0160 1234567", "02217654321 & 01601234567"),
            ("555-0133, 555-0144", "5550133 & 5550144"),
            ("0221 7654321 x12, 0160 1234567", "02217654321 x12 & 01601234567"),
            ("0221 7654321 (office) 0160 1234567 (mobile)", "02217654321 & 01601234567"),
            ("Tel. 0221 7654321, Fax 0221 7654322", "02217654321 & 02217654322"),
            ("0221 7654321, 0160 1234567, 7654322", "02217654321 & 01601234567 & 7654322"),
            ("101, 102", "101 & 102"),
            ("101/102", "101 & 102"),
            ("22 oder 23", "22 & 23"),
            ("030/1234567", "0301234567"),
            ("0221/7654321", "02217654321"),
            ("02236 / 7654321", "022367654321"),
            ("+49 221 / 7654321", "+492217654321"),
            ("0049 221 / 7654321", "00492217654321"),
            ("+49  221 7654321", "+492217654321"),
            ("030 1234567 +49 171 7654321", "0301234567 & +491717654321"),
            ("(530) 583-6985 x302/x2303", "5305836985 x302"),
        ]);
    }

    #[test]
    fn other_last_digits_behind_a_slash_are_left_out() {
        all(&[
            ("+33 1 40 00 11 22/23", "+33140001122"),
            ("+33 1 40 00 11 22 / 23 / 24", "+33140001122"),
            ("0221 7654321-0 / -17", "022176543210"),
            ("555-0133/0134", "5550133"),
            ("0221 7654321 / 7654322", "02217654321 & 7654322"),
        ]);
    }

    #[test]
    fn codes_keep_their_stars_and_hashes() {
        all(&[
            ("*97", "*97"),
            ("**610", "**610"),
            ("*31# 0171 1234567", "*31#01711234567"),
            ("*21*1234567#", "*21*1234567#"),
            ("#31#+49 171 1234567", "#31#+491711234567"),
            ("*67 212 555 0133", "*672125550133"),
            ("*31*0171 1234567", "*31*01711234567"),
            ("*#06#", "*#06#"),
            ("##002#", "##002#"),
            ("**21*0171 1234567#", "**21*01711234567#"),
            ("*21*+491711234567#", "*21*+491711234567#"),
            ("*97 1234", "*971234"),
            ("*97,,1234#", "*97 ,,1234#"),
            ("22#", "22#"),
            ("12*34", "12*34"),
            ("0171 1234567#", "01711234567"),
            ("*", "NoDigits"),
        ]);
    }

    #[test]
    fn what_is_no_number_is_told_apart() {
        all(&[
            ("", "Empty"),
            (" \u{7}\u{200B} ", "Empty"),
            ("call me", "NoDigits"),
            ("+", "NoDigits"),
            ("ada99@example.org", "Address"),
            ("callto:maxi77", "Address"),
            ("wa.me/marta42", "Address"),
            ("signal:tom9", "Address"),
            ("skype:live:max_12", "Address"),
            ("https://example.org/12345678", "Address"),
            ("t.me/anna1990", "Address"),
            ("maxi77", "Address"),
            ("skype: maxi77", "Address"),
            ("@tom9", "Address"),
            ("12.3.78", "Date"),
            ("sip:maxi77@pbx.example", "Address"),
            ("xmpp:ada99@example.org", "Address"),
            ("6.04E+11", "Spreadsheet"),
            ("1,23457E+09", "Spreadsheet"),
            ("4e11", "Spreadsheet"),
            ("#######", "Spreadsheet"),
            ("#DIV/0!", "Spreadsheet"),
            ("2024-01-31", "Date"),
            ("geb. 31.12.1999", "Date"),
            ("12/24/2023", "Date"),
            ("12:30", "Time"),
            ("9:00-17:00", "Time"),
            ("9-17 Uhr", "Time"),
            ("€12,50", "Price"),
            ("12.50 EUR", "Price"),
            ("$ 1,200.00", "Price"),
            ("AT61 1904 3002 3457 3201", "Iban"),
            ("IBAN DE89370400440532013000", "Iban"),
            ("192.168.0.1", "Address"),
        ]);
    }

    #[test]
    fn an_address_that_holds_a_number_is_one() {
        all(&[
            ("sip:101@10.0.0.5", "101"),
            ("sip:+436601234567@pbx.example;user=phone", "+436601234567"),
            ("<sip:06601234567@pbx.example>", "06601234567"),
            ("\"Max\" <sip:06601234567@pbx.example>", "06601234567"),
            ("sip:%2B436601234567@pbx.example", "+436601234567"),
            ("06601234567@pbx.example", "06601234567"),
            ("sips:*97@pbx.example", "*97"),
            ("callto:+43-660-1234567", "+436601234567"),
            ("callto://+436601234567", "+436601234567"),
            ("https://wa.me/436601234567", "+436601234567"),
            ("wa.me/436601234567?text=hi", "+436601234567"),
            ("https://api.whatsapp.com/send?phone=436601234567", "+436601234567"),
            ("viber://chat?number=%2B436601234567", "+436601234567"),
            ("https://signal.me/#p/+436601234567", "+436601234567"),
            ("tel: 0660 1234567", "06601234567"),
            ("Büro:0660 1234567", "06601234567"),
            ("0221 7654321 (9:00-17:00)", "02217654321"),
            ("0221 7654321 seit 01.02.2024", "02217654321"),
            ("0221 7654321 ada99@example.org", "02217654321"),
        ]);
    }

    #[test]
    fn what_a_spreadsheet_left_whole_is_read() {
        all(&[
            ("436601234567.0", "436601234567"),
            ("\"+43 660 1234567\"", "+436601234567"),
            ("'06601234567", "06601234567"),
            ("=\"06601234567\"", "06601234567"),
            ("436,601,234,567", "436601234567"),
        ]);
    }

    #[test]
    fn the_context_of_a_tel_uri_goes_in_front() {
        all(&[
            ("tel:7946-0958;phone-context=+44-20", "+442079460958"),
            ("tel:101;phone-context=pbx.example", "101"),
            ("tel:+44-20-7946-0958;phone-context=+1", "+442079460958"),
        ]);
    }

    #[test]
    fn words_on_the_keys_are_told_from_remarks() {
        let digits = |value: &str| {
            let word = scan(value).unwrap()[0].spelled.clone();
            word.filter(|it| !it.loose).map(|it| it.digits)
        };
        assert_eq!(digits("1-800-FLOWERS").as_deref(), Some("18003569377"));
        assert_eq!(digits("1-800-flowers").as_deref(), Some("18003569377"));
        assert_eq!(digits("0800 REIMANN").as_deref(), Some("08007346266"));
        assert_eq!(digits("1-800-flowers (the shop)").as_deref(), Some("18003569377"));
        let then = |value: &str| scan(value).unwrap()[0].spelled.clone().map(|it| it.then).unwrap();
        assert_eq!(then("1-800-FLOWERS,,42#").tones, ",,42#");
        assert_eq!(then("1-800-FLOWERS ext. 42").extension.as_deref(), Some("42"));
        for remark in ["101 reception", "801-520-4769 - NOEL", "112 (24h)", "5 km", "101 Café"] {
            assert_eq!(digits(remark), None, "{remark}");
        }
    }
}
