//! Letters that look like digits, typed in place of them: `O221 7654321`, `212-555-o1oo`, `0221 76543zl`.

/// What stands for a zero, and for a one.
const ZEROS: &[char] = &['o', 'O'];
const ONES: &[char] = &['l', 'I'];
/// Letters that look like digits, too, but which nobody can be sure of.
const ALIKE: &str = "oOlIizZsSbBgGqQ";
/// Those of them that nobody puts behind a number to say whose it is.
const NEVER_LABELS: &str = "zZ";
/// With fewer digits a text is no number whose letters matter.
const DIGITS_MIN: usize = 5;
/// So many digits together, or in all, may be a whole number.
const WHOLE_GROUP: usize = 7;
const WHOLE_MIN: usize = 10;

/// The text with digits in place of such letters, where they stand in one group with digits and no other letters
/// stand there; `None` if there are none.
pub(super) fn as_digits(text: &str) -> Option<String> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits < DIGITS_MIN || !text.contains(is_letter) || text.contains('@') || text.contains("//")
    {
        return None;
    }
    let is_end = |c: char| !(c.is_alphanumeric() || "+-./()".contains(c));
    let mut with_digits = String::with_capacity(text.len());
    for chunk in text.split_inclusive(is_end) {
        match is_mixed(chunk.trim_end_matches(is_end)) {
            true => with_digits.extend(chunk.chars().map(as_digit)),
            false => with_digits.push_str(chunk),
        }
    }
    (with_digits != text).then_some(with_digits)
}

fn is_letter(c: char) -> bool {
    ZEROS.contains(&c) || ONES.contains(&c)
}

fn as_digit(c: char) -> char {
    match c {
        _ if ZEROS.contains(&c) => '0',
        _ if ONES.contains(&c) => '1',
        _ => c,
    }
}

/// Whether a letter touches a digit, and all letters look like digits. An `O` in front of a zero is a label
/// (`O0221 …`: office).
fn is_mixed(chunk: &str) -> bool {
    let only = chunk.chars().all(|c| !c.is_alphabetic() || is_letter(c));
    let mut groups = chunk.split(|c: char| !c.is_alphanumeric());
    let mixed = |it: &str| it.contains(is_letter) && it.contains(|c: char| c.is_ascii_digit());
    let label = |it: &str| it.starts_with("O0") || it.starts_with("o0");
    only && groups.any(|it| mixed(it) && !label(it))
}

/// Whether a word that touches the last of `group` digits stands for more of them: the number is not whole
/// without it, and nobody knows with it.
pub(super) fn is_part_of_number(word: &str, group: usize, digits: usize) -> bool {
    let alike = |set: &str| word.chars().all(|c| set.contains(c));
    let len = word.chars().count();
    let whole = group >= WHOLE_GROUP || digits >= WHOLE_MIN;
    let single = len == 1 && (alike(NEVER_LABELS) || (alike("sSqQ") && !whole));
    group >= 2 && (single || (len == 2 && alike(ALIKE) && group < WHOLE_GROUP))
}
