//! What only `SHOW CREATE TABLE` says: defaults apart from NULL, ON UPDATE, generated columns, constraints, partitions, and whatever else
//! a server may know. No word of it is dropped that another list of the server does not have.
//!
//! A line of it is a column, a key or a constraint; the servers' versions differ in case and in how they word values:
//!
//! ```text
//!   `meno` varchar(30) character set cp1250 collate cp1250_czech_cs NOT NULL default '',
//!   `zmena` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
//!   FULLTEXT KEY `hladaj` (`meno`) COMMENT 'x' /*!50100 WITH PARSER `simple` */,
//!   CONSTRAINT `trieda` FOREIGN KEY (`trieda`) REFERENCES `triedy` (`id`)
//! ) ENGINE=InnoDB DEFAULT CHARSET=cp1250
//! ```

use std::collections::BTreeMap;

use super::dump_text::quoted;

/// What a column's line says beside type and charset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnLine {
    /// The default as SQL, if the line gives one.
    pub(super) default: Option<String>,
    /// What an update sets it to.
    pub(super) on_update: Option<String>,
    /// The expression of a generated column, with its storage.
    pub(super) generated: Option<String>,
    /// What else it says: CHECK, COMPRESSED, SRID.
    pub(super) more: String,
}

/// What `SHOW CREATE TABLE` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CreateTable {
    /// The columns' lines by name.
    pub(super) columns: BTreeMap<String, ColumnLine>,
    /// What the keys' lines say beside the columns, by name.
    pub(super) keys: BTreeMap<String, String>,
    /// Constraints, foreign keys and checks, by name.
    pub(super) constraints: Vec<(String, String)>,
    /// Lines that are none of these.
    pub(super) others: Vec<String>,
    /// Partitions, the members of a MERGE table, and what else stands behind the last parenthesis.
    pub(super) storage: Option<String>,
    /// The table's comment.
    pub(super) comment: String,
}

/// Reads a statement, line by line.
pub(super) fn parse(statement: &str) -> CreateTable {
    let mut table = CreateTable::default();
    let mut storage: Vec<String> = Vec::new();
    let mut after = false;
    for line in statement.split('\n').skip(1) {
        let line = line.trim_start();
        let whole = line.strip_suffix(',').unwrap_or(line).trim();
        if after {
            storage.push(unversioned(line));
        } else if let Some(options) = line.strip_prefix(')') {
            after = true;
            let (comment, more) = self::options(options);
            table.comment = comment;
            storage.extend((!more.is_empty()).then_some(more));
        } else if let Some(rest) = whole.strip_prefix('`') {
            let (name, rest) = identifier(rest);
            table.columns.insert(name, column(rest));
        } else if let Some(rest) = whole.strip_prefix("CONSTRAINT `") {
            let (name, rest) = identifier(rest);
            table.constraints.push((name, rest.trim().to_owned()));
        } else if let Some((name, more)) = key(whole) {
            table.keys.insert(name, more);
        } else {
            table.others.push(whole.to_owned());
        }
    }
    storage.retain(|line| !line.is_empty());
    table.storage = (!storage.is_empty()).then(|| storage.join("\n"));
    table
}

/// Reads a name up to its closing backtick.
pub(super) fn identifier(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        name.push_str(before);
        rest = after;
        match rest.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return (name, rest),
        }
    }
    (name + rest, "")
}

fn column(text: &str) -> ColumnLine {
    let tokens = plain_tokens(text);
    let mut line = ColumnLine::default();
    let word = |index: usize| {
        tokens
            .get(index)
            .map_or(String::new(), |token| token.to_ascii_uppercase())
    };
    let mut more = Vec::new();
    let mut index = 1;
    while index < tokens.len() {
        let next = tokens.get(index + 1).cloned();
        match (word(index).as_str(), word(index + 1).as_str()) {
            ("DEFAULT", _) => {
                line.default = next;
                index += 1;
            }
            ("ON", "UPDATE") => {
                line.on_update = tokens.get(index + 2).cloned();
                index += 2;
            }
            ("AS", _) => {
                let stored = tokens.get(index + 2).filter(|_| {
                    ["VIRTUAL", "STORED", "PERSISTENT"].contains(&word(index + 2).as_str())
                });
                let parts = next.iter().chain(stored).map(String::as_str);
                line.generated = Some(parts.collect::<Vec<_>>().join(" "));
                index += 1 + usize::from(stored.is_some());
            }
            ("CHARACTER", "SET") => index += 2,
            ("NOT", "NULL") | ("GENERATED", "ALWAYS") | ("COLLATE" | "COMMENT", _) => index += 1,
            ("UNSIGNED" | "ZEROFILL" | "NULL" | "AUTO_INCREMENT" | "INVISIBLE", _) => {}
            (_, _) => more.push(tokens[index].as_str()),
        }
        index += 1;
    }
    line.more = more.join(" ");
    line
}

/// Reads a key's name and what stands beside its columns; the kind of its tree is told elsewhere.
fn key(text: &str) -> Option<(String, String)> {
    let tokens = plain_tokens(text);
    let place = tokens.iter().take(2).position(|token| token == "KEY")?;
    let mut rest = &tokens[place + 1..];
    let mut name = "PRIMARY".to_owned();
    if let Some(quoted) = rest.first().and_then(|token| token.strip_prefix('`')) {
        name = identifier(quoted).0;
        rest = &rest[1..];
    }
    let mut more = Vec::new();
    let mut index = 0;
    while let Some(token) = rest.get(index) {
        if token == "USING" {
            index += 1;
        } else if !token.starts_with('(') || token.contains(" WITHOUT OVERLAPS") {
            more.push(token.replace('`', ""));
        }
        index += 1;
    }
    Some((name, more.join(" ")))
}

/// Reads the comment, and what the server's other lists do not have.
fn options(text: &str) -> (String, String) {
    const TOLD: [&str; 18] = [
        "AUTO_INCREMENT",
        "AVG_ROW_LENGTH",
        "CHARSET",
        "CHECKSUM",
        "COLLATE",
        "DELAY_KEY_WRITE",
        "ENGINE",
        "KEY_BLOCK_SIZE",
        "MAX_ROWS",
        "MIN_ROWS",
        "PACK_KEYS",
        "PAGE_CHECKSUM",
        "ROW_FORMAT",
        "STATS_AUTO_RECALC",
        "STATS_PERSISTENT",
        "STATS_SAMPLE_PAGES",
        "TRANSACTIONAL",
        "TYPE",
    ];
    let mut comment = String::new();
    let mut more = Vec::new();
    for token in plain_tokens(text) {
        match token.split_once('=') {
            Some(("COMMENT", value)) => comment = unquoted(value),
            Some(("CONNECTION", value)) => {
                more.push(format!("CONNECTION={}", without_password(value)));
            }
            Some((word, _)) if TOLD.contains(&word.to_ascii_uppercase().as_str()) => {}
            None if token == "DEFAULT" => {}
            Some(_) | None => more.push(token),
        }
    }
    (comment, more.join(" "))
}

/// Takes the password out of the address of a FEDERATED table.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:****@{host}")
        }
        None => address.to_owned(),
    }
}

/// Takes the quotes and the escapes off a text.
pub(super) fn unquoted(text: &str) -> String {
    quoted(text.as_bytes())
        .and_then(|(value, _rest)| String::from_utf8(value).ok())
        .unwrap_or_else(|| text.to_owned())
}

/// Takes the marks of a comment for versions off a line of partitions.
fn unversioned(line: &str) -> String {
    let line = line.trim();
    let line = line.strip_suffix("*/").unwrap_or(line).trim_end();
    match line.strip_prefix("/*!") {
        Some(rest) => rest
            .trim_start_matches(|digit: char| digit.is_ascii_digit())
            .trim_start()
            .to_owned(),
        None => line.to_owned(),
    }
}

/// Splits at spaces outside of quotes and parentheses; what stands in comments for versions counts, what stands in others does not.
fn plain_tokens(text: &str) -> Vec<String> {
    let mut plain = Vec::new();
    let mut in_comment = false;
    for token in tokens(text) {
        let versioned = token
            .strip_prefix("/*!")
            .or_else(|| token.strip_prefix("/*M!"));
        let opens = versioned.is_none() && token.starts_with("/*");
        let ended = token.strip_suffix("*/");
        if in_comment || opens {
            in_comment = ended.is_none();
            continue;
        }
        let token = versioned.map_or(token.as_str(), |rest| {
            rest.trim_start_matches(|digit: char| digit.is_ascii_digit())
        });
        let token = token.strip_suffix("*/").unwrap_or(token);
        if !token.is_empty() {
            plain.push(token.to_owned());
        }
    }
    plain
}

/// Splits at spaces outside of quotes and parentheses.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut depth = 0_u32;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some('\''), '\\') => {
                token.push(character);
                token.extend(characters.next());
                continue;
            }
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ' ') if depth == 0 => {
                if !token.is_empty() {
                    tokens.push(std::mem::take(&mut token));
                }
                continue;
            }
            (Some(_) | None, _) => {}
        }
        token.push(character);
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_wordings_are_read() {
        let table = parse(
            "CREATE TABLE `t` (\n  `a``b` varchar(30) character set cp1250 NOT NULL default 'it''s, on update x',\n  `ts` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp() COMMENT 'DEFAULT 1',\n  `e` enum('default x','b') default NULL,\n  `g` int(11) GENERATED ALWAYS AS (`id` + 1) VIRTUAL,\n  PRIMARY KEY  (`a``b`),\n  CONSTRAINT `f` FOREIGN KEY (`e`) REFERENCES `x` (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=cp1250\n PARTITION BY HASH (`id`)\nPARTITIONS 4",
        );
        let line = &table.columns["a`b"];
        assert_eq!(line.default.as_deref(), Some("'it''s, on update x'"));
        assert_eq!(line.on_update, None);
        let line = &table.columns["ts"];
        assert_eq!(line.default.as_deref(), Some("current_timestamp()"));
        assert_eq!(line.on_update.as_deref(), Some("current_timestamp()"));
        assert_eq!(table.columns["e"].default.as_deref(), Some("NULL"));
        assert_eq!(
            table.columns["g"].generated.as_deref(),
            Some("(`id` + 1) VIRTUAL")
        );
        assert_eq!(table.constraints[0].0, "f");
        assert_eq!(
            table.storage.as_deref(),
            Some("PARTITION BY HASH (`id`)\nPARTITIONS 4")
        );
    }

    #[test]
    fn no_word_is_dropped_that_no_other_list_has() {
        let table = parse(
            "CREATE TABLE `t` (\n  `a` int(11) DEFAULT 5 CHECK (`a` > 5) COMMENT 'CHECK',\n  `b` varchar(9) /*M!100301 COMPRESSED*/ DEFAULT NULL,\n  `c` point NOT NULL /*!80003 SRID 0 */ /*!80023 INVISIBLE */,\n  `d` timestamp /* 5.5 binary format */ NULL DEFAULT NULL,\n  `e` int(11) GENERATED ALWAYS AS (`a` + 1) STORED COMMENT 'x',\n  PRIMARY KEY  USING BTREE (`a`),\n  KEY `k ``1` (`b`(3),`a`) KEY_BLOCK_SIZE=4 COMMENT 'it''s' IGNORED,\n  FULLTEXT KEY `f` (`b`) /*!50100 WITH PARSER `ngram` */ ,\n  PERIOD FOR `p` (`d`, `e`)\n) ENGINE=MRG_MyISAM AUTO_INCREMENT=5 DEFAULT CHARSET=cp1250 COMMENT='it''s; \\\\ /*' INSERT_METHOD=LAST WITH SYSTEM VERSIONING CONNECTION='mysql://u:p@h/d/t' UNION=(`a`,`b`)\n/*!50100 PARTITION BY HASH (id)\nPARTITIONS 4 */",
        );
        let more: Vec<&str> = table
            .columns
            .values()
            .map(|line| line.more.as_str())
            .collect();
        assert_eq!(more, ["CHECK (`a` > 5)", "COMPRESSED", "SRID 0", "", ""]);
        assert_eq!(
            table.columns["e"].generated.as_deref(),
            Some("(`a` + 1) STORED")
        );
        let keys: Vec<(&str, &str)> = table
            .keys
            .iter()
            .map(|(name, more)| (name.as_str(), more.as_str()))
            .collect();
        assert_eq!(
            keys,
            [
                ("PRIMARY", ""),
                ("f", "WITH PARSER ngram"),
                ("k `1", "KEY_BLOCK_SIZE=4 COMMENT 'it''s' IGNORED"),
            ]
        );
        assert_eq!(table.others, ["PERIOD FOR `p` (`d`, `e`)"]);
        assert_eq!(table.comment, "it's; \\ /*");
        assert_eq!(
            table.storage.as_deref(),
            Some(
                "INSERT_METHOD=LAST WITH SYSTEM VERSIONING CONNECTION='mysql://u:****@h/d/t' UNION=(`a`,`b`)\nPARTITION BY HASH (id)\nPARTITIONS 4"
            )
        );
    }
}
