//! What a server says about a thing, as subjects with facts; written to a recording, read back, compared.
//!
//! ```text
//! column meno
//!   type: varchar(30)
//!   default: ''
//! trigger audit
//!   body: BEGIN
//!     | INSERT INTO denník …
//!     | END
//! ```
//!
//! Servers of different versions word the same fact differently; [`same`] knows those wordings and no others.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::outcome::Difference;

/// One thing, `column meno`, with what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// What it is called.
    pub(super) name: String,
    /// Its facts: aspect and value.
    pub(super) facts: Vec<(String, String)>,
}

impl Subject {
    /// Makes a subject without facts.
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            facts: Vec::new(),
        }
    }

    /// Adds a fact.
    pub(super) fn fact(&mut self, aspect: &str, value: impl Into<String>) {
        self.facts.push((aspect.to_owned(), value.into()));
    }

    /// Returns a fact's value.
    pub(super) fn get(&self, aspect: &str) -> Option<&str> {
        self.facts
            .iter()
            .find(|(known, _)| known == aspect)
            .map(|(_, value)| value.as_str())
    }
}

/// Subjects in the server's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Description(pub(super) Vec<Subject>);

/// Appends a description as it stands in a recording.
pub(super) fn write(text: &mut String, description: &Description) {
    for subject in &description.0 {
        text.push_str(&escape(&subject.name).replace('\n', "\\n"));
        text.push('\n');
        for (aspect, value) in &subject.facts {
            let value = escape(value).replace('\n', "\n    | ");
            let space = if value.is_empty() { "" } else { " " };
            writeln!(text, "  {aspect}:{space}{value}").expect("a string can be written to");
        }
    }
}

/// Reads what [`write()`] wrote; the error is the number of the wrong line, from 0.
pub(super) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Description, usize> {
    let mut subjects: Vec<Subject> = Vec::new();
    for (number, line) in lines.enumerate() {
        if let Some(more) = line.strip_prefix("    | ") {
            let fact = subjects
                .last_mut()
                .and_then(|subject| subject.facts.last_mut())
                .ok_or(number)?;
            fact.1.push('\n');
            fact.1.push_str(&unescape(more));
        } else if let Some(fact) = line.strip_prefix("  ") {
            let (aspect, value) = fact.split_once(':').ok_or(number)?;
            let value = value.strip_prefix(' ').unwrap_or(value);
            subjects
                .last_mut()
                .ok_or(number)?
                .fact(aspect, unescape(value));
        } else {
            subjects.push(Subject::new(unescape(line)));
        }
    }
    Ok(Description(subjects))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\r', "\\r")
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, false) => plain.push(character),
            (_, true) => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
        }
    }
    plain
}

/// Compares two descriptions; `prefix` stands before every subject's name.
pub(super) fn compare(
    prefix: &str,
    expected: &Description,
    actual: &Description,
) -> Vec<Difference> {
    let (known, found) = (by_name(expected), by_name(actual));
    let mut differences = Vec::new();
    for (name, subject) in &known.1 {
        let locus = format!("{prefix}{}", subject.name);
        match found.0.get(name) {
            None => differences.push(Difference::new(
                locus,
                "missing",
                summary(subject),
                "absent",
            )),
            Some(other) => compare_subject(&locus, subject, other, &mut differences),
        }
    }
    for (name, subject) in &found.1 {
        if !known.0.contains_key(name) {
            let locus = format!("{prefix}{}", subject.name);
            differences.push(Difference::new(locus, "extra", "absent", summary(subject)));
        }
    }
    differences
}

/// A subject's name, and how many of that name come before it.
type Place<'a> = (&'a str, usize);

/// Returns subjects by their places, and in their order.
fn by_name(
    description: &Description,
) -> (BTreeMap<Place<'_>, &Subject>, Vec<(Place<'_>, &Subject)>) {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut places = Vec::new();
    for subject in &description.0 {
        let time = times.entry(&subject.name).or_default();
        places.push(((subject.name.as_str(), *time), subject));
        *time += 1;
    }
    (places.iter().copied().collect(), places)
}

fn compare_subject(
    locus: &str,
    expected: &Subject,
    actual: &Subject,
    differences: &mut Vec<Difference>,
) {
    for (aspect, value) in &expected.facts {
        let found = actual.get(aspect);
        if !found.is_some_and(|found| same(aspect, value, found)) {
            if found.is_none() && is_later(expected, aspect) {
                continue;
            }
            let found = found.unwrap_or("absent");
            let difference = Difference::new(locus, aspect.clone(), value, found);
            differences.push(match counter_cause(aspect, value, found) {
                Some(cause) => difference.because(cause),
                None => difference,
            });
        }
    }
    for (aspect, value) in &actual.facts {
        if expected.get(aspect).is_none() && !is_later(actual, aspect) {
            differences.push(Difference::new(locus, aspect.clone(), "absent", value));
        }
    }
}

/// Returns whether a fact may be absent: recordings of before do not have it, no other table than one with another engine or key lacks it,
/// or servers before 5.1.21 do not tell it.
fn is_later(subject: &Subject, aspect: &str) -> bool {
    match aspect {
        "row format" | "auto_increment" | "character_set_client" | "collation_connection" => true,
        "starts" | "ends" | "time zone" | "sql mode" | "completion" | "comment" => {
            subject.name.starts_with("event ")
        }
        _ => false,
    }
}

/// Explains a shifted counter.
fn counter_cause(aspect: &str, expected: &str, actual: &str) -> Option<&'static str> {
    if aspect != "auto_increment" {
        return None;
    }
    let (expected, actual): (u128, u128) = (expected.parse().ok()?, actual.parse().ok()?);
    Some(if actual < expected {
        "the counter was set back: numbers of rows that were deleted are given again; InnoDB before MySQL 8 and MariaDB 10.2.4 does that at every restart"
    } else {
        "the counter has moved on: rows were inserted since, or numbers are left out"
    })
}

fn summary(subject: &Subject) -> String {
    let facts: Vec<String> = subject
        .facts
        .iter()
        .map(|(aspect, value)| format!("{aspect} {value}"))
        .collect();
    if facts.is_empty() {
        "present".to_owned()
    } else {
        facts.join(", ")
    }
}

/// Returns whether two values of a fact mean the same, in whatever server's words.
fn same(aspect: &str, expected: &str, actual: &str) -> bool {
    if expected == actual {
        return true;
    }
    match aspect {
        "collation" | "character_set" => utf8mb3(expected) == utf8mb3(actual),
        "type" => {
            let (first, second) = (width(expected), width(actual));
            first.0 == second.0 && (first.1.is_none() || second.1.is_none())
        }
        "default" | "on update" => default(expected) == default(actual),
        "engine" => expected.eq_ignore_ascii_case(actual),
        "generated" => {
            expected.replace(" PERSISTENT", " STORED") == actual.replace(" PERSISTENT", " STORED")
        }
        // Servers before MariaDB 10.2 and MySQL write partitions' names without quotes.
        "storage" => expected.replace('`', "") == actual.replace('`', ""),
        // What stands before the delimiter belongs to no body; mysqldump adds a line there.
        "body" => expected.trim() == actual.trim(),
        _ if aspect.starts_with("character_set_") || aspect.starts_with("collation_") => {
            utf8mb3(expected) == utf8mb3(actual)
        }
        _ => false,
    }
}

/// Returns a charset's or collation's name as servers before MariaDB 10.6 and MySQL 8 give it.
fn utf8mb3(name: &str) -> String {
    name.replace("utf8mb3", "utf8")
}

/// Takes the display width off an integer type, which newer servers no longer show.
fn width(text: &str) -> (String, Option<String>) {
    const INTEGERS: [&str; 6] = ["tinyint", "smallint", "mediumint", "int", "bigint", "year"];
    let text = if text.contains('\'') {
        text.to_owned()
    } else {
        text.to_ascii_lowercase()
    };
    let (Some(open), Some(close)) = (text.find('('), text.find(')')) else {
        return (text, None);
    };
    let is_shown = text.contains("zerofill") || text == "year(2)";
    if close < open || !INTEGERS.contains(&&text[..open]) || is_shown {
        return (text, None);
    }
    let width = text[open + 1..close].to_owned();
    (
        format!("{}{}", &text[..open], &text[close + 1..]),
        Some(width),
    )
}

/// Takes the quotes off a number and the dress off the current time.
fn default(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("current_timestamp") {
        return lower.trim_end_matches("()").to_owned();
    }
    let unquoted = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    match unquoted {
        Some(number)
            if !number.is_empty()
                && number
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || b"+-.e".contains(&byte)) =>
        {
            number.to_owned()
        }
        Some(_) | None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(facts: &[(&str, &str)]) -> Description {
        let mut subject = Subject::new("column meno");
        for (aspect, value) in facts {
            subject.fact(aspect, *value);
        }
        Description(vec![subject])
    }

    #[test]
    fn a_description_survives_writing_and_reading() {
        let mut description = example(&[
            ("body", "BEGIN\n  | x\\n\r\nEND\n"),
            ("default", ""),
            ("a", "b: c"),
        ]);
        description.0.push(Subject::new("odd\n\\name"));
        let mut text = String::new();
        write(&mut text, &description);
        assert_eq!(
            parse(text.split_terminator('\n')),
            Ok(description),
            "{text}"
        );
    }

    #[test]
    fn only_wordings_are_the_same() {
        let table = [
            ("type", "int(11)", "int", true),
            ("type", "int(11)", "int(10)", false),
            (
                "type",
                "int(5) unsigned zerofill",
                "int unsigned zerofill",
                false,
            ),
            ("type", "varchar(30)", "varchar(20)", false),
            ("type", "enum('A')", "enum('a')", false),
            ("default", "'0'", "0", true),
            ("default", "'NULL'", "NULL", false),
            ("default", "CURRENT_TIMESTAMP", "current_timestamp()", true),
            ("default", "''", "NULL", false),
            (
                "on update",
                "CURRENT_TIMESTAMP(3)",
                "current_timestamp(3)",
                true,
            ),
            (
                "on update",
                "CURRENT_TIMESTAMP(3)",
                "current_timestamp()",
                false,
            ),
            ("type", "year(4)", "year", true),
            ("type", "year(2)", "year", false),
            ("generated", "(`a`) PERSISTENT", "(`a`) STORED", true),
            ("generated", "(`a`) VIRTUAL", "(`a`) STORED", false),
            (
                "storage",
                "PARTITION BY HASH (id)\nPARTITIONS 4",
                "PARTITION BY HASH (`id`)\nPARTITIONS 4",
                true,
            ),
            ("collation", "utf8_general_ci", "utf8mb3_general_ci", true),
            ("collation", "cp1250_general_ci", "cp1250_czech_cs", false),
            ("engine", "MyISAM", "InnoDB", false),
            ("comment", "a", "A", false),
        ];
        for (aspect, expected, actual, equal) in table {
            let differences = compare(
                "",
                &example(&[(aspect, expected)]),
                &example(&[(aspect, actual)]),
            );
            assert_eq!(
                differences.is_empty(),
                equal,
                "{aspect} {expected} {actual}"
            );
        }
    }

    #[test]
    fn subjects_of_one_name_are_compared_one_by_one() {
        let (one, two) = (example(&[("a", "1")]), example(&[("a", "2")]));
        let joined = |first: &Description, second: &Description| {
            Description([first.0.clone(), second.0.clone()].concat())
        };
        assert_eq!(compare("", &joined(&one, &two), &joined(&one, &two)), []);
        assert_eq!(compare("", &two, &joined(&one, &two)).len(), 2);
    }

    #[test]
    fn missing_and_extra_facts_and_subjects_are_differences() {
        let one = example(&[("default", "'x'")]);
        let none = example(&[]);
        assert_eq!(compare("", &one, &none)[0].actual, "absent");
        assert_eq!(compare("", &none, &one)[0].expected, "absent");
        assert_eq!(
            compare("t ", &one, &Description::default())[0].aspect,
            "missing"
        );
        assert_eq!(
            compare("t ", &Description::default(), &one)[0].aspect,
            "extra"
        );
    }
}
