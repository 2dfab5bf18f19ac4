//! What only `SHOW CREATE TABLE` says: defaults apart from NULL, ON UPDATE, generated columns, constraints, partitions.
//!
//! A line of it is a column, a key or a constraint; the servers' versions differ in case and in how they word values:
//!
//! ```text
//!   `meno` varchar(30) character set cp1250 collate cp1250_czech_cs NOT NULL default '',
//!   `zmena` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
//!   CONSTRAINT `trieda` FOREIGN KEY (`trieda`) REFERENCES `triedy` (`id`)
//! ) ENGINE=InnoDB DEFAULT CHARSET=cp1250
//! ```

use std::collections::BTreeMap;

/// What a column's line says beside type and charset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnLine {
    /// The default as SQL, if the line gives one.
    pub(super) default: Option<String>,
    /// What an update sets it to.
    pub(super) on_update: Option<String>,
    /// The expression of a generated column, with its storage.
    pub(super) generated: Option<String>,
}

/// What `SHOW CREATE TABLE` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CreateTable {
    /// The columns' lines by name.
    pub(super) columns: BTreeMap<String, ColumnLine>,
    /// Constraints, foreign keys and checks, by name.
    pub(super) constraints: Vec<(String, String)>,
    /// Partitions and the members of a MERGE table.
    pub(super) storage: Option<String>,
}

/// Reads a statement, line by line.
pub(super) fn parse(statement: &str) -> CreateTable {
    let mut table = CreateTable::default();
    let mut storage = String::new();
    let mut after = false;
    for line in statement.split('\n').skip(1) {
        let line = line.trim_start();
        if after || line.starts_with(')') {
            let union = tokens(line)
                .into_iter()
                .find(|token| token.to_ascii_uppercase().starts_with("UNION="));
            storage.extend(union);
            if after {
                storage.push_str(line);
                storage.push('\n');
            }
            after = true;
        } else if let Some(rest) = line.strip_prefix('`') {
            let (name, rest) = identifier(rest);
            table
                .columns
                .insert(name, column(rest.strip_suffix(',').unwrap_or(rest)));
        } else if let Some(rest) = line.strip_prefix("CONSTRAINT `") {
            let (name, rest) = identifier(rest);
            let rest = rest.strip_suffix(',').unwrap_or(rest);
            table.constraints.push((name, rest.trim().to_owned()));
        }
    }
    let storage = storage.trim();
    table.storage = (!storage.is_empty()).then(|| storage.to_owned());
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
    let tokens = tokens(text);
    let mut line = ColumnLine::default();
    let word = |index: usize, word: &str| {
        tokens
            .get(index)
            .is_some_and(|token| token.eq_ignore_ascii_case(word))
    };
    let mut index = 1;
    while index < tokens.len() && !word(index, "COMMENT") {
        if word(index, "DEFAULT") {
            line.default = tokens.get(index + 1).cloned();
            index += 1;
        } else if word(index, "ON") && word(index + 1, "UPDATE") {
            line.on_update = tokens.get(index + 2).cloned();
            index += 2;
        } else if word(index, "AS") {
            line.generated = Some(tokens[index + 1..].join(" "));
            break;
        }
        index += 1;
    }
    line
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
}
