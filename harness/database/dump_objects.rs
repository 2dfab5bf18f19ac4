//! Views, triggers, routines and events of a dump, as the answers that a server would give about them.
//!
//! ```text
//! /*!50003 SET character_set_client  = cp1250 */ ;
//! /*!50003 SET sql_mode              = '' */ ;
//! DELIMITER ;;
//! /*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `zapis` AFTER INSERT ON `ziaci` FOR EACH ROW … */;;
//! DELIMITER ;
//! ```
//!
//! mysqldump writes them in the charset of the client that made them, which it sets before; that of MySQL 5.0 in its own.
//! Routines and events stand in a dump only where it was asked for them: it is silent otherwise.

use std::collections::BTreeSet;

use super::{
    contents::Kind,
    description::{Description, Subject},
    dump_definition::{Head, Session, event, name_of, trigger, word},
    dump_scan::{Inside, unversioned},
    dump_text::{Remark, Remarks, quoted},
    name::{Name, readable},
    objects::{describe_view, hide, number_triggers, without_database},
};
use crate::outcome::{Case, Difference};

/// What a comparison with a dump leaves out besides, for the report.
const NEVER: &str = "database: settings, logins and collations: a dump does not tell them";

/// Returns what was left out because a dump does not tell it, for the report.
pub fn not_in_dumps(cases: &[Case]) -> Vec<String> {
    let mut left_out = vec![NEVER.to_owned()];
    for kind in [Kind::Routines, Kind::Events] {
        let id = format!("database/{}", kind.as_str());
        if !cases.iter().any(|case| case.id.to_string() == id) {
            left_out.push(format!("database: {}: {}", kind.as_str(), silence(kind)));
        }
    }
    left_out
}

/// Takes off what a dump tells in the body alone, and writes texts in bodies of triggers in one way: servers show them with escapes
/// where a dump has them as they were typed.
pub(super) fn as_in_dumps(kind: Kind, mut description: Description) -> Description {
    for subject in &mut description.0 {
        let mode = subject.get("sql mode").unwrap_or_default().to_owned();
        match kind {
            Kind::Routines => {
                let told = |aspect: &str| aspect != "security" && aspect != "comment";
                subject.facts.retain(|(aspect, _)| told(aspect));
            }
            Kind::Triggers if !mode.contains("NO_BACKSLASH_ESCAPES") => {
                for (_, body) in subject
                    .facts
                    .iter_mut()
                    .filter(|(aspect, _)| aspect == "body")
                {
                    *body = in_one_way(body);
                }
            }
            Kind::Triggers | Kind::Views | Kind::Events | Kind::Grants | Kind::Collations => {}
        }
    }
    description
}

/// Writes what stands in single quotes with an escape for each character that may have one.
fn in_one_way(body: &str) -> String {
    let bytes = body.as_bytes();
    let mut written = Vec::with_capacity(bytes.len());
    let (mut inside, mut at) = (Inside::Code, 0);
    while at < bytes.len() {
        let text = (inside, bytes[at]) == (Inside::Code, b'\'');
        if let Some((value, rest)) = quoted(&bytes[at..]).filter(|_| text) {
            written.push(b'\'');
            for byte in value {
                match byte {
                    0 => written.extend(b"\\0"),
                    b'\n' => written.extend(b"\\n"),
                    b'\r' => written.extend(b"\\r"),
                    26 => written.extend(b"\\Z"),
                    b'\'' | b'\\' => written.extend([b'\\', byte]),
                    other => written.push(other),
                }
            }
            written.push(b'\'');
            at = bytes.len() - rest.len();
            continue;
        }
        let (next, length) = inside.advance(bytes, at, true);
        let end = bytes.len().min(at + length);
        written.extend_from_slice(&bytes[at..end]);
        (inside, at) = (next, end);
    }
    String::from_utf8(written).unwrap_or_else(|_cut| body.to_owned())
}

/// Explains triggers that are on one side only, where a dump has none.
pub(super) fn explain_triggers(differences: &mut [Difference]) {
    for difference in differences {
        difference.cause = Some(
            "the dump has no trigger: mysqldump writes them unless --skip-triggers was given or its login may not see them".to_owned(),
        );
    }
}

/// What a dump makes beside tables.
#[derive(Debug, Default)]
pub(super) struct Objects {
    session: Session,
    views: Vec<(Name, Subject)>,
    /// Views whose place was taken by a table or an empty view, which must follow.
    placeholders: BTreeSet<String>,
    triggers: Vec<Subject>,
    routines: Vec<Subject>,
    events: Vec<Subject>,
}

impl Objects {
    /// Takes a statement that makes no table; `decode` reads what is in the dump's own charset.
    pub(super) fn take(
        &mut self,
        statement: &[u8],
        decode: impl Fn(&[u8]) -> String,
        remarks: &Remarks,
    ) -> Result<(), &'static str> {
        let plain = unversioned(statement);
        let starts = |word: &str| {
            let start = plain.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        };
        if starts("SET ") {
            self.session.take(&readable(&plain));
        } else if starts("CREATE ") {
            let text = if self.session.get("character_set_client").is_some() {
                readable(&plain)
            } else {
                decode(&plain)
            };
            self.create(&text, remarks)?;
        }
        Ok(())
    }

    fn create(&mut self, text: &str, remarks: &Remarks) -> Result<(), &'static str> {
        let head = Head::read(text);
        match head.kind.as_str() {
            "TABLE" => {
                self.placeholders.insert(word(head.rest).0);
            }
            "VIEW" if !head.is_complete => {
                self.placeholders.insert(word(head.rest).0);
            }
            "VIEW" => {
                let name = word(head.rest).0;
                self.placeholders.remove(&name);
                let name = Name::from(name.as_str());
                let database = remarks.database.as_deref().map(readable);
                let text = match database {
                    Some(database) if !database.is_empty() => without_database(text, &database),
                    Some(_) | None => text.to_owned(),
                };
                let mut subject = describe_view(&name, &text);
                self.session.charsets(&mut subject);
                self.views.push((name, subject));
            }
            "TRIGGER" => {
                let made = trigger(&head, &self.session);
                self.triggers.push(made.ok_or("a trigger can't be read")?);
            }
            "EVENT" => {
                let made = event(&head, &self.session);
                self.events.push(made.ok_or("an event can't be read")?);
            }
            kind @ ("PROCEDURE" | "FUNCTION" | "PACKAGE") => {
                let (name, rest) = name_of(head.rest);
                let title = match name.as_str() {
                    "BODY" => format!("package body {}", name_of(rest).0),
                    _ => format!("{} {name}", kind.to_ascii_lowercase()),
                };
                let mut subject = Subject::new(title);
                subject.fact("definer", &head.definer);
                self.session.facts(&mut subject);
                subject.fact("body", text);
                self.routines.push(subject);
            }
            "SEQUENCE" => {
                return Err(
                    "the dump makes a sequence, which is not read: restore it and compare the server",
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the names of views.
    pub(super) fn views(&self) -> Vec<Name> {
        let made = self.views.iter().map(|(name, _)| name.clone());
        let held = self
            .placeholders
            .iter()
            .map(|name| Name::from(name.as_str()));
        made.chain(held)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Returns what the dump makes of a kind, or why it does not say.
    pub(super) fn of(&self, kind: Kind, remarks: &Remarks) -> Description {
        let before = |version| remarks.version.is_some_and(|known| known < version);
        let said = |remark| remarks.said.contains(&remark);
        let (made, told) = match kind {
            Kind::Views => {
                if let Some(name) = self.placeholders.first() {
                    return hide(&format!("the dump holds only the place of the view {name}"));
                }
                let views = self.views.iter().map(|(_, subject)| subject.clone());
                (views.collect(), true)
            }
            Kind::Triggers => {
                let mut triggers = self.triggers.clone();
                number_triggers(&mut triggers);
                (triggers, true)
            }
            Kind::Routines => (
                self.routines.clone(),
                said(Remark::Routines) || before((5, 0)),
            ),
            Kind::Events => (self.events.clone(), said(Remark::Events) || before((5, 1))),
            Kind::Grants | Kind::Collations => (Vec::new(), false),
        };
        if made.is_empty() && !told {
            return hide(silence(kind));
        }
        let mut made: Vec<Subject> = made;
        made.sort_by(|first, second| first.name.cmp(&second.name));
        Description(made)
    }
}

/// Says why a dump has nothing of a kind.
fn silence(kind: Kind) -> &'static str {
    match kind {
        Kind::Routines => "the dump has none: was it made without --routines?",
        Kind::Events => "the dump has none: was it made without --events?",
        Kind::Views | Kind::Triggers | Kind::Grants | Kind::Collations => {
            "a dump does not tell them"
        }
    }
}
