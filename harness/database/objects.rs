//! What a database holds: the names of its tables, and views, triggers, routines and events.

use super::{
    cell::Row,
    connection::Connection,
    description::{Description, Subject},
    dump_definition::{Head, Session, event, name_of},
    dump_scan::{one_space, without_name},
    error::DatabaseError,
    name::Name,
    privileges::Privileges,
    schema::text,
};

/// What decides how the text of a view, a trigger, a routine or an event is understood.
pub(super) const CHARSETS: [&str; 2] = ["character_set_client", "collation_connection"];

/// The subject that stands for what can't be seen.
const HIDDEN: &str = "hidden";

/// What it says where nobody sees it.
const WITHHELD: &str = "withheld";

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

/// Reads which tables there are; an error if the login may not see all.
pub(super) async fn read_all_names(
    connection: &mut Connection,
    database: &str,
) -> Result<Vec<Name>, DatabaseError> {
    let names = read_names(connection, database).await?;
    match names.hidden {
        Some(reason) => Err(DatabaseError::Hidden {
            address: connection.address.clone(),
            reason,
        }),
        None => Ok(names.tables),
    }
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
    // MySQL from 8.0 on keeps the columns' names apart from the body.
    let named = head
        .split_once(" VIEW ")
        .map(|(_, named)| name_of(named).1.trim())
        .filter(|columns| !columns.is_empty());
    if let Some(columns) = named {
        subject.fact("columns", columns);
    }
    subject.fact("body", one_space(body));
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

/// Takes the database's own name off the names of its tables, where newer servers leave it out.
pub(super) fn without_database(statement: &str, database: &str) -> String {
    without_name(statement, &format!("`{}`.", database.replace('`', "``")))
}

/// Makes what stands for things that the login may not see; see [`hidden`].
pub(super) fn hide(reason: &str) -> Description {
    let mut subject = Subject::new(HIDDEN);
    subject.fact("reason", reason);
    Description(vec![subject])
}

/// Makes what stands for things that the server has and does not tell to anybody: their lack is never passed over.
pub(super) fn withhold(reason: &str) -> Description {
    let mut withheld = hide(reason);
    withheld.0[0].fact(WITHHELD, "yes");
    withheld
}

/// Returns whether a description is withheld.
pub(super) fn is_withheld(description: &Description) -> bool {
    let mut subjects = description.0.iter();
    subjects.any(|subject| subject.name == HIDDEN && subject.get(WITHHELD).is_some())
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
    number_triggers(&mut triggers.0);
    triggers
        .0
        .sort_by(|first, second| first.name.cmp(&second.name));
    Ok(triggers)
}

/// Adds which of several triggers of one table, event and timing is the first; newer servers have more than one, in an order.
pub(super) fn number_triggers(triggers: &mut [Subject]) {
    let moment = |trigger: &Subject| {
        ["table", "event", "timing"].map(|aspect| trigger.get(aspect).map(str::to_owned))
    };
    let moments: Vec<_> = triggers.iter().map(moment).collect();
    for (place, trigger) in triggers.iter_mut().enumerate() {
        let same = |others: &[_]| others.iter().filter(|one| **one == moments[place]).count();
        if same(&moments) > 1 {
            trigger.fact("order", (same(&moments[..place]) + 1).to_string());
        }
    }
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
        subject.fact("sql mode", text(&created, 1));
        let head = Head::read(&statement);
        match event(&head, &Session::default()) {
            Some(told) => {
                for aspect in ["completion", "comment", "body"] {
                    subject.fact(aspect, told.get(aspect).unwrap_or_default());
                }
            }
            None => subject.fact("body", statement),
        }
        charsets(subject, &created, 4);
    }
    events
        .0
        .sort_by(|first, second| first.name.cmp(&second.name));
    Ok(events)
}

/// Reads procedures, functions, and the packages that MariaDB has.
pub(super) async fn read_routines(
    connection: &mut Connection,
    database: &str,
) -> Result<Description, DatabaseError> {
    if let Some(reason) = Privileges::read(connection).await?.hides_routines() {
        return Ok(hide(reason));
    }
    let mut subjects = Vec::new();
    let own = Name::from(database).literal();
    for kind in ["PROCEDURE", "FUNCTION", "PACKAGE", "PACKAGE BODY"] {
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
            // MySQL from 9.0 on names the language first.
            let shift = usize::from(row.len() > 11);
            subject.fact("definer", text(&row, 3 + shift));
            subject.fact("security", text(&row, 6 + shift));
            subject.fact("comment", text(&row, 7 + shift));
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
