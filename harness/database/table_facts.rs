//! A table as subjects with facts: what its server's lists say, and what only `SHOW CREATE TABLE` says.

use super::{
    cell::Row,
    create_table::CreateTable,
    description::{Description, Subject},
    schema::text,
};

/// Describes a table by the answers of `SHOW FULL COLUMNS`, `SHOW INDEX`, `SHOW CREATE TABLE` and `SHOW TABLE STATUS`.
pub(super) fn describe(
    columns: &[Row],
    keys: &[Row],
    create: &CreateTable,
    status: &Row,
) -> Description {
    let mut subjects = vec![table_subject(status, create)];
    subjects.extend(column_subjects(columns, create));
    subjects.extend(key_subjects(keys, create));
    for (constraint, definition) in &create.constraints {
        let mut subject = Subject::new(format!("constraint {constraint}"));
        subject.fact("definition", definition);
        subjects.push(subject);
    }
    let clause = |line: &String| Subject::new(format!("clause {line}"));
    subjects.extend(create.others.iter().map(clause));
    Description(subjects)
}

fn table_subject(status: &Row, create: &CreateTable) -> Subject {
    let mut subject = Subject::new("table");
    subject.fact("engine", text(status, 1));
    subject.fact("collation", text(status, 14));
    if text(status, 1).eq_ignore_ascii_case("MyISAM") {
        // Fixed or dynamic; other engines have another one in every version.
        let format = text(status, 3);
        if !format.is_empty() {
            subject.fact("row format", format);
        }
    }
    let counter = text(status, 10);
    if !counter.is_empty() {
        subject.fact("auto_increment", counter);
    }
    let options = text(status, 16);
    let mut options: Vec<&str> = options.split_whitespace().collect();
    options.sort_unstable();
    subject.fact("options", options.join(" "));
    // The table's status has more than the comment: InnoDB of MySQL 5.0 adds its free space and foreign keys.
    subject.fact("comment", &create.comment);
    if let Some(storage) = &create.storage {
        subject.fact("storage", storage);
    }
    subject
}

fn column_subjects(columns: &[Row], create: &CreateTable) -> Vec<Subject> {
    let mut after = "first".to_owned();
    let mut subjects = Vec::new();
    for row in columns {
        let name = text(row, 0);
        let line = create.columns.get(&name).cloned().unwrap_or_default();
        let nullable = text(row, 3) == "YES";
        let mut subject = Subject::new(format!("column {name}"));
        let kind = text(row, 1);
        subject.fact("type", kind.split(" /*").next().unwrap_or_default());
        subject.fact("collation", text(row, 2));
        subject.fact("nullable", if nullable { "yes" } else { "no" });
        let none = if nullable { "NULL" } else { "none" };
        subject.fact("default", line.default.as_deref().unwrap_or(none));
        subject.fact("on update", line.on_update.as_deref().unwrap_or("none"));
        subject.fact("generated", line.generated.as_deref().unwrap_or("no"));
        let extra = text(row, 6).to_ascii_lowercase();
        let kept = ["auto_increment", "invisible"]
            .into_iter()
            .filter(|word| extra.contains(word));
        subject.fact("extra", kept.collect::<Vec<_>>().join(" "));
        subject.fact("comment", text(row, 8));
        subject.fact("after", &after);
        if !line.more.is_empty() {
            subject.fact("more", line.more);
        }
        after = name;
        subjects.push(subject);
    }
    subjects
}

fn key_subjects(keys: &[Row], create: &CreateTable) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    for row in keys {
        let key = text(row, 2);
        let name = format!("key {key}");
        let length = text(row, 7);
        let mut column = match text(row, 4) {
            // MySQL from 8.0.13 on has keys of expressions.
            nothing if nothing.is_empty() => format!("({})", text(row, 14)),
            column => column,
        };
        if !length.is_empty() {
            column = format!("{column}({length})");
        }
        if text(row, 5) == "D" {
            column.push_str(" DESC");
        }
        if let Some(subject) = subjects.iter_mut().find(|subject| subject.name == name) {
            if let Some((_, columns)) = subject.facts.first_mut() {
                columns.push_str(", ");
                columns.push_str(&column);
            }
            continue;
        }
        let mut subject = Subject::new(name);
        subject.fact("columns", column);
        subject.fact("unique", if text(row, 1) == "0" { "yes" } else { "no" });
        subject.fact("kind", text(row, 10));
        if text(row, 11) == "disabled" {
            subject.fact("state", "disabled");
        }
        if let Some(more) = create.keys.get(&key).filter(|more| !more.is_empty()) {
            subject.fact("more", more);
        }
        subjects.push(subject);
    }
    subjects.sort_by(|first, second| first.name.cmp(&second.name));
    subjects
}
