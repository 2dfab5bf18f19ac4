//! A `CREATE TABLE` of a dump as the answers that a server would give about the table.

use super::{
    cell::Row,
    create_table::{identifier, tokens, unquoted},
};

/// What `SHOW FULL COLUMNS`, `SHOW INDEX` and `SHOW TABLE STATUS` would say.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) columns: Vec<Row>,
    pub(super) keys: Vec<Row>,
    pub(super) status: Row,
}

/// The collation of a charset where none is named.
fn default_collation(charset: &str) -> Option<&'static str> {
    Some(match charset {
        "cp1250" => "cp1250_general_ci",
        "latin1" => "latin1_swedish_ci",
        "latin2" => "latin2_general_ci",
        "utf8" | "utf8mb3" => "utf8_general_ci",
        "utf8mb4" => "utf8mb4_general_ci",
        "ascii" => "ascii_general_ci",
        "binary" => "binary",
        _ => return None,
    })
}

/// Reads a statement; the error says what is not understood.
pub(super) fn read(name: &str, statement: &str) -> Result<Shown, &'static str> {
    let mut lines = statement.split('\n').skip(1).map(str::trim);
    let body: Vec<&str> = lines
        .by_ref()
        .take_while(|line| !line.starts_with(')'))
        .collect();
    let end = statement
        .rsplit_once("\n)")
        .ok_or("the table has no end")?
        .1;
    let (end, partitions) = end.split_once('\n').unwrap_or((end, ""));
    let options = Options::read(end);
    let engine = options.get("ENGINE").ok_or("the table has no engine")?;
    let collation = options.collation()?;
    let mut shown = Shown::default();
    for line in body {
        let line = line.strip_suffix(',').unwrap_or(line);
        if let Some(rest) = line.strip_prefix('`') {
            let (column, rest) = identifier(rest);
            shown
                .columns
                .push(column_row(&column, &tokens(rest), &collation)?);
        } else if !["CONSTRAINT", "CHECK", "PERIOD"]
            .iter()
            .any(|word| line.starts_with(word))
        {
            key_rows(name, line, engine, &mut shown.keys)?;
        }
    }
    shown.status = status(name, engine, &options, (&collation, !partitions.is_empty()));
    Ok(shown)
}

/// Returns what `SHOW TABLE STATUS` would say.
fn status(
    name: &str,
    engine: &str,
    options: &Options,
    (collation, is_in_parts): (&str, bool),
) -> Row {
    let mut status: Row = vec![None; 18];
    let mut set = |index: usize, value: &str| status[index] = Some(value.as_bytes().to_vec());
    set(0, name);
    set(1, engine);
    set(14, collation);
    if let Some(counter) = options.get("AUTO_INCREMENT") {
        set(10, counter);
    }
    let mut created: Vec<String> = [
        "ROW_FORMAT",
        "MAX_ROWS",
        "MIN_ROWS",
        "AVG_ROW_LENGTH",
        "PACK_KEYS",
        "CHECKSUM",
        "DELAY_KEY_WRITE",
        "KEY_BLOCK_SIZE",
        "STATS_AUTO_RECALC",
        "STATS_PERSISTENT",
        "STATS_SAMPLE_PAGES",
        "TRANSACTIONAL",
    ]
    .into_iter()
    .filter_map(|word| {
        Some(format!(
            "{}={}",
            word.to_ascii_lowercase(),
            options.get(word)?
        ))
    })
    .collect();
    if is_in_parts {
        created.push("partitioned".to_owned());
    }
    set(16, &created.join(" "));
    status
}

/// What stands behind the closing parenthesis: `ENGINE=MyISAM DEFAULT CHARSET=cp1250`.
struct Options(Vec<(String, String)>);

impl Options {
    fn read(text: &str) -> Self {
        let pair = |token: &String| {
            let (word, value) = token.split_once('=')?;
            Some((word.to_ascii_uppercase(), value.to_owned()))
        };
        Self(tokens(text).iter().filter_map(pair).collect())
    }

    fn get(&self, word: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == word)
            .map(|(_, value)| value.as_str())
    }

    fn collation(&self) -> Result<String, &'static str> {
        match (self.get("COLLATE"), self.get("CHARSET")) {
            (Some(collation), _) => Ok(collation.to_owned()),
            (None, Some(charset)) => default_collation(charset)
                .map(str::to_owned)
                .ok_or("the default collation of this charset is not known"),
            (None, None) => Err("the table has no charset"),
        }
    }
}

fn column_row(name: &str, tokens: &[String], table: &str) -> Result<Row, &'static str> {
    let mut kind = tokens.first().ok_or("a column has no type")?.clone();
    let mut explicit: (Option<&str>, Option<&str>) = (None, None);
    let (mut nullable, mut extra, mut comment) = (true, "", "");
    let mut index = 1;
    let word = |index: usize| {
        tokens
            .get(index)
            .map_or(String::new(), |token| token.to_ascii_uppercase())
    };
    while index < tokens.len() {
        match (word(index).as_str(), word(index + 1).as_str()) {
            ("UNSIGNED", _) => kind.push_str(" unsigned"),
            ("ZEROFILL", _) => kind.push_str(" zerofill"),
            ("CHARACTER", "SET") => {
                explicit.0 = tokens.get(index + 2).map(String::as_str);
                index += 2;
            }
            ("COLLATE", _) => {
                explicit.1 = tokens.get(index + 1).map(String::as_str);
                index += 1;
            }
            ("NOT", "NULL") => {
                nullable = false;
                index += 1;
            }
            ("AUTO_INCREMENT", _) => extra = "auto_increment",
            ("INVISIBLE", _) => extra = "invisible",
            ("DEFAULT", _) => index += 1,
            ("COMMENT", _) => {
                comment = tokens.get(index + 1).map_or("", String::as_str);
                break;
            }
            (_, _) => {}
        }
        index += 1;
    }
    let collation = collation_of(&kind, explicit, table)?;
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let comment = unquoted(comment);
    Ok(vec![
        text(name),
        text(&kind),
        collation.and_then(text),
        text(if nullable { "YES" } else { "NO" }),
        text(""),
        None,
        text(extra),
        text(""),
        text(&comment),
    ])
}

/// Returns the collation in effect of a column that names a charset, a collation, or neither.
fn collation_of<'a>(
    kind: &str,
    explicit: (Option<&str>, Option<&'a str>),
    table: &'a str,
) -> Result<Option<&'a str>, &'static str> {
    const TEXTS: [&str; 8] = [
        "char",
        "varchar",
        "tinytext",
        "text",
        "mediumtext",
        "longtext",
        "enum",
        "set",
    ];
    let base = kind
        .split('(')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    Ok(match explicit {
        _ if !TEXTS.contains(&base.as_str()) => None,
        (_, Some(collation)) => Some(collation),
        (Some(charset), None) => Some(
            default_collation(charset)
                .ok_or("the default collation of this charset is not known")?,
        ),
        (None, None) => Some(table),
    })
}

/// Reads ``UNIQUE KEY `a` (`b`(10),`c`)`` as one row a column.
fn key_rows(
    table: &str,
    line: &str,
    engine: &str,
    keys: &mut Vec<Row>,
) -> Result<(), &'static str> {
    let wrong = "a line of the table is no column and no key";
    let (head, rest) = line.split_once("KEY").ok_or(wrong)?;
    let head = head.trim();
    let (name, rest) = match rest.trim_start().strip_prefix('`') {
        Some(named) => identifier(named),
        None => ("PRIMARY".to_owned(), rest),
    };
    let unique = ["PRIMARY", "UNIQUE"].contains(&head);
    let is_hashed = ["MEMORY", "HEAP"].contains(&engine.to_ascii_uppercase().as_str());
    let words = tokens(line);
    let using = words.iter().position(|word| word == "USING");
    let kind = match using.and_then(|place| words.get(place + 1)) {
        _ if ["FULLTEXT", "SPATIAL"].contains(&head) => head,
        Some(using) => using,
        None if is_hashed => "HASH",
        None => "BTREE",
    };
    // MySQL 5.0 says before the columns how they are kept.
    let rest = rest.trim_start();
    let rest = rest
        .strip_prefix("USING ")
        .map_or(rest, |rest| rest.trim_start_matches(char::is_alphabetic));
    let mut rest = rest.trim_start().strip_prefix('(').ok_or(wrong)?;
    let mut number = 0;
    while let Some(column) = rest.strip_prefix('`') {
        number += 1;
        let (column, after) = identifier(column);
        let (part, after) = match after.strip_prefix('(') {
            Some(part) => part
                .split_once(')')
                .map(|(part, after)| (Some(part), after))
                .ok_or(wrong)?,
            // Servers say how much of a geometry is in the key, and do not write it.
            None => ((kind == "SPATIAL").then_some("32"), after),
        };
        let descends = after.starts_with(" DESC");
        let text = |text: &str| Some(text.as_bytes().to_vec());
        let order = if descends { "D" } else { "A" };
        keys.push(vec![
            text(table),
            text(if unique { "0" } else { "1" }),
            text(&name),
            text(&number.to_string()),
            text(&column),
            text(order),
            None,
            part.and_then(text),
            None,
            text(""),
            text(kind),
            text(""),
        ]);
        let after = after.strip_prefix(" DESC").unwrap_or(after);
        rest = after.strip_prefix(',').map_or("", str::trim_start);
    }
    if number == 0 { Err(wrong) } else { Ok(()) }
}
