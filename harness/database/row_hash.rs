//! Rows hashed by the server: the SQL that turns a row into a number, and the sum of those numbers over many rows.
//!
//! A row is written as text that can be read in one way only: of each value its length and its bytes, of a number its
//! digits, of NULL the letter `N`. No charset is converted. The numbers are added (no exclusive or), so that a row that is there
//! twice counts twice, and they come from a hash that is not linear, so that the same change in two rows does not cancel.
//! What a server can't hash is more than any sum of hashes, and is never taken for the same.

use super::{
    connection::Connection,
    error::DatabaseError,
    name::Name,
    schema::{ColumnKind, Table, text},
};

/// What stands for a row that the server could not hash; the hashes of a billion rows add up to less.
const UNHASHED: &str = "1000000000000000000000000000000";

/// Two questions that only servers with the hash answer rightly: `CRC32C`, and sums that are exact.
const PROBES: [(RowHash, &str, &str); 2] = [
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
    /// The first half of MD5, which every server has.
    Md5,
}

impl RowHash {
    /// Returns the quickest hash that both servers have; `None` if one of them can't add exactly.
    pub(super) async fn common(
        first: &mut Connection,
        second: &mut Connection,
    ) -> Result<Option<Self>, DatabaseError> {
        if !(answers(first, EXACT).await? && answers(second, EXACT).await?) {
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

/// Returns the expression for the sum of the hashes of rows, over columns of `table` in this order; `None` if a value has
/// no exact text on the server. `apart` are the columns whose values are written with their length.
pub(super) fn sum(
    hash: RowHash,
    table: &Table,
    columns: &[usize],
    apart: &[bool],
) -> Option<Vec<u8>> {
    let convert = mixes_charsets(table, columns);
    let mut items = Vec::new();
    for (&position, &apart) in columns.iter().zip(apart) {
        let column = &table.layout.columns[position];
        let nullable = table.is_nullable(position);
        let name = column.name.quoted();
        let or_null = |value: Vec<u8>| {
            if nullable {
                [b"IFNULL(".as_slice(), &value, b",'N')"].concat()
            } else {
                value
            }
        };
        if column.kind == ColumnKind::Float {
            return None;
        }
        if !apart {
            items.push(or_null(name));
            continue;
        }
        let length = [b"LENGTH(".as_slice(), &name, b")"].concat();
        items.push(or_null(if column.kind == ColumnKind::Enumeration {
            // The number 0 reads as '', which may be a right value too.
            [b"IF(".as_slice(), &name, b"+0=0,'Z',", &length, b")"].concat()
        } else {
            length
        }));
        items.push(if convert {
            [b"CAST(".as_slice(), &name, b" AS BINARY)"].concat()
        } else {
            name
        });
    }
    // A binary separator keeps the server from converting one column to the charset of another.
    let row = [
        b"CONCAT_WS(CAST(',' AS BINARY),".as_slice(),
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
    };
    let or_unhashed = format!(",{UNHASHED}))");
    Some([b"SUM(IFNULL(".as_slice(), &hashed, or_unhashed.as_bytes()].concat())
}

/// Returns whether a value is written with its length: all but numbers and times, whose text has no comma.
pub(super) fn stands_apart(kind: ColumnKind) -> bool {
    match kind {
        ColumnKind::Integer | ColumnKind::Decimal | ColumnKind::Float | ColumnKind::Temporal => {
            false
        }
        ColumnKind::Text | ColumnKind::Long | ColumnKind::Enumeration | ColumnKind::Other => true,
    }
}

fn mixes_charsets(table: &Table, columns: &[usize]) -> bool {
    let mut charsets: Vec<&str> = columns
        .iter()
        .filter(|&&position| stands_apart(table.layout.columns[position].kind))
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

/// What the server says about rows: how many there are, and the sum of their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    /// How many rows.
    pub(super) rows: u64,
    /// The sum as digits; empty without rows.
    sum: String,
}

impl Digest {
    /// Reads a count and a sum out of two cells of an answer.
    pub(super) fn read(count: &str, sum: &str) -> Option<Self> {
        let digits = sum.bytes().all(|byte| byte.is_ascii_digit());
        let rows: u64 = count.parse().ok()?;
        (digits && sum.is_empty() == (rows == 0)).then(|| Self {
            rows,
            sum: sum.to_owned(),
        })
    }

    /// Returns whether both are of the same rows: every row of both was hashed, and number and sum are equal.
    pub(super) fn proves(&self, other: &Self) -> bool {
        self == other && self.sum.len() < UNHASHED.len()
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
pub(super) fn digest_query(table: &Name, sum: &[u8], key: &Name, part: Part) -> Vec<u8> {
    let mut query = [
        b"SELECT COUNT(*),".as_slice(),
        sum,
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
    sum: &[u8],
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
        sum,
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
    fn what_was_not_hashed_proves_nothing() {
        let read = |rows: &str, sum: &str| Digest::read(rows, sum);
        let digest = read("2", "17").unwrap();
        assert!(digest.proves(&digest.clone()));
        assert!(!digest.proves(&read("3", "17").unwrap()));
        assert!(!digest.proves(&read("2", "18").unwrap()));
        let unhashed = read("2", UNHASHED).unwrap();
        assert!(!unhashed.proves(&unhashed.clone()));
        let both = read("2", "2000000000000000000000000000000").unwrap();
        assert!(!both.proves(&both.clone()));
        assert!(read("0", "").unwrap().proves(&read("0", "").unwrap()));
        for (rows, sum) in [
            ("1", ""),
            ("0", "1"),
            ("x", "1"),
            ("1", "1.5e19"),
            ("1", "-1"),
        ] {
            assert_eq!(read(rows, sum), None);
        }
    }
}
