//! What a database holds: the names of its tables, and views, triggers, routines and events.

use super::{
    cell::Row,
    connection::Connection,
    description::{Description, Subject},
    error::DatabaseError,
    name::Name,
    privileges::Privileges,
    schema::text,
};

/// What decides how the text of a view, a trigger, a routine or an event is understood.
pub(super) const CHARSETS: [&str; 2] = ["character_set_client", "collation_connection"];

/// The subject that stands for what can't be seen.
const HIDDEN: &str = "hidden";

/// The names in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Its tables.
    pub(super) tables: Vec<Name>,
    /// Its views.
    pub(super) views: Vec<Name>,
    /// Why there may be more of them, if the login does not see all.
    pub(super) hidden: Option<String>,
}

/// Reads which tables and views there are.
pub(super) async fn read_names(
    connection: &mut Connection,
    database: &str,
) -> Result<Names, DatabaseError> {
    let what = "the list of tables";
    let rows = match connection.rows_if_known(what, "SHOW FULL TABLES").await? {
        Some(rows) => rows,
        None => connection.rows(what, "SHOW TABLES").await?,
    };
    let hidden = Privileges::read(connection).await?.hides_tables(database);
    let mut names = Names {
        hidden: hidden.map(str::to_owned),
        ..Names::default()
    };
    for row in rows {
        let name = Name(row.first().cloned().flatten().unwrap_or_default());
        match text(&row, 1).as_str() {
            "VIEW" | "SYSTEM VIEW" => names.views.push(name),
            _ => names.tables.push(name),
        }
    }
    names.tables.sort();
    names.views.sort();
    Ok(names)
}

/// Reads the views' definitions.
pub(super) async fn read_views(
    connection: &mut Connection,
    views: &[Name],
    database: &str,
) -> Result<Description, DatabaseError> {
    let mut subjects = Vec::new();
    for view in views {
        let query = [b"SHOW CREATE VIEW ".as_slice(), &view.quoted()].concat();
        let what = format!("the view {view}");
        let rows = connection.rows(&what, query).await?;
        let statement = rows.first().map(|row| text(row, 1)).unwrap_or_default();
        let mut subject = describe_view(view, &without_database(&statement, database));
        if let Some(row) = rows.first() {
            charsets(&mut subject, row, 2);
        }
        subjects.push(subject);
    }
    Ok(Description(subjects))
}

/// Splits `CREATE ALGORITHM=… DEFINER=… SQL SECURITY … VIEW … AS …` into facts.
pub(super) fn describe_view(view: &Name, statement: &str) -> Subject {
    let mut subject = Subject::new(format!("view {view}"));
    let (head, body) = statement.split_once(" AS ").unwrap_or(("", statement));
    for word in head.split_whitespace() {
        if let Some((aspect @ ("ALGORITHM" | "DEFINER"), value)) = word.split_once('=') {
            subject.fact(&aspect.to_ascii_lowercase(), value);
        }
    }
    let security = if head.contains("SQL SECURITY INVOKER") {
        "invoker"
    } else {
        "definer"
    };
    subject.fact("security", security);
    subject.fact(
        "body",
        body.split_whitespace().collect::<Vec<_>>().join(" "),
    );
    subject
}

/// Adds the charset and the collation in which the text of a view, a trigger, a routine or an event is understood; servers tell them
/// from 5.1.21 on.
fn charsets(subject: &mut Subject, row: &Row, first: usize) {
    for (aspect, index) in CHARSETS.into_iter().zip(first..) {
        let name = text(row, index);
        if !name.is_empty() {
            subject.fact(aspect, name);
        }
    }
}

/// Takes the database's own name off the tables of a view, which newer servers leave out.
pub(super) fn without_database(statement: &str, database: &str) -> String {
    statement.replace(&format!("`{}`.", database.replace('`', "``")), "")
}

/// Makes what stands for things that the login may not see; see [`hidden`].
pub(super) fn hide(reason: &str) -> Description {
    let mut subject = Subject::new(HIDDEN);
    subject.fact("reason", reason);
    Description(vec![subject])
}

/// Returns why a description says nothing, if the login may not see what it would describe.
pub(super) fn hidden(description: &Description) -> Option<&str> {
    description
        .0
        .iter()
        .find(|subject| subject.name == HIDDEN)
        .and_then(|subject| subject.get("reason"))
}

/// Reads the triggers.
pub(super) async fn read_triggers(
    connection: &mut Connection,
    database: &str,
) -> Result<Description, DatabaseError> {
    if let Some(reason) = Privileges::read(connection).await?.hides_triggers(database) {
        return Ok(hide(reason));
    }
    let rows = connection
        .rows_if_known("the triggers", "SHOW TRIGGERS")
        .await?
        .unwrap_or_default();
    let facts = [
        ("event", 1),
        ("table", 2),
        ("body", 3),
        ("timing", 4),
        ("sql mode", 6),
        ("definer", 7),
    ];
    let mut triggers = describe("trigger", &rows, 0, &facts);
    for (subject, row) in triggers.0.iter_mut().zip(&rows) {
        charsets(subject, row, 8);
    }
    triggers
        .0
        .sort_by(|first, second| first.name.cmp(&second.name));
    Ok(triggers)
}

/// Reads the events, which servers have from 5.1 on.
pub(super) async fn read_events(
    connection: &mut Connection,
    database: &str,
) -> Result<Description, DatabaseError> {
    if let Some(reason) = Privileges::read(connection).await?.hides_events(database) {
        return Ok(hide(reason));
    }
    let rows = connection
        .rows_if_known("the events", "SHOW EVENTS")
        .await?
        .unwrap_or_default();
    let facts = [
        ("definer", 2),
        ("kind", 4),
        ("at", 5),
        ("every", 6),
        ("unit", 7),
        ("status", 10),
        ("starts", 8),
        ("ends", 9),
        ("time zone", 3),
    ];
    let mut events = describe("event", &rows, 1, &facts);
    for (subject, row) in events.0.iter_mut().zip(&rows) {
        let name = Name(row.get(1).cloned().flatten().unwrap_or_default());
        let query = [b"SHOW CREATE EVENT ".as_slice(), &name.quoted()].concat();
        let created = connection.rows("the events", query).await?;
        let created = created.into_iter().next().unwrap_or_default();
        let statement = text(&created, 3);
        let body = statement.split_once(" DO ");
        subject.fact("sql mode", text(&created, 1));
        subject.fact("body", body.map_or(statement.as_str(), |(_, body)| body));
        charsets(subject, &created, 4);
    }
    events
        .0
        .sort_by(|first, second| first.name.cmp(&second.name));
    Ok(events)
}

/// Reads procedures and functions.
pub(super) async fn read_routines(
    connection: &mut Connection,
    database: &str,
) -> Result<Description, DatabaseError> {
    if let Some(reason) = Privileges::read(connection).await?.hides_routines() {
        return Ok(hide(reason));
    }
    let mut subjects = Vec::new();
    let own = Name::from(database).literal();
    for kind in ["PROCEDURE", "FUNCTION"] {
        let what = format!("the {}s", kind.to_ascii_lowercase());
        let query = [format!("SHOW {kind} STATUS WHERE Db = ").as_bytes(), &own].concat();
        for row in connection
            .rows_if_known(&what, query)
            .await?
            .unwrap_or_default()
        {
            let name = Name(row.get(1).cloned().flatten().unwrap_or_default());
            let query = [format!("SHOW CREATE {kind} ").as_bytes(), &name.quoted()].concat();
            let created = connection.rows(&what, query).await?;
            let body = created
                .first()
                .and_then(|row| row.get(2))
                .cloned()
                .flatten();
            if body.is_none() {
                let reason = "the login may not read a routine's body";
                return Err(DatabaseError::Answer {
                    what,
                    address: connection.address.clone(),
                    reason,
                });
            }
            let mut subject = Subject::new(format!("{} {name}", kind.to_ascii_lowercase()));
            subject.fact("definer", text(&row, 3));
            subject.fact("security", text(&row, 6));
            subject.fact("comment", text(&row, 7));
            if let Some(row) = created.first() {
                subject.fact("sql mode", text(row, 1));
                subject.fact("body", text(row, 2));
                charsets(&mut subject, row, 3);
            }
            subjects.push(subject);
        }
    }
    Ok(Description(subjects))
}

fn describe(kind: &str, rows: &[Row], name: usize, facts: &[(&str, usize)]) -> Description {
    let subjects = rows
        .iter()
        .map(|row| {
            let mut subject = Subject::new(format!("{kind} {}", text(row, name)));
            for (aspect, index) in facts {
                subject.fact(aspect, text(row, *index));
            }
            subject
        })
        .collect();
    Description(subjects)
}
