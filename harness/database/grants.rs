//! The logins of an application: what each may do in the database, and which kind of password it has.
//!
//! A hash is never kept, only its kind: one of before MySQL 4.1 (16 digits) makes new clients fail, and the other way round.
//! Logins whose rights hold everywhere are the administrator's and not compared.

use super::{
    connection::Connection,
    description::{Description, Subject},
    error::DatabaseError,
    name::Name,
    objects::hide,
    privileges::like,
    schema::text,
};

/// Why the logins can't be seen.
const HIDDEN: &str = "the login may not see other logins: grant it SELECT on the database mysql";

/// Reads the logins that have rights of their own in the database.
pub(super) async fn read_grants(
    connection: &mut Connection,
    database: &str,
) -> Result<Description, DatabaseError> {
    let what = "the logins";
    let own = Name::from(database).literal();
    let query = [
        b"SELECT DISTINCT User, Host FROM mysql.db WHERE ".as_slice(),
        &own,
        b" LIKE Db ORDER BY User, Host",
    ]
    .concat();
    let Some(logins) = connection.rows_if_allowed(what, query).await? else {
        return Ok(hide(HIDDEN));
    };
    let mut subjects = Vec::new();
    for row in &logins {
        let name = |index: usize| Name(row.get(index).cloned().flatten().unwrap_or_default());
        let (user, host) = (name(0), name(1));
        let query = [
            b"SHOW GRANTS FOR ".as_slice(),
            &user.literal(),
            b"@",
            &host.literal(),
        ]
        .concat();
        let Some(lines) = connection.rows_if_allowed(what, query).await? else {
            return Ok(hide(HIDDEN));
        };
        let lines: Vec<String> = lines.iter().map(|row| text(row, 0)).collect();
        let title = format!("login '{}'@'{}'", text(row, 0), text(row, 1));
        let told = lines.iter().find_map(|line| password(line));
        let kind = match told {
            Some(kind) => kind,
            None => match kept_password(connection, &user, &host).await? {
                Some(kind) => kind,
                None => return Ok(hide(HIDDEN)),
            },
        };
        subjects.push(login(title, kind, &lines, database));
    }
    Ok(Description(subjects))
}

/// Describes one login by the lines of `SHOW GRANTS`.
fn login(title: String, password: &str, lines: &[String], database: &str) -> Subject {
    let mut subject = Subject::new(title);
    subject.fact("password", password);
    let mut rights: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| rights(line, database))
        .collect();
    rights.sort();
    for (scope, names) in rights {
        subject.fact(&scope, names);
    }
    subject
}

/// Returns the kind of password that a line of `SHOW GRANTS` tells of. MySQL 5.6 tells a login that only reads no hash, or `<secret>`; 5.7 and
/// later say nothing.
fn password(line: &str) -> Option<&'static str> {
    let hash = line.split_once("IDENTIFIED BY PASSWORD '")?.1;
    Some(kind(hash.split('\'').next()?.len()))
}

/// Returns the kind of password that the server keeps, where `SHOW GRANTS` does not tell; `None` if that can't be read.
async fn kept_password(
    connection: &mut Connection,
    user: &Name,
    host: &Name,
) -> Result<Option<&'static str>, DatabaseError> {
    // MySQL 5.7 has the second column instead of the first.
    for column in ["Password", "authentication_string"] {
        let query = [
            format!("SELECT LENGTH({column}) FROM mysql.user WHERE User = ").as_bytes(),
            &user.literal(),
            b" AND Host = ",
            &host.literal(),
        ]
        .concat();
        let rows = connection.rows_if_answered("the logins", query).await?;
        let length = rows.and_then(|rows| text(rows.first()?, 0).parse().ok());
        if let Some(length) = length {
            return Ok(Some(kind(length)));
        }
    }
    Ok(None)
}

/// Returns the kind of a password by the length of its hash.
fn kind(length: usize) -> &'static str {
    match length {
        0 => "none",
        16 => "of before MySQL 4.1",
        41 => "of MySQL 4.1 and later",
        _ => "of an unknown kind",
    }
}

/// Returns where in the database rights hold and which: ``GRANT SELECT, INSERT ON `a`.* TO …`` is `everywhere` and
/// `INSERT, SELECT`. The database's own name is left out: a copy may have another.
fn rights(line: &str, database: &str) -> Option<(String, String)> {
    let (names, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let (scope, login) = rest.split_once(" TO ")?;
    let scope = scope.replace('`', "");
    let (pattern, table) = scope.rsplit_once('.')?;
    if pattern == "*" || !like(pattern, database) {
        return None;
    }
    let mut names: Vec<&str> = names.split(", ").filter(|name| *name != "USAGE").collect();
    if login.contains("WITH GRANT OPTION") {
        names.push("GRANT OPTION");
    }
    names.sort_unstable();
    let place = match table {
        "*" => "everywhere".to_owned(),
        table => format!("on {table}"),
    };
    (!names.is_empty()).then(|| (place, names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_passwords_are_told_apart_and_never_kept() {
        let table = [
            (
                "GRANT USAGE ON *.* TO 'a'@'%' IDENTIFIED BY PASSWORD '6f8c114b58f2ce9e'",
                Some("of before MySQL 4.1"),
            ),
            (
                "GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4'",
                Some("of MySQL 4.1 and later"),
            ),
            // What MySQL 5.6 shows to a login that only reads is no word on the password.
            ("GRANT USAGE ON *.* TO 'a'@'%' IDENTIFIED BY PASSWORD", None),
            (
                "GRANT USAGE ON *.* TO 'a'@'%' IDENTIFIED BY PASSWORD <secret>",
                None,
            ),
            (
                "GRANT USAGE ON *.* TO 'a'@'%' IDENTIFIED BY PASSWORD ''",
                Some("none"),
            ),
            ("GRANT USAGE ON *.* TO 'a'@'%'", None),
        ];
        for (line, expected) in table {
            assert_eq!(password(line), expected, "{line}");
            let lines = [
                line.to_owned(),
                "GRANT ALL PRIVILEGES ON `other`.* TO 'a'@'%'".to_owned(),
                "GRANT SELECT, INSERT ON `sch\\_ol`.* TO 'a'@'%' WITH GRANT OPTION".to_owned(),
            ];
            let subject = login("login".to_owned(), "of a kind", &lines, "sch_ol");
            assert_eq!(subject.get("password"), Some("of a kind"));
            assert_eq!(
                subject.get("everywhere"),
                Some("GRANT OPTION, INSERT, SELECT")
            );
            assert_eq!(subject.facts.len(), 2);
            assert!(
                !format!("{subject:?}").contains("6f8c")
                    && !format!("{subject:?}").contains("6C89")
            );
        }
    }
}
