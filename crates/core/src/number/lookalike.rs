//! Digits that are no telephone number: dates, times, prices, bank accounts, addresses of computers, and
//! what spreadsheets leave of numbers.

use crate::number::NotDialable;
use crate::number::beside::remark_at;

/// Signs and words of money, and codes of ISO 4217, some of which are also words (`try`, `rub`).
const MONEY: &[&str] = &["€", "$", "£", "¥", "₹", "₽", "₺", "zł"];
const MONEY_WORDS: &[&str] = &["eur", "euro", "euros", "dollar", "dollars", "sfr", "usd", "chf"];
/// Behind an amount alone: in front of digits they are a state or a street (`CT 203 …`).
const SMALL_MONEY: &[&str] = &["ct", "cent", "cents"];
const CURRENCIES: &[&str] = &[
    "EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "BRL", "INR",
    "RUB", "TRY", "AUD", "CAD",
];
/// What is open, or answers, at all times.
pub(super) const ROUND_THE_CLOCK: &[&str] = &["24/7", "24/24", "7/7", "24x7", "24/7/365"];
/// An amount of money with more digits has marks between its thousands, or decimals.
const AMOUNT_MAX: usize = 6;
/// So many digits in one word, or in all, are a whole number, if the last of them stand together.
const WHOLE_WORD_MIN: usize = 7;
const WHOLE_MIN: usize = 10;
const LAST_GROUP_MIN: usize = 4;
/// What spreadsheets show instead of a value.
const ERRORS: &[&str] = &["#num!", "#ref!", "#value!", "#name?", "#n/a", "#div/0!", "#null!"];

/// Why the whole of a text is no number, if it looks like something else.
pub(super) fn of_text(text: &str) -> Option<NotDialable> {
    let text = text.trim().trim_matches(['=', '\'', '"']);
    let lower = text.to_ascii_lowercase();
    let hashes = text.len() >= 2 && text.bytes().all(|b| b == b'#');
    if is_exponent(&lower) || hashes || ERRORS.contains(&lower.as_str()) {
        return Some(NotDialable::Spreadsheet);
    }
    is_iban(text).then_some(NotDialable::Iban)
}

/// `436601234567.0`: a spreadsheet took the number for an amount. Without that ending.
pub(super) fn without_decimals(text: &str) -> &str {
    let trimmed = text.trim();
    let whole = trimmed.rsplit_once(['.', ',']).filter(|(number, zeros)| {
        let digits = number.strip_prefix('+').unwrap_or(number);
        matches!(*zeros, "0" | "00")
            && digits.len() >= 6
            && digits.bytes().all(|b| b.is_ascii_digit())
    });
    whole.map_or(text, |(number, _)| number)
}

/// Leaves dates, times, prices and IP addresses out of a text. Tells which there were.
pub(super) fn without_lookalikes(text: &str) -> (String, Option<NotDialable>) {
    // Nearly all texts have none of the marks.
    let marked =
        text.contains(|c: char| matches!(c, '.' | '/' | ':' | '-') || !c.is_ascii() || c == '$');
    if !marked && !text.contains(|c: char| c.is_alphabetic()) {
        return (text.to_owned(), None);
    }
    let words: Vec<&str> = text.split(' ').collect();
    let mut kept: Vec<&str> = Vec::with_capacity(words.len());
    let mut found = None;
    let mut at = 0;
    while at < words.len() {
        let known = of_word(&words, at).map(|why| (why, 1));
        let Some((why, len)) = known.or_else(|| remark_at(&words, at, &kept)) else {
            kept.push(words[at]);
            at += 1;
            continue;
        };
        at += len;
        found = Some(why);
        // One comma still parts the numbers on both sides; two would be a pause.
        let is_comma = |it: &&str| it.ends_with([',', ';']);
        if is_comma(&words[at - 1]) && !kept.last().is_some_and(is_comma) {
            kept.push(",");
        }
    }
    if found.is_none() { (text.to_owned(), None) } else { (kept.join(" "), found) }
}

/// What a word is, if it is no part of a number.
fn of_word(words: &[&str], at: usize) -> Option<NotDialable> {
    let begun = || is_begun(&words[..at]);
    let bare = words[at].trim_matches(['(', ')', '[', ']', ',', ';', '"', '\'']);
    let next = words.get(at + 1).copied().unwrap_or_default();
    let next = next.trim_matches(['.', ',', ';', ')']);
    let before = at.checked_sub(1).map(|at| words[at]).unwrap_or_default();
    let before = before.trim_matches(['.', ',', '(']);
    let is_hour = || is_hour(bare) && (is_only_clock(next) || (is_clock(next) && !begun()));
    if is_date(bare) {
        Some(NotDialable::Date)
    } else if is_time(bare) || is_hour() {
        Some(NotDialable::Time)
    } else if is_price(bare, before, next, begun) {
        Some(NotDialable::Price)
    } else {
        is_ip(bare).then_some(NotDialable::Address)
    }
}

/// `6.04E+11`, `1,23457e+09`: a number of which only the first digits are left.
fn is_exponent(lower: &str) -> bool {
    let Some((number, power)) = lower.split_once('e') else { return false };
    let power = power.strip_prefix(['+', '-']).unwrap_or(power);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = number.strip_prefix(['+', '-']).unwrap_or(number);
    let mut parts = number.split(['.', ',']);
    let whole = parts.next().is_some_and(|it| digits(it) && it.len() <= 3);
    let rest = parts.all(digits);
    whole && rest && digits(power) && power.len() <= 3
}

/// ISO 13616: two letters, two digits, then at most 30 letters and digits, in groups of four or in one.
fn is_iban(text: &str) -> bool {
    let text = text.trim();
    let head = text.get(..4).filter(|it| it.eq_ignore_ascii_case("iban"));
    let text = head.map_or(text, |_| text[4..].trim_start_matches([':', ' ']));
    let joined: Vec<u8> = text.bytes().filter(|b| !matches!(b, b' ' | b'-')).collect();
    let shaped = (15..=34).contains(&joined.len())
        && joined[..2].iter().all(u8::is_ascii_uppercase)
        && joined[2..4].iter().all(u8::is_ascii_digit)
        && joined[4..].iter().all(u8::is_ascii_alphanumeric);
    if !shaped {
        return false;
    }
    let groups: Vec<&str> = text.split([' ', '-']).collect();
    let fours = groups.len() == 1 || groups[..groups.len() - 1].iter().all(|it| it.len() == 4);
    // Modulo 97 of the text with its head behind, letters as two digits.
    let digits = joined[4..].iter().chain(&joined[..4]).map(|b| match b {
        b'0'..=b'9' => (u64::from(b - b'0'), 10),
        b => (u64::from(b.to_ascii_uppercase() - b'A') + 10, 100),
    });
    fours || digits.fold(0, |rest, (value, times)| (rest * times + value) % 97) == 1
}

/// Day, month and year in any usual order, with a time behind it or not.
fn is_date(text: &str) -> bool {
    let text = text.split('T').next().unwrap_or(text);
    let Some(mark) = text.chars().find(|c| matches!(c, '.' | '/' | '-')) else { return false };
    let parts: Vec<&str> = text.trim_end_matches('.').split(mark).collect();
    let [a, b, c] = parts.as_slice() else { return false };
    let number = |text: &str| {
        let good = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if good { text.parse::<u16>().ok() } else { None }
    };
    let (Some(one), Some(two), Some(three)) = (number(a), number(b), number(c)) else {
        return false;
    };
    let year = |text: &str, value: u16| text.len() == 4 && (1900..2100).contains(&value);
    let day_and_month =
        |x: u16, y: u16| (1..=31).contains(&x) && (1..=31).contains(&y) && (x <= 12 || y <= 12);
    let short = |text: &str| text.len() <= 2;
    // `12.03.78` may be a number in pairs; with a single digit it is none.
    let single = [a, b].iter().any(|it| it.len() == 1) && c.len() == 2;
    (single && short(a) && short(b) && day_and_month(one, two))
        || (year(c, three) && short(a) && short(b) && day_and_month(one, two))
        || (year(a, one)
            && short(b)
            && short(c)
            && (1..=12).contains(&two)
            && (1..=31).contains(&three))
}

/// `12:30`, `9:00-17:00`, `08:15:00`, `24/7`.
fn is_time(text: &str) -> bool {
    if ROUND_THE_CLOCK.contains(&text) {
        return true;
    }
    let text = text.trim_end_matches(['h', 'H', 'Z']);
    text.contains(':')
        && text.split('-').all(|part| {
            let fields: Vec<&str> = part.split(':').collect();
            let hour =
                fields.first().and_then(|it| it.parse::<u8>().ok()).is_some_and(|it| it <= 24);
            let short = |it: &&str| it.len() == 2 && it.parse::<u8>().is_ok_and(|it| it < 60);
            hour && (2..=3).contains(&fields.len())
                && fields[0].len() <= 2
                && fields[1..].iter().all(short)
        })
}

/// `9`, `9-17`, `9.30-17.00`, in front of a word that makes a time of it.
fn is_hour(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 11
        && text.split('-').all(|part| {
            let mut fields = part.split('.');
            let hour =
                fields.next().and_then(|it| it.parse::<u8>().ok()).is_some_and(|it| it <= 24);
            hour && fields.all(|it| it.len() == 2 && it.parse::<u8>().is_ok_and(|it| it < 60))
        })
}

/// Words that stand behind the time of day. `am` is also a word of German (`am Abend`).
fn is_clock(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "h" | "am" | "pm" | "a.m" | "p.m")
}

/// Words that stand behind nothing else.
fn is_only_clock(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "uhr" | "o'clock")
}

/// Whether the words end with the beginning of a number: the next digits are more of it.
fn is_begun(words: &[&str]) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let Some(last) = words.last().filter(|it| it.ends_with(|c| is_digit(c) || c == ')')) else {
        return false;
    };
    let is_part = |it: &&&str| !it.contains(char::is_alphabetic);
    let all: usize = words.iter().rev().take_while(is_part).map(|it| digits(it)).sum();
    let together = last.len() - last.trim_end_matches(is_digit).len();
    let whole = digits(last) >= WHOLE_WORD_MIN || all >= WHOLE_MIN;
    digits(last) > 0 && !(whole && together >= LAST_GROUP_MIN)
}

/// `12,50 EUR`, `€ 1.200`, `CHF 50.-`; without decimals no digits of a number that has `begun`.
fn is_price(text: &str, before: &str, next: &str, begun: impl Fn() -> bool) -> bool {
    // `1,99€/min`, `0.20 €/Anruf`.
    let (text, next) = (without_unit(text), without_unit(next));
    let bare = MONEY.iter().find_map(|it| text.strip_prefix(it).or_else(|| text.strip_suffix(it)));
    if let Some(amount) = bare {
        return Amount::parse(amount).is_some();
    }
    let Some(amount) = Amount::parse(text) else { return false };
    let money = |word: &str| {
        MONEY.contains(&word)
            || CURRENCIES.contains(&word)
            || MONEY_WORDS.contains(&word.to_ascii_lowercase().as_str())
            || (amount.exact && CURRENCIES.contains(&word.to_ascii_uppercase().as_str()))
    };
    let small = SMALL_MONEY.contains(&next) && text.len() <= 3;
    (money(before) || money(next) || small) && (amount.exact || !begun())
}

/// Without what an amount is paid for.
fn without_unit(text: &str) -> &str {
    let is_unit = |unit: &str| {
        let unit = unit.trim_end_matches('.');
        !unit.is_empty() && unit.chars().all(char::is_alphabetic)
    };
    text.split_once('/').filter(|(_, unit)| is_unit(unit)).map_or(text, |(amount, _)| amount)
}

/// A number of money.
struct Amount {
    /// It has decimals, or what stands for them (`50.-`), as no telephone number has.
    exact: bool,
}

impl Amount {
    fn parse(text: &str) -> Option<Amount> {
        let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
        let cents = |it: &str| matches!(it, "-" | "--") || (it.len() == 2 && is_digits(it));
        let (whole, exact) = match text.rsplit_once(['.', ',']) {
            Some((whole, rest)) if cents(rest) => (whole, true),
            _ => (text, false),
        };
        let mark = whole.chars().find(|c| !c.is_ascii_digit());
        let mut parts = whole.split(['.', ',', '\'']);
        let first = parts.next().filter(|it| is_digits(it))?;
        let good = match mark {
            None => exact || first.len() <= AMOUNT_MAX,
            Some(mark) => {
                let one_mark = whole.chars().all(|c| c.is_ascii_digit() || c == mark);
                first.len() <= 3 && one_mark && parts.all(|it| it.len() == 3 && is_digits(it))
            }
        };
        let zero = first.len() > 1 && first.starts_with('0');
        (good && !zero).then_some(Amount { exact })
    }
}

/// `192.168.0.1`, but not `32.12.34.56` or `12.129.29.46`, which is how some people write numbers.
fn is_ip(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let octet = |it: &&str| {
        it.bytes().all(|b| b.is_ascii_digit())
            && !(it.len() > 1 && it.starts_with('0'))
            && it.parse::<u8>().is_ok()
    };
    let long = parts.iter().filter(|it| it.len() == 3).count();
    let uneven = long >= 2 || parts.iter().any(|it| it.len() == 1);
    parts.len() == 4 && uneven && parts.iter().all(octet)
}
