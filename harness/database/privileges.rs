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
    /// All of them, routines in a table of `mysql`.
    #[default]
    Newer,
    /// A MySQL 8: that table is gone, and rights on it show nothing.
    Newest,
}

impl Age {
    fn of_version(version: &str) -> Self {
        let major = version.split('.').next().unwrap_or_default();
        match version.get(..4) {
            Some("4.1.") => Self::Oldest,
            Some("5.0.") => Self::Old,
            _ if !version.contains("MariaDB")
                && major.parse().is_ok_and(|major: u32| major >= 8) =>
            {
                Self::Newest
            }
            Some(_) | None => Self::Newer,
        }
    }
}

/// What `SHOW GRANTS` says, one line a scope: privileges and where they hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Privileges {
    grants: Vec<(Vec<String>, String)>,
    /// What was taken away of them: MySQL from 8.0.16 on can.
    revoked: Vec<(Vec<String>, String)>,
    age: Age,
}

impl Privileges {
    /// Asks the server.
    pub(super) async fn read(connection: &mut Connection) -> Result<Self, DatabaseError> {
        let what = "the login's privileges";
        let version = connection.rows(what, "SELECT VERSION()").await?;
        let version = version.first().map(|row| text(row, 0)).unwrap_or_default();
        let lines = connection.rows(what, "SHOW GRANTS").await?;
        let lines: Vec<String> = lines.iter().map(|row| text(row, 0)).collect();
        Ok(Self::of_lines(&lines, Age::of_version(&version)))
    }

    fn of_lines(lines: &[impl AsRef<str>], age: Age) -> Self {
        let parsed = |word: &str, to: &str| {
            let lines = lines.iter().map(AsRef::as_ref);
            lines.filter_map(|line| parse(line, word, to)).collect()
        };
        Self {
            grants: parsed("GRANT ", " TO "),
            revoked: parsed("REVOKE ", " FROM "),
            age,
        }
    }

    /// Returns what keeps the login from seeing every trigger.
    pub(super) fn hides_triggers(&self, database: &str) -> Option<&'static str> {
        let seen = match self.age {
            Age::Oldest => true,
            Age::Old => self.everywhere("SUPER"),
            Age::Newer | Age::Newest => self.holds("TRIGGER", database),
        };
        (!seen).then_some("the login may not see triggers: grant it TRIGGER, on MySQL 5.0 SUPER")
    }

    /// Returns what keeps the login from seeing every procedure and function.
    pub(super) fn hides_routines(&self) -> Option<&'static str> {
        let table =
            |(names, scope): &(Vec<String>, String)| has(names, "SELECT") && scope == "mysql.proc";
        let seen = match self.age {
            Age::Oldest => true,
            Age::Old | Age::Newer => self.holds("SELECT", "mysql") || self.grants.iter().any(table),
            Age::Newest => self.everywhere("SHOW_ROUTINE") || self.everywhere("SELECT"),
        };
        (!seen).then_some(
            "the login may not see routines: grant it SELECT on mysql.proc, on MySQL 8 SHOW_ROUTINE",
        )
    }

    /// Returns what keeps the login from seeing every event.
    pub(super) fn hides_events(&self, database: &str) -> Option<&'static str> {
        (matches!(self.age, Age::Newer | Age::Newest) && !self.holds("EVENT", database))
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
        let own = |(_, scope): &&(Vec<String>, String)| {
            scope
                .strip_suffix(".*")
                .is_some_and(|pattern| pattern != "*" && like(pattern, database))
        };
        // Of several patterns that fit, the server takes one: the nearest.
        let mut fitting = self.grants.iter().filter(own).peekable();
        let by_database =
            fitting.peek().is_some() && fitting.all(|(names, _)| has(names, privilege));
        let taken = |(names, _): &(Vec<String>, String)| has(names, privilege);
        let is_revoked = self.revoked.iter().filter(own).any(taken);
        by_database || (self.everywhere(privilege) && !is_revoked)
    }
}

fn has(names: &[String], privilege: &str) -> bool {
    names
        .iter()
        .any(|name| name == privilege || name == "ALL PRIVILEGES")
}

/// Reads ``GRANT SELECT, SHOW VIEW ON `school`.* TO …``.
fn parse(line: &str, word: &str, to: &str) -> Option<(Vec<String>, String)> {
    let (names, rest) = line.strip_prefix(word)?.split_once(" ON ")?;
    let (scope, _login) = rest.split_once(to)?;
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
        Privileges::of_lines(lines, age)
    }

    #[test]
    fn rights_that_show_nothing_are_no_rights() {
        // The nearest of the patterns that fit has no TRIGGER.
        let patterns = privileges(
            &[
                "GRANT SELECT, TRIGGER ON `sch%`.* TO 'r'@'%'",
                "GRANT SELECT ON `school`.* TO 'r'@'%'",
            ],
            Age::Newer,
        );
        assert!(patterns.hides_triggers("school").is_some());
        assert_eq!(patterns.hides_triggers("schema"), None);
        assert_eq!(patterns.hides_tables("school"), None);
        let revoked = privileges(
            &[
                "GRANT SELECT, TRIGGER ON *.* TO `r`@`%`",
                "REVOKE SELECT ON `school`.* FROM `r`@`%`",
            ],
            Age::Newest,
        );
        assert!(revoked.hides_tables("school").is_some());
        assert_eq!(revoked.hides_triggers("school"), None);
        let table = [
            ("GRANT SELECT ON `mysql`.* TO `r`@`%`", "5.7.44", false),
            (
                "GRANT SELECT ON `mysql`.* TO `r`@`%`",
                "10.11.6-MariaDB",
                false,
            ),
            ("GRANT SELECT ON `mysql`.* TO `r`@`%`", "9.7.4-2", true),
            ("GRANT SELECT ON `mysql`.* TO `r`@`%`", "8.0.44", true),
            ("GRANT SHOW_ROUTINE ON *.* TO `r`@`%`", "9.7.4-2", false),
            ("GRANT SELECT ON *.* TO `r`@`%`", "8.0.11", false),
        ];
        for (line, version, hidden) in table {
            let login = privileges(&[line], Age::of_version(version));
            assert_eq!(login.hides_routines().is_some(), hidden, "{line} {version}");
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
