//! One definition of a dump: what stands before it and holds for it, and the words of a trigger's and an event's.

use std::collections::BTreeMap;

use super::{create_table::identifier, description::Subject, dump_text::quoted, objects::CHARSETS};

/// What stands before a definition and holds for it.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Settings by name, in small letters, that were not put back.
    set: BTreeMap<String, String>,
}

impl Session {
    /// Takes `SET [SESSION] name = value`; what is put back by `@saved` is as it was.
    pub(super) fn take(&mut self, text: &str) {
        let rest = text.get(4..).unwrap_or_default().trim_start();
        let rest = match rest.get(..8) {
            Some(word) if word.eq_ignore_ascii_case("SESSION ") => &rest[8..],
            Some(_) | None => rest,
        };
        let Some((name, value)) = rest.split_once('=') else {
            return;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if value.starts_with('@') {
            self.set.remove(&name);
        } else if !name.starts_with('@') {
            let value = value.trim_matches(['\'', '"']);
            self.set.insert(name, value.to_owned());
        }
    }

    /// Returns a setting.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.set.get(name).map(String::as_str)
    }

    /// Adds settings that a definition keeps.
    pub(super) fn facts(&self, subject: &mut Subject) {
        if let Some(mode) = self.get("sql_mode") {
            subject.fact("sql mode", mode);
        }
        self.charsets(subject);
    }

    /// Adds the charset of the client that made a definition.
    pub(super) fn charsets(&self, subject: &mut Subject) {
        for aspect in CHARSETS {
            if let Some(name) = self.get(aspect) {
                subject.fact(aspect, name);
            }
        }
    }
}

/// What stands before a name: `CREATE DEFINER=… TRIGGER`.
pub(super) struct Head<'a> {
    /// Who defined it; empty where that is not said.
    pub(super) definer: String,
    /// Whether a view says its algorithm, as all do that are no placeholder.
    pub(super) is_complete: bool,
    /// What it makes, in capitals.
    pub(super) kind: String,
    /// What follows.
    pub(super) rest: &'a str,
}

impl<'a> Head<'a> {
    /// Reads what stands before the name.
    pub(super) fn read(text: &'a str) -> Self {
        let mut head = Self {
            definer: String::new(),
            is_complete: false,
            kind: String::new(),
            rest: text.get("CREATE ".len()..).unwrap_or_default(),
        };
        loop {
            let text = head.rest.trim_start();
            if let Some(definer) = text.strip_prefix("DEFINER=") {
                let (user, rest) = word(definer);
                head.rest = rest;
                head.definer = user;
                if let Some(host) = rest.strip_prefix('@') {
                    let (host, rest) = word(host);
                    head.definer = format!("{}@{host}", head.definer);
                    head.rest = rest;
                }
                continue;
            }
            let (next, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            head.rest = rest;
            let next = next.to_ascii_uppercase();
            head.is_complete |= next.starts_with("ALGORITHM=");
            let goes_on = [
                "OR",
                "REPLACE",
                "SQL",
                "SECURITY",
                "DEFINER",
                "INVOKER",
                "AGGREGATE",
            ];
            if !(next.starts_with("ALGORITHM=") || goes_on.contains(&next.as_str())) {
                head.kind = next;
                return head;
            }
        }
    }
}

/// Reads a name in quotes of either kind, or a word.
pub(super) fn word(text: &str) -> (String, &str) {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('`') {
        return identifier(quoted);
    }
    if let Some((name, rest)) = text.strip_prefix('"').and_then(|text| text.split_once('"')) {
        return (name.to_owned(), rest);
    }
    if let Some((name, rest)) = text
        .strip_prefix('\'')
        .and_then(|text| text.split_once('\''))
    {
        return (name.to_owned(), rest);
    }
    let end = text.find(|c: char| c.is_whitespace() || "@.(`".contains(c));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    (name.to_owned(), rest)
}

/// Reads a name, without the database before it.
pub(super) fn name_of(text: &str) -> (String, &str) {
    let (name, rest) = word(text);
    match rest.trim_start().strip_prefix('.') {
        Some(own) => word(own),
        None => (name, rest),
    }
}

/// Takes words off the start, whatever their case; `None` if others stand there.
fn skip<'a>(mut text: &'a str, words: &[&str]) -> Option<&'a str> {
    for wanted in words {
        let (found, rest) = word(text);
        if !found.eq_ignore_ascii_case(wanted) {
            return None;
        }
        text = rest;
    }
    Some(text)
}

/// Reads ``TRIGGER `zapis` AFTER INSERT ON `ziaci` FOR EACH ROW …``.
pub(super) fn trigger(head: &Head<'_>, session: &Session) -> Option<Subject> {
    let rest = skip(head.rest, &["IF", "NOT", "EXISTS"]).unwrap_or(head.rest);
    let (name, rest) = name_of(rest);
    let (timing, rest) = word(rest);
    let (happening, rest) = word(rest);
    let (table, rest) = name_of(skip(rest, &["ON"])?);
    let mut body = skip(rest, &["FOR", "EACH", "ROW"])?;
    for order in ["FOLLOWS", "PRECEDES"] {
        if let Some(rest) = skip(body, &[order]) {
            body = name_of(rest).1;
        }
    }
    let mut subject = Subject::new(format!("trigger {name}"));
    subject.fact("event", happening.to_ascii_uppercase());
    subject.fact("table", table);
    subject.fact("body", body.trim());
    subject.fact("timing", timing.to_ascii_uppercase());
    subject.fact("definer", &head.definer);
    session.facts(&mut subject);
    Some(subject)
}

/// The words for an event's state, the longest first.
const STATES: [(&[&str], &str); 4] = [
    (&["ENABLE"], "ENABLED"),
    (&["DISABLE", "ON", "SLAVE"], "SLAVESIDE_DISABLED"),
    (&["DISABLE", "ON", "REPLICA"], "SLAVESIDE_DISABLED"),
    (&["DISABLE"], "DISABLED"),
];

/// Reads ``EVENT `e` ON SCHEDULE EVERY 1 DAY STARTS '…' ON COMPLETION PRESERVE ENABLE DO …``.
pub(super) fn event(head: &Head<'_>, session: &Session) -> Option<Subject> {
    let (name, rest) = name_of(head.rest);
    let mut rest = skip(rest, &["ON", "SCHEDULE"])?;
    let mut subject = Subject::new(format!("event {name}"));
    subject.fact("definer", &head.definer);
    let (mut starts, mut ends) = (String::new(), String::new());
    if let Some(at) = skip(rest, &["AT"]) {
        let (at, after) = word(at);
        rest = after;
        subject.fact("kind", "ONE TIME");
        subject.fact("at", at);
        subject.fact("every", "");
        subject.fact("unit", "");
    } else {
        let every = skip(rest, &["EVERY"])?.trim_start();
        let (_number, after) = word(every);
        let written = every[..every.len() - after.len()].to_owned();
        let (unit, after) = word(after);
        rest = after;
        for (place, value) in [("STARTS", &mut starts), ("ENDS", &mut ends)] {
            if let Some(time) = skip(rest, &[place]) {
                (*value, rest) = word(time);
            }
        }
        subject.fact("kind", "RECURRING");
        subject.fact("at", "");
        subject.fact("every", written);
        subject.fact("unit", unit);
    }
    let rest = skip(rest, &["ON", "COMPLETION"])?;
    let (completion, rest) = match skip(rest, &["NOT", "PRESERVE"]) {
        Some(rest) => ("not preserved", rest),
        None => ("preserved", skip(rest, &["PRESERVE"])?),
    };
    let (status, rest) = STATES
        .into_iter()
        .find_map(|(words, status)| Some((status, skip(rest, words)?)))?;
    let (comment, rest) = match skip(rest, &["COMMENT"]) {
        Some(rest) => {
            let (comment, rest) = quoted(rest.trim_start().as_bytes())?;
            let rest = str::from_utf8(rest).ok()?;
            (String::from_utf8(comment).ok()?, rest)
        }
        None => (String::new(), rest),
    };
    subject.fact("status", status);
    subject.fact("completion", completion);
    subject.fact("comment", comment);
    subject.fact("starts", starts);
    subject.fact("ends", ends);
    if let Some(zone) = session.get("time_zone") {
        subject.fact("time zone", zone);
    }
    session.facts(&mut subject);
    subject.fact("body", skip(rest, &["DO"])?.trim());
    Some(subject)
}
