//! Rows hashed by the server: the SQL that turns a row into a number, and one number out of those of many rows.
//!
//! A row is written as text that can be read in one way only: values are parted, and NULL is written, by marks that are drawn
//! anew for each comparison, so that no data holds them. (The length before each value did the same, and took a third longer.)
//! No charset is converted.
//!
//! What the digests must not miss is damage, which knows nothing of hashes. CRC-32 times CRC-32C is a number of 64 bits, and two
//! rows share it about once in 10^17 pairs. Either factor alone would be linear: one change in two rows of the same length
//! would often cancel. The product of two is not, and neither is MD5. Where the expected table has a unique key, its rows are
//! all different, and the numbers are joined by exclusive or: together with the number of rows that decides as well as a sum does, for a row
//! that is there twice needs another that is gone, whose number nothing cancels. Without a key the numbers are added, so
//! that a row that is there twice counts twice.
//!
//! What a server can't hash becomes a number drawn by chance, and is never taken for the same.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::{
    connection::Connection,
    error::DatabaseError,
    name::Name,
    schema::{ColumnKind, Table, text},
};

/// What stands for a row that the server could not hash.
const UNHASHED: &[u8] = b"CAST(RAND()*1000000000000000000 AS UNSIGNED)";

/// Two questions that only servers with the hash answer rightly: `CRC32C`, and sums that are exact.
const PROBES: [(RowHash, &str, &str); 3] = [
    (
        RowHash::Checksums,
        "SELECT CRC32(@r := '123456789') * CRC32C(@r)",
        "13033077708604893810",
    ),
    (
        RowHash::Md5,
        "SELECT CAST(CONV(LEFT(MD5(''),16),16,10) AS UNSIGNED)",
        "15284527576400310788",
    ),
    (
        RowHash::Sha2,
        "SELECT CAST(CONV(LEFT(SHA2('',256),16),16,10) AS UNSIGNED)",
        "16406829232824261652",
    ),
];

/// Twice the largest number of 64 bits: a server that adds in floating point is off here.
const EXACT: (&str, &str) = (
    "SELECT SUM(x) FROM (SELECT 18446744073709551615 AS x UNION ALL SELECT 18446744073709551614) AS t",
    "36893488147419103229",
);

/// How rows are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowHash {
    /// The product of CRC-32 and CRC-32C, which MariaDB has from 10.8 on and computes while it reads.
    Checksums,
    /// The first half of MD5, which servers before MySQL 9.6 have.
    Md5,
    /// The first quarter of SHA-256, which MySQL has from 5.5 on.
    Sha2,
}

impl RowHash {
    /// Returns the quickest hash that both servers have; `None` if one of them can't `fold` exactly.
    pub(super) async fn common(
        first: &mut Connection,
        second: &mut Connection,
        fold: Fold,
    ) -> Result<Option<Self>, DatabaseError> {
        if fold == Fold::Sum && !(answers(first, EXACT).await? && answers(second, EXACT).await?) {
            return Ok(None);
        }
        for (hash, question, answer) in PROBES {
            if answers(first, (question, answer)).await?
                && answers(second, (question, answer)).await?
            {
                return Ok(Some(hash));
            }
        }
        Ok(None)
    }

    /// Returns its name for the report.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Checksums => "CRC-32 times CRC-32C",
            Self::Md5 => "64 bits of MD5",
            Self::Sha2 => "64 bits of SHA-256",
        }
    }
}

async fn answers(
    connection: &mut Connection,
    (question, answer): (&str, &str),
) -> Result<bool, DatabaseError> {
    let rows = connection
        .rows_if_known("the server's hashes", question)
        .await?;
    Ok(rows.is_some_and(|rows| rows.first().is_some_and(|row| text(row, 0) == answer)))
}

/// How the numbers of rows become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// By exclusive or, where all expected rows are different; a third of a sum's price.
    Xor,
    /// By addition, which in SQL is one of decimals.
    Sum,
}

/// The words that stand in a row's text for what is no value; drawn by chance.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// Between two values.
    between: String,
    /// For NULL.
    null: String,
    /// For an ENUM's number 0, which reads as '', which may be a right value too.
    zero: String,
}

impl Marks {
    /// Draws them.
    pub(super) fn draw() -> Self {
        let drawn = || format!("'{:016x}'", RandomState::new().build_hasher().finish());
        Self {
            between: drawn(),
            null: drawn(),
            zero: drawn(),
        }
    }
}

/// Returns the expression for the folded numbers of rows, over columns of `table` in this order; `None` if a value has no
/// exact text on the server.
pub(super) fn folded(
    (hash, fold): (RowHash, Fold),
    marks: &Marks,
    table: &Table,
    columns: &[usize],
) -> Option<Vec<u8>> {
    let convert = mixes_charsets(table, columns);
    let mut items = Vec::new();
    for &position in columns {
        let column = &table.layout.columns[position];
        if column.kind == ColumnKind::Float {
            return None;
        }
        let name = column.name.quoted();
        let mut value = if convert && has_charset(column.kind) {
            [b"CAST(".as_slice(), &name, b" AS BINARY)"].concat()
        } else {
            name.clone()
        };
        if column.kind == ColumnKind::Enumeration {
            let zero = format!("+0=0,{},", marks.zero);
            value = [b"IF(".as_slice(), &name, zero.as_bytes(), &value, b")"].concat();
        }
        if table.is_nullable(position) {
            let null = format!(",{})", marks.null);
            value = [b"IFNULL(".as_slice(), &value, null.as_bytes()].concat();
        }
        items.push(value);
    }
    // A binary separator keeps the server from converting one column to the charset of another.
    let row = [
        b"CONCAT_WS(CAST(".as_slice(),
        marks.between.as_bytes(),
        b" AS BINARY),",
        &items.join(b",".as_slice()),
        b")",
    ]
    .concat();
    let hashed = match hash {
        RowHash::Checksums => [b"CRC32(@r:=".as_slice(), &row, b")*CRC32C(@r)"].concat(),
        RowHash::Md5 => [
            b"CAST(CONV(LEFT(MD5(".as_slice(),
            &row,
            b"),16),16,10) AS UNSIGNED)",
        ]
        .concat(),
        RowHash::Sha2 => [
            b"CAST(CONV(LEFT(SHA2(".as_slice(),
            &row,
            b",256),16),16,10) AS UNSIGNED)",
        ]
        .concat(),
    };
    let fold: &[u8] = match fold {
        Fold::Xor => b"BIT_XOR(IFNULL(",
        Fold::Sum => b"SUM(IFNULL(",
    };
    Some([fold, &hashed, b",", UNHASHED, b"))"].concat())
}

/// Returns whether values of a kind are in a charset: all but numbers and times.
fn has_charset(kind: ColumnKind) -> bool {
    match kind {
        ColumnKind::Integer | ColumnKind::Decimal | ColumnKind::Float | ColumnKind::Temporal => {
            false
        }
        ColumnKind::Text
        | ColumnKind::Long
        | ColumnKind::Longest
        | ColumnKind::Enumeration
        | ColumnKind::Other => true,
    }
}

fn mixes_charsets(table: &Table, columns: &[usize]) -> bool {
    let mut charsets: Vec<&str> = columns
        .iter()
        .filter(|&&position| has_charset(table.layout.columns[position].kind))
        .map(|&position| table.charset(position))
        .collect();
    charsets.sort_unstable();
    charsets.dedup();
    // A charset of several bytes for a comma is no rare case to be quick in.
    !matches!(
        charsets.as_slice(),
        [] | ["cp1250" | "latin1" | "latin2" | "utf8" | "utf8mb3" | "utf8mb4"]
    )
}

/// What the server says about rows: how many there are, and their numbers folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    /// How many rows.
    pub(super) rows: u64,
    /// The number as digits; empty without rows.
    folded: String,
}

impl Digest {
    /// Reads a count and a number out of two cells of an answer.
    pub(super) fn read(count: &str, folded: &str) -> Option<Self> {
        let rows: u64 = count.parse().ok()?;
        let digits = folded.bytes().all(|byte| byte.is_ascii_digit());
        // Of no rows a sum is NULL, and an exclusive or is 0.
        let empty = folded.is_empty() || (rows == 0 && folded == "0");
        (digits && empty == (rows == 0)).then(|| Self {
            rows,
            folded: if empty {
                String::new()
            } else {
                folded.to_owned()
            },
        })
    }
}

/// Which rows a digest is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All.
    Whole,
    /// Those whose key is between two numbers, both included.
    Between(i128, i128),
}

/// Returns the query for a digest of a part of a table.
pub(super) fn digest_query(table: &Name, folded: &[u8], key: &Name, part: Part) -> Vec<u8> {
    let mut query = [
        b"SELECT COUNT(*),".as_slice(),
        folded,
        b" FROM ",
        &table.quoted(),
    ]
    .concat();
    if let Part::Between(first, last) = part {
        query.extend(between(key, first, last));
    }
    query
}

/// Returns the condition for rows whose key is between two numbers, both included. Old servers take the two ends of BETWEEN for signed
/// numbers.
pub(super) fn between(key: &Name, first: i128, last: i128) -> Vec<u8> {
    let key = key.quoted();
    [
        b" WHERE ".as_slice(),
        &key,
        format!(">={first} AND ").as_bytes(),
        &key,
        format!("<={last}").as_bytes(),
    ]
    .concat()
}

/// Returns the query for the digests of all parts of a table that are `width` wide from `lowest` on.
pub(super) fn groups_query(
    table: &Name,
    folded: &[u8],
    key: &Name,
    lowest: i128,
    width: i128,
) -> Vec<u8> {
    let part = [
        b"(".as_slice(),
        &key.quoted(),
        format!("-({lowest})) DIV {width}").as_bytes(),
    ]
    .concat();
    [
        b"SELECT ".as_slice(),
        &part,
        b" AS part,COUNT(*),",
        folded,
        b" FROM ",
        &table.quoted(),
        b" GROUP BY part ORDER BY NULL",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_only_where_it_is_one() {
        for folded in ["", "0"] {
            let empty = Digest::read("0", folded);
            assert_eq!(empty, Digest::read("0", ""));
            assert!(empty.is_some());
        }
        assert_ne!(Digest::read("2", "17"), Digest::read("3", "17"));
        assert_ne!(Digest::read("2", "17"), Digest::read("2", "18"));
        for (rows, folded) in [
            ("1", ""),
            ("0", "1"),
            ("x", "1"),
            ("1", "1.5e19"),
            ("1", "-1"),
        ] {
            assert_eq!(Digest::read(rows, folded), None);
        }
    }

    #[test]
    fn marks_are_drawn_anew() {
        let (one, other) = (Marks::draw(), Marks::draw());
        let all = [&one.between, &one.null, &one.zero, &other.between];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(|mark| mark.len() == 18));
    }
}
