//! Words that make a remark of the digits in front of them: how long, and on which floor.

/// The digits in front of these are always a count.
const DURATIONS: &[&str] = &[
    "hour",
    "hours",
    "hr",
    "hrs",
    "days",
    "weeks",
    "months",
    "years",
    "minutes",
    "mins",
    "std",
    "tage",
    "tagen",
    "wochen",
    "monate",
    "minuten",
    "hora",
    "horas",
    "hs",
    "días",
    "dias",
    "semanas",
    "minutos",
    "heure",
    "heures",
    "jours",
    "ora",
    "ore",
    "giorni",
    "uur",
    "dagen",
    "timmar",
    "timer",
    "dagar",
    "dygn",
    "døgn",
    "godz",
    "godzin",
    "godziny",
    "dni",
    "hodin",
    "hodiny",
    "час",
    "часа",
    "часов",
    "ч",
    "дней",
    "saat",
    "gün",
    "óra",
    "tuntia",
    "時間",
    "小时",
    "小時",
    "시간",
];
/// Also with something behind them: `Stundenservice`.
const DURATION_STEMS: &[&str] = &["stunde"];
/// The same, but they also say when somebody answers (`01 40 00 11 22 jour`).
const PERIODS: &[&str] = &[
    "day", "week", "tag", "woche", "jour", "día", "dia", "semana", "giorno", "dag", "dzień", "день",
];
const FLOORS: &[&str] = &[
    "og",
    "ug",
    "dg",
    "stock",
    "stockwerk",
    "etage",
    "floor",
    "fl",
    "obergeschoss",
    "geschoss",
    "piano",
    "piso",
    "planta",
    "andar",
    "étage",
    "verdieping",
    "våning",
    "piętro",
    "stk",
];
/// Between the two ends of a time.
const UNTIL: &[&str] =
    &["-", "to", "till", "til", "until", "thru", "bis", "a", "à", "al", "tot", "do", "до"];

/// `hours`, `Stunden-Service`, `hours/day`.
pub(super) fn is_duration(word: &str) -> bool {
    let word = first_letters(word);
    DURATIONS.contains(&word.as_str()) || DURATION_STEMS.iter().any(|it| word.starts_with(it))
}

pub(super) fn is_period(word: &str) -> bool {
    PERIODS.contains(&first_letters(word).as_str())
}

pub(super) fn is_floor(word: &str) -> bool {
    FLOORS.contains(&first_letters(word).as_str())
}

pub(super) fn is_until(word: &str) -> bool {
    UNTIL.contains(&word.to_lowercase().as_str())
}

fn first_letters(word: &str) -> String {
    word.chars().take_while(|c| c.is_alphabetic()).collect::<String>().to_lowercase()
}
