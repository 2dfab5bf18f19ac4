//! Which server answers, and its settings that change what the same data means.

use std::collections::BTreeMap;

use super::{
    connection::Connection,
    description::{Description, Subject},
    error::DatabaseError,
    schema::text,
};

/// What tells one server from another.
const IDENTITY: [&str; 7] = [
    "version",
    "version_comment",
    "hostname",
    "port",
    "datadir",
    "server_id",
    "server_uuid",
];

/// Settings that change what data means, how it sorts, or what an application can do with it.
const SETTINGS: [&str; 30] = [
    "auto_increment_increment",
    "auto_increment_offset",
    "autocommit",
    "character_set_client",
    "character_set_connection",
    "character_set_filesystem",
    "character_set_results",
    "character_set_server",
    "collation_connection",
    "collation_server",
    "default_week_format",
    "div_precision_increment",
    "event_scheduler",
    "ft_boolean_syntax",
    "ft_max_word_len",
    "ft_min_word_len",
    "ft_stopword_file",
    "group_concat_max_len",
    "init_connect",
    "lc_time_names",
    "lower_case_table_names",
    "max_allowed_packet",
    "old_passwords",
    "read_only",
    "sql_auto_is_null",
    "sql_mode",
    "sql_safe_updates",
    "system_time_zone",
    "time_zone",
    "tx_isolation",
];

/// Returns the server's identity and settings, in this order.
pub(super) async fn read_server(
    connection: &mut Connection,
    database: &str,
) -> Result<Description, DatabaseError> {
    let mut variables = BTreeMap::new();
    for row in connection
        .rows("the server's variables", "SHOW GLOBAL VARIABLES")
        .await?
    {
        let (name, value) = (text(&row, 0), text(&row, 1));
        let value = in_one_way(&name, value);
        variables.insert(name, value);
    }
    for row in connection
        .rows(
            "the database's charset",
            "SHOW SESSION VARIABLES LIKE 'c%\\_database'",
        )
        .await?
    {
        variables.insert(text(&row, 0), text(&row, 1));
    }
    // MySQL from 8.0 on has only the newer name.
    if let Some(value) = variables.get("transaction_isolation").cloned() {
        variables.entry("tx_isolation".to_owned()).or_insert(value);
    }
    let subject = |name: &str, wanted: &mut dyn Iterator<Item = &str>| {
        let mut subject = Subject::new(name);
        for name in wanted {
            if let Some(value) = variables.get(name) {
                subject.fact(name, value);
            }
        }
        subject
    };
    let engine = if variables.contains_key("default_storage_engine") {
        "default_storage_engine"
    } else {
        "storage_engine"
    };
    let mut settings = subject(
        "settings",
        &mut SETTINGS
            .into_iter()
            .chain(["character_set_database", "collation_database"]),
    );
    if let Some(value) = variables.get(engine) {
        settings.fact("engine", value);
    }
    let mut identity = subject("identity", &mut IDENTITY.into_iter());
    identity.fact("database", database);
    Ok(Description(vec![identity, settings]))
}

/// Writes a setting as all versions understand it: MySQL 5.6 has numbers where others have words.
fn in_one_way(name: &str, value: String) -> String {
    match (name, value.as_str()) {
        ("old_passwords", "0") => "OFF".to_owned(),
        ("old_passwords", "1") => "ON".to_owned(),
        _ => value,
    }
}

/// Returns one of the two subjects.
fn part<'a>(server: &'a Description, name: &str) -> Option<&'a Subject> {
    server.0.iter().find(|subject| subject.name == name)
}

/// Returns how a report names the server: version and host.
pub(super) fn title(server: &Description) -> String {
    let get = |aspect| part(server, "identity").and_then(|identity| identity.get(aspect));
    format!(
        "MySQL {} on {}",
        get("version").unwrap_or("of unknown version"),
        get("hostname").unwrap_or("an unnamed host")
    )
}

/// Returns whether two servers call themselves the same in every respect, and say enough to tell.
pub(super) fn is_same(first: &Description, second: &Description) -> bool {
    let known = |server| {
        part(server, "identity").is_some_and(|identity| identity.get("hostname").is_some())
    };
    known(first) && known(second) && part(first, "identity") == part(second, "identity")
}

/// Returns the settings that both servers have, and the names of those that only one has.
pub(super) fn comparable(
    expected: &Description,
    actual: &Description,
) -> (Description, Description, Vec<String>) {
    let empty = Subject::new("settings");
    let first = part(expected, "settings").unwrap_or(&empty);
    let second = part(actual, "settings").unwrap_or(&empty);
    let mut only = Vec::new();
    let mut kept = [Subject::new("settings"), Subject::new("settings")];
    for (aspect, value) in &first.facts {
        match second.get(aspect) {
            Some(other) => {
                kept[0].fact(aspect, value);
                kept[1].fact(aspect, other);
            }
            None => only.push(aspect.clone()),
        }
    }
    only.extend(
        second
            .facts
            .iter()
            .filter(|(aspect, _)| first.get(aspect).is_none())
            .map(|(aspect, _)| aspect.clone()),
    );
    let [first, second] = kept;
    (Description(vec![first]), Description(vec![second]), only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_setting_reads_in_one_way_on_all_versions() {
        let table = [
            ("old_passwords", "0", "OFF"),
            ("old_passwords", "1", "ON"),
            ("old_passwords", "2", "2"),
            ("old_passwords", "OFF", "OFF"),
            ("ft_min_word_len", "1", "1"),
        ];
        for (name, value, read) in table {
            assert_eq!(in_one_way(name, value.to_owned()), read, "{name} {value}");
        }
    }
}
