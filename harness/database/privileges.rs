//! What the login may see. A server does not refuse to list triggers or routines that a login has no right to: it lists
//! none, and a comparison that took that for the truth would be green over anything.

use super::{connection::Connection, error::DatabaseError, schema::text};

/// What a server can have that a login may not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Age {
    /// A MySQL 4.1: no triggers, no routines, no events.
    Oldest,
    /// A MySQL 5.0: no events, and only SUPER sees triggers.
    Old,
    /// All of them.
    #[default]
    Newer,
}

/// What `SHOW GRANTS` says, one line a scope: privileges and where they hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Privileges {
    grants: Vec<(Vec<String>, String)>,
    age: Age,
}

impl Privileges {
    /// Asks the server.
    pub(super) async fn read(connection: &mut Connection) -> Result<Self, DatabaseError> {
        let what = "the login's privileges";
        let version = connection.rows(what, "SELECT VERSION()").await?;
        let version = version.first().map(|row| text(row, 0)).unwrap_or_default();
        let age = match version.get(..4) {
            Some("4.1.") => Age::Oldest,
            Some("5.0.") => Age::Old,
            Some(_) | None => Age::Newer,
        };
        let lines = connection.rows(what, "SHOW GRANTS").await?;
        let grants = lines
            .iter()
            .filter_map(|row| parse(&text(row, 0)))
            .collect();
        Ok(Self { grants, age })
    }

    /// Returns what keeps the login from seeing every trigger.
    pub(super) fn hides_triggers(&self, database: &str) -> Option<&'static str> {
        let seen = match self.age {
            Age::Oldest => true,
            Age::Old => self.everywhere("SUPER"),
            Age::Newer => self.holds("TRIGGER", database),
        };
        (!seen).then_some("the login may not see triggers: grant it TRIGGER, on MySQL 5.0 SUPER")
    }

    /// Returns what keeps the login from seeing every procedure and function.
    pub(super) fn hides_routines(&self) -> Option<&'static str> {
        let seen = self.age == Age::Oldest
            || self.holds("SELECT", "mysql")
            || self
                .grants
                .iter()
                .any(|(names, scope)| has(names, "SELECT") && scope == "mysql.proc");
        (!seen).then_some("the login may not see routines: grant it SELECT on mysql.proc")
    }

    /// Returns what keeps the login from seeing every event.
    pub(super) fn hides_events(&self, database: &str) -> Option<&'static str> {
        (self.age == Age::Newer && !self.holds("EVENT", database))
            .then_some("the login may not see events: grant it EVENT")
    }

    /// Returns what keeps the login from seeing every table.
    pub(super) fn hides_tables(&self, database: &str) -> Option<&'static str> {
        (!self.holds("SELECT", database))
            .then_some("the login may not see every table: grant it SELECT on the whole database")
    }

    fn everywhere(&self, privilege: &str) -> bool {
        self.grants
            .iter()
            .any(|(names, scope)| has(names, privilege) && scope == "*.*")
    }

    fn holds(&self, privilege: &str, database: &str) -> bool {
        let covers = |scope: &str| {
            scope == "*.*"
                || scope
                    .strip_suffix(".*")
                    .is_some_and(|pattern| like(pattern, database))
        };
        self.grants
            .iter()
            .any(|(names, scope)| has(names, privilege) && covers(scope))
    }
}

fn has(names: &[String], privilege: &str) -> bool {
    names
        .iter()
        .any(|name| name == privilege || name == "ALL PRIVILEGES")
}

/// Reads ``GRANT SELECT, SHOW VIEW ON `school`.* TO …``.
fn parse(line: &str) -> Option<(Vec<String>, String)> {
    let (names, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let (scope, _login) = rest.split_once(" TO ")?;
    Some((
        names.split(", ").map(str::to_ascii_uppercase).collect(),
        scope.replace('`', ""),
    ))
}

/// Returns whether a name fits a pattern of GRANT: `%`, `_`, and both escaped.
pub(super) fn like(pattern: &str, name: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => name.is_empty(),
        Some('%') => (0..=name.len())
            .filter_map(|start| name.get(start..))
            .any(|rest| like(characters.as_str(), rest)),
        Some('_') => {
            let mut rest = name.chars();
            rest.next().is_some() && like(characters.as_str(), rest.as_str())
        }
        Some('\\') => characters.next().is_some_and(|wanted| {
            name.strip_prefix(wanted)
                .is_some_and(|rest| like(characters.as_str(), rest))
        }),
        Some(wanted) => name
            .strip_prefix(wanted)
            .is_some_and(|rest| like(characters.as_str(), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn privileges(lines: &[&str], age: Age) -> Privileges {
        Privileges {
            grants: lines.iter().filter_map(|line| parse(line)).collect(),
            age,
        }
    }

    #[test]
    fn what_a_login_may_not_see_is_known() {
        let all = privileges(
            &["GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION"],
            Age::Old,
        );
        assert_eq!(
            (
                all.hides_triggers("x"),
                all.hides_routines(),
                all.hides_events("x"),
                all.hides_tables("x")
            ),
            (None, None, None, None)
        );
        let school = [
            "GRANT USAGE ON *.* TO 'r'@'%' IDENTIFIED BY PASSWORD '*X'",
            "GRANT SELECT, TRIGGER ON `sch\\_ol`.* TO 'r'@'%'",
        ];
        let reader = privileges(&school, Age::Newer);
        assert_eq!(
            (
                reader.hides_triggers("sch_ol"),
                reader.hides_tables("sch_ol")
            ),
            (None, None)
        );
        assert!(reader.hides_tables("school").is_some());
        assert!(reader.hides_routines().is_some());
        let oldest = privileges(&school, Age::Oldest);
        assert_eq!(
            (
                oldest.hides_triggers("x"),
                oldest.hides_routines(),
                oldest.hides_events("x")
            ),
            (None, None, None)
        );
        assert!(reader.hides_events("sch_ol").is_some());
        assert!(
            privileges(&school, Age::Old)
                .hides_triggers("sch_ol")
                .is_some()
        );
        assert!(
            privileges(&["GRANT SELECT ON `x`.`t` TO 'r'@'%'"], Age::Newer)
                .hides_tables("x")
                .is_some()
        );
    }
}
