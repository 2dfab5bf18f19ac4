//! The names of days, months and time zones as pages write them.
//!
//! In a format a table stands in braces, and the case of its key is the case of the word: `{sk-day}` is `utorok`, `{Sk-day}`
//! is `Utorok`, `{SK-day}` is `UTOROK`.

use std::sync::LazyLock;

/// What a table's word numbers, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A month.
    Month,
    /// A day of the week, Monday first.
    Weekday,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// `utorok`.
    Small,
    /// `Utorok`.
    Title,
    /// `UTOROK`.
    Capital,
}

/// One table of names in small letters.
type Table = (&'static str, Named, &'static [&'static str]);

/// All tables. `sk` and `cs` are genitives, which stand behind a day.
const TABLES: [Table; 15] = [
    (
        "sk",
        Named::Month,
        &[
            "januára",
            "februára",
            "marca",
            "apríla",
            "mája",
            "júna",
            "júla",
            "augusta",
            "septembra",
            "októbra",
            "novembra",
            "decembra",
        ],
    ),
    (
        "cs",
        Named::Month,
        &[
            "ledna",
            "února",
            "března",
            "dubna",
            "května",
            "června",
            "července",
            "srpna",
            "září",
            "října",
            "listopadu",
            "prosince",
        ],
    ),
    (
        "sk-month",
        Named::Month,
        &[
            "január",
            "február",
            "marec",
            "apríl",
            "máj",
            "jún",
            "júl",
            "august",
            "september",
            "október",
            "november",
            "december",
        ],
    ),
    (
        "cs-month",
        Named::Month,
        &[
            "leden",
            "únor",
            "březen",
            "duben",
            "květen",
            "červen",
            "červenec",
            "srpen",
            "září",
            "říjen",
            "listopad",
            "prosinec",
        ],
    ),
    (
        "en-month",
        Named::Month,
        &[
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
    ),
    (
        "de-month",
        Named::Month,
        &[
            "januar",
            "februar",
            "märz",
            "april",
            "mai",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "dezember",
        ],
    ),
    (
        "en-mon",
        Named::Month,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    (
        "sk-mon",
        Named::Month,
        &[
            "jan", "feb", "mar", "apr", "máj", "jún", "júl", "aug", "sep", "okt", "nov", "dec",
        ],
    ),
    (
        "sk-day",
        Named::Weekday,
        &[
            "pondelok", "utorok", "streda", "štvrtok", "piatok", "sobota", "nedeľa",
        ],
    ),
    (
        "cs-day",
        Named::Weekday,
        &[
            "pondělí",
            "úterý",
            "středa",
            "čtvrtek",
            "pátek",
            "sobota",
            "neděle",
        ],
    ),
    (
        "en-day",
        Named::Weekday,
        &[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ],
    ),
    (
        "de-day",
        Named::Weekday,
        &[
            "montag",
            "dienstag",
            "mittwoch",
            "donnerstag",
            "freitag",
            "samstag",
            "sonntag",
        ],
    ),
    (
        "sk-short",
        Named::Weekday,
        &["po", "ut", "st", "št", "pi", "so", "ne"],
    ),
    (
        "cs-short",
        Named::Weekday,
        &["po", "út", "st", "čt", "pá", "so", "ne"],
    ),
    (
        "en-short",
        Named::Weekday,
        &["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    ),
];

/// The German short names, which a page has with a capital only.
const GERMAN_SHORT: Table = (
    "de-short",
    Named::Weekday,
    &["mo", "di", "mi", "do", "fr", "sa", "so"],
);

/// Names of zones that `date('T')` writes in Europe, and the two of the world.
const ZONES: [&str; 14] = [
    "CET", "CEST", "MET", "MEST", "EET", "EEST", "WET", "WEST", "GMT", "BST", "IST", "MSK", "UTC",
    "Z",
];

/// No short name is longer, in bytes.
pub(super) const LONGEST_SHORT: usize = 4;

/// Formats of a weekday's short name; such words are days only beside a date or time.
pub(super) const SHORT_WEEKDAYS: [&str; 7] = [
    "{sk-short}",
    "{Sk-short}",
    "{cs-short}",
    "{Cs-short}",
    "{En-short}",
    "{EN-short}",
    "{De-short}",
];

/// Reads a name at the beginning of `text`: its number, what it numbers, and the rest.
pub(super) fn read<'a>(key: &str, text: &'a str) -> Option<(i64, Named, &'a str)> {
    let small = key.to_lowercase();
    let (_, named, words) = TABLES
        .iter()
        .chain([&GERMAN_SHORT])
        .find(|(known, _, _)| *known == small)?;
    let end = text
        .find(|character: char| !character.is_alphabetic())
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() || word.len() > LONGEST || case(word) != case(key.split('-').next()?) {
        return None;
    }
    let word = word.to_lowercase();
    let index = words.iter().position(|known| *known == word)?;
    Some((i64::try_from(index).ok()? + 1, *named, rest))
}

/// Reads a zone's name at the beginning of `text`, and returns the rest.
pub(super) fn read_zone(text: &str) -> Option<(&'static str, &str)> {
    ZONES.iter().find_map(|zone| {
        let rest = text.strip_prefix(zone)?;
        (!rest.starts_with(|next: char| next.is_alphanumeric())).then_some((*zone, rest))
    })
}

/// No name is longer, in bytes.
const LONGEST: usize = 24;

/// All names of days and months, sorted: pages have many words, and few of them are one.
static KNOWN: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let words = TABLES
        .iter()
        .flat_map(|(_, _, words)| words.iter().copied());
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words
});

/// By the first byte of a word in any case: its lengths, a bit each, of which there is a name.
static LENGTHS: LazyLock<[u32; 256]> = LazyLock::new(|| {
    let mut lengths = [0; 256];
    let mut note = |word: &str| {
        if let Some(first) = word.bytes().next() {
            lengths[usize::from(first)] |= 1 << word.len();
        }
    };
    for word in KNOWN.iter().chain(&ZONES) {
        note(word);
        note(&word.to_uppercase());
    }
    lengths
});

/// Returns whether a word can begin a format.
pub(super) fn is_known(word: &str) -> bool {
    let first = word.bytes().next().unwrap_or_default();
    word.len() <= LONGEST
        && LENGTHS[usize::from(first)] & (1 << word.len()) != 0
        && (ZONES.contains(&word) || KNOWN.binary_search(&word.to_lowercase().as_str()).is_ok())
}

/// Returns the number of a weekday's long name in any language.
pub fn weekday(word: &str) -> Option<i64> {
    let small = word.to_lowercase();
    TABLES
        .iter()
        .filter(|(key, _, _)| key.ends_with("-day"))
        .find_map(|(_, _, words)| words.iter().position(|known| *known == small))
        .and_then(|index| i64::try_from(index).ok())
        .map(|index| index + 1)
}

fn case(word: &str) -> Case {
    let mut letters = word.chars();
    let first_is_capital = letters.next().is_some_and(char::is_uppercase);
    let rest = letters.as_str();
    if !first_is_capital {
        Case::Small
    } else if !rest.is_empty() && rest.chars().all(char::is_uppercase) {
        Case::Capital
    } else {
        Case::Title
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_the_case_of_their_key() {
        let number = |key: &str, text: &str| read(key, text).map(|(number, _, _)| number);
        assert_eq!(number("sk-day", "utorok, x"), Some(2));
        assert_eq!(number("Sk-day", "Štvrtok"), Some(4));
        assert_eq!(number("SK-day", "STREDA"), Some(3));
        assert_eq!(number("sk-day", "Utorok"), None);
        assert_eq!(number("cs", "července"), Some(7));
        assert_eq!(number("cs-month", "července"), None);
        assert_eq!(number("De-short", "Mo."), Some(1));
        assert_eq!(read_zone("CEST +02"), Some(("CEST", " +02")));
        assert_eq!(read_zone("CETX"), None);
        assert_eq!(weekday("Neděle"), Some(7));
    }
}
