//! The logins of an application: what each may do in the database and everywhere, and which kind of password it has.
//!
//! A hash is never kept, only its kind: one of before MySQL 4.1 (16 digits) makes new clients fail, and the other way round.
//! Logins that have no right of their own in the database are the administrator's and not compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    connection::Connection,
    create_table::identifier,
    description::{Description, Subject},
    error::DatabaseError,
    name::Name,
    objects::{hide, withhold},
    privileges::like,
    schema::text,
};

/// Why the logins can't be seen.
const HIDDEN: &str = "the login may not see other logins: grant it SELECT on the database mysql";

/// Where logins have rights of their own, and how a database is named there.
const RIGHTS: [(&str, &str); 4] = [
    ("mysql.db", " LIKE Db"),
    ("mysql.tables_priv", " = Db"),
    ("mysql.columns_priv", " = Db"),
    ("mysql.procs_priv", " = Db"),
];

/// Reads the logins that have rights of their own in the database.
pub(super) async fn read_grants(
    connection: &mut Connection,
    database: &str,
) -> Result<Description, DatabaseError> {
    let what = "the logins";
    let Some(logins) = read_logins(connection, database).await? else {
        return Ok(hide(HIDDEN));
    };
    let mut subjects = Vec::new();
    for (user, host) in &logins {
        let mut query = [
            b"SHOW GRANTS FOR ".as_slice(),
            &user.literal(),
            b"@",
            &host.literal(),
        ]
        .concat();
        if host.0.is_empty() && is_role(connection, user).await? {
            query = [b"SHOW GRANTS FOR ".as_slice(), &user.quoted()].concat();
        }
        let lines = match connection.rows_if_allowed(what, query).await {
            Ok(Some(lines)) => lines,
            Ok(None) => return Ok(hide(HIDDEN)),
            Err(error) if error.has_code(NO_SUCH_GRANT) => {
                if is_gone(connection, user, host).await? {
                    continue;
                }
                return Ok(withhold(UNTOLD));
            }
            Err(error) => return Err(error),
        };
        let lines: Vec<String> = lines.iter().map(|row| text(row, 0)).collect();
        let told = lines.iter().find_map(|line| password(line));
        let kind = match told {
            Some(kind) => kind,
            None => match kept_password(connection, user, host).await? {
                Some(kind) => kind,
                None => return Ok(hide(HIDDEN)),
            },
        };
        let title = format!("login '{user}'@'{host}'");
        subjects.push(login(title, &kind, &lines, database));
    }
    Ok(Description(subjects))
}

/// `ER_NONEXISTING_GRANT`: the server knows no such login.
const NO_SUCH_GRANT: u16 = 1141;

/// Why rights can't be compared that the server keeps and does not tell: those of a login at the hosts of `mysql.host`, for one.
const UNTOLD: &str = "the server does not tell the rights of a login that mysql.db names: give it them anew with GRANT";

/// Returns whether nobody has this login any more: what is left of a login that was deleted from mysql.user by hand is nobody's right.
async fn is_gone(
    connection: &mut Connection,
    user: &Name,
    host: &Name,
) -> Result<bool, DatabaseError> {
    let query = [
        b"SELECT 1 FROM mysql.user WHERE User = ".as_slice(),
        &user.literal(),
        b" AND Host = ",
        &host.literal(),
    ]
    .concat();
    let rows = connection.rows_if_allowed("the logins", query).await?;
    // Without a host, a row of mysql.db holds at the hosts of mysql.host.
    Ok(!host.0.is_empty() && rows.is_some_and(|rows| rows.is_empty()))
}

/// Returns the logins with rights of any kind in the database; `None` if that can't be seen.
async fn read_logins(
    connection: &mut Connection,
    database: &str,
) -> Result<Option<BTreeSet<(Name, Name)>>, DatabaseError> {
    let own = Name::from(database).literal();
    let mut logins = BTreeSet::new();
    for (table, fits) in RIGHTS {
        let query = [
            format!("SELECT DISTINCT User, Host FROM {table} WHERE ").as_bytes(),
            &own,
            fits.as_bytes(),
        ]
        .concat();
        let rows = match connection.rows_if_allowed("the logins", query).await {
            Ok(Some(rows)) => rows,
            Ok(None) => return Ok(None),
            // MySQL 4.1 has no rights on routines.
            Err(error) if error.is_unknown() => continue,
            Err(error) => return Err(error),
        };
        let name =
            |cell: Option<&Option<Vec<u8>>>| Name(cell.cloned().flatten().unwrap_or_default());
        logins.extend(rows.iter().map(|row| (name(row.first()), name(row.get(1)))));
    }
    Ok(Some(logins))
}

/// Returns whether a login is a role of MariaDB.
async fn is_role(connection: &mut Connection, user: &Name) -> Result<bool, DatabaseError> {
    let query = [
        b"SELECT is_role FROM mysql.user WHERE Host = '' AND User = ".as_slice(),
        &user.literal(),
    ]
    .concat();
    let rows = connection.rows_if_answered("the logins", query).await?;
    Ok(rows.is_some_and(|rows| rows.first().is_some_and(|row| text(row, 0) == "Y")))
}

/// Describes one login by the lines of `SHOW GRANTS`.
fn login(title: String, password: &str, lines: &[String], database: &str) -> Subject {
    let mut subject = Subject::new(title);
    subject.fact("password", password);
    let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, names) in lines.iter().flat_map(|line| rights(line, database)) {
        held.entry(place).or_default().extend(names);
    }
    for (place, names) in held.into_iter().filter(|(_, names)| !names.is_empty()) {
        let names: Vec<String> = names.into_iter().collect();
        subject.fact(&place, names.join(", "));
    }
    subject
}

/// Returns the kind of password that a line of `SHOW GRANTS` tells of. MySQL 5.6 tells a login that only reads no hash, or `<secret>`; 5.7 and
/// later say nothing.
fn password(line: &str) -> Option<String> {
    if let Some((_, plugins)) = line.split_once(" IDENTIFIED VIA ") {
        let plugins = plugins
            .split(" OR ")
            .filter_map(|plugin| plugin.split(' ').next());
        return Some(format!(
            "checked by {}",
            plugins.collect::<Vec<_>>().join(" or ")
        ));
    }
    let hash = line.split_once("IDENTIFIED BY PASSWORD '")?.1;
    Some(kind(hash.split('\'').next()?.len()).to_owned())
}

/// Returns the kind of password that the server keeps, where `SHOW GRANTS` does not tell; `None` if that can't be read.
async fn kept_password(
    connection: &mut Connection,
    user: &Name,
    host: &Name,
) -> Result<Option<String>, DatabaseError> {
    let mut kept = async |column: &str| {
        let query = [
            format!("SELECT {column} FROM mysql.user WHERE User = ").as_bytes(),
            &user.literal(),
            b" AND Host = ",
            &host.literal(),
        ]
        .concat();
        let rows = connection.rows_if_answered("the logins", query).await?;
        Ok::<_, DatabaseError>(rows.and_then(|rows| Some(text(rows.first()?, 0))))
    };
    // Passwords of these plugins are told apart by their length.
    let plugin = kept("plugin").await?.unwrap_or_default();
    if !["", "mysql_native_password", "mysql_old_password"].contains(&plugin.as_str()) {
        return Ok(Some(format!("checked by {plugin}")));
    }
    // MySQL 5.7 has the second column instead of the first.
    for column in ["LENGTH(Password)", "LENGTH(authentication_string)"] {
        if let Some(length) = kept(column).await?.and_then(|length| length.parse().ok()) {
            return Ok(Some(kind(length).to_owned()));
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

/// Returns where rights hold and which: ``GRANT SELECT, INSERT ON `a`.* TO …`` is `everywhere` and
/// `INSERT, SELECT`. The database's own name is left out: a copy may have another.
fn rights(line: &str, database: &str) -> Vec<(String, Vec<String>)> {
    let Some((names, rest)) = line
        .strip_prefix("GRANT ")
        .and_then(|line| split(line, " ON "))
    else {
        return roles(line).into_iter().collect();
    };
    let Some((scope, login)) = split(rest, " TO ") else {
        return Vec::new();
    };
    let mut names: Vec<String> = privileges(names);
    names.retain(|name| name != "USAGE");
    if login.contains(" GRANT OPTION") {
        names.push("GRANT OPTION".to_owned());
    }
    let Some(place) = place(scope, database) else {
        return Vec::new();
    };
    let conditions = conditions(login).map(|told| ("conditions".to_owned(), vec![told]));
    [(place, names)].into_iter().chain(conditions).collect()
}

/// Returns where a right holds, as seen from the database; `None` if that is elsewhere.
fn place(scope: &str, database: &str) -> Option<String> {
    if scope == "*.*" {
        return Some("on all databases".to_owned());
    }
    let Some(start) = scope.find('`') else {
        // A right to be another login.
        return scope.contains('@').then(|| format!("on {scope}"));
    };
    let (kind, quoted) = scope.split_at(start);
    let (pattern, rest) = identifier(quoted.strip_prefix('`')?);
    let name = rest.strip_prefix('.')?;
    let name = name
        .strip_prefix('`')
        .map_or(name.to_owned(), |name| identifier(name).0);
    let fits = match (kind, name.as_str()) {
        ("", "*") => like(&pattern, database),
        (_, _) => pattern == database,
    };
    fits.then(|| match (kind.to_ascii_lowercase().trim(), name.as_str()) {
        ("", "*") => "everywhere".to_owned(),
        ("", table) => format!("on {table}"),
        (kind, routine) => format!("on {kind} {routine}"),
    })
}

/// Reads the roles that a line gives.
fn roles(line: &str) -> Option<(String, Vec<String>)> {
    if let Some(role) = line.strip_prefix("SET DEFAULT ROLE ") {
        let role = role.split(" FOR ").next().unwrap_or_default();
        return Some(("role by default".to_owned(), vec![role.replace('`', "")]));
    }
    let (names, login) = line
        .strip_prefix("GRANT ")
        .and_then(|line| split(line, " TO "))?;
    let admin = login.contains("WITH ADMIN OPTION");
    let names = names.split(',').map(|name| name.replace('`', ""));
    let option = admin.then(|| "ADMIN OPTION".to_owned());
    Some(("roles".to_owned(), names.chain(option).collect()))
}

/// Reads what a login must do or may not exceed.
fn conditions(login: &str) -> Option<String> {
    let mut told = Vec::new();
    let end = |text: &str| text.find(" WITH ").unwrap_or(text.len());
    if let Some((_, required)) = login.split_once(" REQUIRE ") {
        told.push(format!("REQUIRE {}", &required[..end(required)]));
    }
    if let Some((_, limits)) = login.split_once(" WITH ") {
        let limits = limits.replace("GRANT OPTION", "");
        told.extend((!limits.trim().is_empty()).then(|| limits.trim().to_owned()));
    }
    (!told.is_empty()).then(|| told.join(" "))
}

/// Splits privileges at commas outside of parentheses; columns in them come in one order.
fn privileges(names: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = names;
    while !rest.is_empty() {
        let end = rest.find([',', '(']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        rest = &rest[end..];
        if let Some((columns, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        {
            let mut columns: Vec<String> = columns
                .split(", ")
                .map(|column| column.replace('`', ""))
                .collect();
            columns.sort_unstable();
            found.push(format!("{name} ({})", columns.join(", ")));
            rest = after;
        } else {
            found.push(name.to_owned());
        }
        rest = rest.trim_start_matches([',', ' ', '(']);
    }
    found
}

/// Splits at a word outside of backticks.
fn split<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    text.match_indices(word)
        .find(|(at, _)| text[..*at].matches('`').count().is_multiple_of(2))
        .map(|(at, _)| (&text[..at], &text[at + word.len()..]))
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
            assert_eq!(password(line).as_deref(), expected, "{line}");
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

    #[test]
    fn rights_on_tables_columns_and_routines_and_conditions_are_read() {
        let lines = [
            "GRANT FILE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD 'x' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 GRANT OPTION",
            "GRANT INSERT ON `sc%`.* TO `a`@`%`",
            "GRANT SELECT ON `school`.* TO `a`@`%`",
            "GRANT SELECT (`b`, `a`), UPDATE (`c`), DELETE ON `school`.`t.x` TO `a`@`%`",
            "GRANT SELECT ON `sc%`.`t` TO `a`@`%`",
            "GRANT EXECUTE ON PROCEDURE `school`.`p` TO `a`@`%`",
            "GRANT EXECUTE ON FUNCTION `other`.`p` TO `a`@`%`",
            "GRANT PROXY ON 'b'@'%' TO 'a'@'%'",
            "GRANT `teacher ON duty` TO `a`@`%`",
            "SET DEFAULT ROLE `pupil` FOR `a`@`%`",
        ]
        .map(str::to_owned);
        let mut subject = login("login".to_owned(), "none", &lines, "school");
        subject.facts.remove(0);
        let facts: Vec<String> = subject
            .facts
            .into_iter()
            .map(|(place, names)| format!("{place}: {names}"))
            .collect();
        insta::assert_snapshot!(facts.join("\n"), @"
        conditions: REQUIRE SSL MAX_QUERIES_PER_HOUR 5
        everywhere: INSERT, SELECT
        on 'b'@'%': PROXY
        on all databases: FILE, GRANT OPTION
        on procedure p: EXECUTE
        on t.x: DELETE, SELECT (a, b), UPDATE (c)
        role by default: pupil
        roles: teacher ON duty
        ");
    }
}
