//! Digests of parts of a table that is too large to be recorded row by row.
//!
//! With a key, a chunk is a run of rows in key order that ends where a hash of the key says so: a row more or less
//! changes one chunk, not all that follow. Without a key, rows fall into 256 buckets by their digest, and a bucket's
//! digest is the sum of its rows' digests, so that order does not count and no two rows cancel.
//!
//! ```text
//! chunk 1017 sha256:… 18342
//! bucket 0a 12 sha256:…
//! ```

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{
    cell::Row,
    rows::{Key, KeyPart},
};

/// A chunk holds about this many rows: a difference is narrowed down to a screenful or two of ids.
const ROWS: u64 = 1024;

/// A SHA-256.
pub(super) type Digest = [u8; 32];

/// A part of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Which part.
    pub(super) part: Part,
    /// How many rows it has.
    pub(super) rows: u64,
    /// Their digest.
    pub(super) digest: Digest,
}

/// Which part of a table a chunk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// From the chunk before up to this key, that included.
    UpTo(Key),
    /// The rows whose digest begins with this byte.
    Bucket(u8),
}

/// Feeds a row into a hash: NULL apart from empty, every length given.
fn feed(hasher: &mut Sha256, row: &Row) {
    for cell in row {
        match cell {
            None => hasher.update([0]),
            Some(bytes) => {
                hasher.update([1]);
                hasher.update((bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        }
    }
}

/// Returns a row's digest.
pub(super) fn row_digest(row: &Row) -> Digest {
    let mut hasher = Sha256::new();
    feed(&mut hasher, row);
    hasher.finalize().into()
}

/// Collects chunks while rows go by.
#[derive(Debug)]
pub(super) enum Chunker {
    /// Rows come in the order of their key.
    Keyed {
        /// The chunks that ended.
        chunks: Vec<Chunk>,
        /// The chunk that goes on.
        hasher: Sha256,
        /// Its rows so far.
        rows: u64,
        /// Its last key so far.
        last: Key,
        /// The recorded ends, where a recording says where chunks end.
        ends: Option<std::vec::IntoIter<Key>>,
        /// The end of the chunk that goes on.
        end: Option<Key>,
    },
    /// Rows come in any order: count and sum of each bucket.
    Buckets(Vec<(u64, Digest)>),
}

impl Chunker {
    /// Makes one that finds the ends of chunks itself.
    pub(super) fn new(keyed: bool) -> Self {
        if keyed {
            Self::Keyed {
                chunks: Vec::new(),
                hasher: Sha256::new(),
                rows: 0,
                last: Key::new(),
                ends: None,
                end: None,
            }
        } else {
            Self::Buckets(vec![(0, [0; 32]); 256])
        }
    }

    /// Makes one that ends chunks where the recorded ones end.
    pub(super) fn like(recorded: &[Chunk]) -> Self {
        let keys: Vec<Key> = recorded
            .iter()
            .filter_map(|chunk| match &chunk.part {
                Part::UpTo(key) => Some(key.clone()),
                Part::Bucket(_) => None,
            })
            .collect();
        if keys.is_empty() {
            return Self::new(false);
        }
        let mut ends = keys.into_iter();
        let end = ends.next();
        Self::Keyed {
            chunks: Vec::new(),
            hasher: Sha256::new(),
            rows: 0,
            last: Key::new(),
            ends: Some(ends),
            end,
        }
    }

    /// Takes one row.
    pub(super) fn add(&mut self, key: Key, row: &Row) {
        match self {
            Self::Keyed {
                chunks,
                hasher,
                rows,
                last,
                ends,
                end,
            } => {
                if let Some(ends) = ends {
                    while end.as_ref().is_some_and(|end| key > *end) {
                        let part = Part::UpTo(end.take().unwrap_or_default());
                        chunks.push(Chunk {
                            part,
                            rows: std::mem::take(rows),
                            digest: hasher.finalize_reset().into(),
                        });
                        *end = ends.next();
                    }
                }
                feed(hasher, row);
                *rows += 1;
                let ended = ends.is_none() && (ends_chunk(&key) || *rows == 8 * ROWS);
                *last = key;
                if ended {
                    let part = Part::UpTo(std::mem::take(last));
                    chunks.push(Chunk {
                        part,
                        rows: std::mem::take(rows),
                        digest: hasher.finalize_reset().into(),
                    });
                }
            }
            Self::Buckets(buckets) => {
                let digest = row_digest(row);
                let (rows, sum) = &mut buckets[usize::from(digest[0])];
                *rows += 1;
                add(sum, &digest);
            }
        }
    }

    /// Returns the chunks.
    pub(super) fn finish(self) -> Vec<Chunk> {
        match self {
            Self::Keyed {
                mut chunks,
                mut hasher,
                mut rows,
                last,
                ends,
                mut end,
            } => {
                if let Some(mut ends) = ends {
                    while let Some(key) = end {
                        chunks.push(Chunk {
                            part: Part::UpTo(key),
                            rows: std::mem::take(&mut rows),
                            digest: hasher.finalize_reset().into(),
                        });
                        end = ends.next();
                    }
                }
                if rows > 0 {
                    chunks.push(Chunk {
                        part: Part::UpTo(last),
                        rows,
                        digest: hasher.finalize().into(),
                    });
                }
                chunks
            }
            Self::Buckets(buckets) => (0..=255)
                .zip(buckets)
                .map(|(bucket, (rows, digest))| Chunk {
                    part: Part::Bucket(bucket),
                    rows,
                    digest,
                })
                .collect(),
        }
    }
}

/// Adds as numbers of 256 bits, so that a row that is there twice counts twice.
fn add(sum: &mut Digest, digest: &Digest) {
    let mut carry = 0_u16;
    for (byte, other) in sum.iter_mut().zip(digest) {
        let total = u16::from(*byte) + u16::from(*other) + carry;
        *byte = total.to_le_bytes()[0];
        carry = total >> 8;
    }
}

/// Returns whether a chunk ends with this key: one in [`ROWS`] does, by FNV-1a.
fn ends_chunk(key: &Key) -> bool {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for part in key {
        match part {
            KeyPart::Null => eat(&[0]),
            KeyPart::Number(number) => eat(&number.to_le_bytes()),
            KeyPart::Bytes(bytes) => eat(bytes),
        }
    }
    (hash >> 20).is_multiple_of(ROWS)
}

/// Returns a digest as text.
pub(super) fn hex(digest: &Digest) -> String {
    digest.iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string can be written to");
        text
    })
}

/// Reads what [`hex`] wrote.
pub(super) fn from_hex(text: &str) -> Option<Digest> {
    let digits = text
        .strip_prefix("sha256:")
        .filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: impl Iterator<Item = i128>) -> Vec<(Key, Row)> {
        numbers
            .map(|number| {
                (
                    vec![KeyPart::Number(number)],
                    vec![Some(number.to_string().into_bytes()), None],
                )
            })
            .collect()
    }

    fn chunks(mut chunker: Chunker, rows: &[(Key, Row)]) -> Vec<Chunk> {
        for (key, row) in rows {
            chunker.add(key.clone(), row);
        }
        chunker.finish()
    }

    #[test]
    fn a_missing_row_changes_one_chunk_only() {
        let all = rows(0..10_000);
        let recorded = chunks(Chunker::new(true), &all);
        assert!((3..40).contains(&recorded.len()), "{}", recorded.len());
        assert_eq!(chunks(Chunker::like(&recorded), &all), recorded);
        let less = rows((0..10_000).filter(|number| *number != 5_000));
        let found = chunks(Chunker::like(&recorded), &less);
        assert_eq!(found.len(), recorded.len());
        assert_eq!(
            found.iter().zip(&recorded).filter(|(a, b)| a != b).count(),
            1
        );
    }

    #[test]
    fn rows_after_the_last_chunk_and_empty_tables_are_seen() {
        let recorded = chunks(Chunker::new(true), &rows(0..2_000));
        assert_eq!(
            chunks(Chunker::like(&recorded), &rows(0..2_001)).len(),
            recorded.len() + 1
        );
        let none = chunks(Chunker::like(&recorded), &[]);
        assert!(none.iter().all(|chunk| chunk.rows == 0) && none.len() == recorded.len());
    }

    #[test]
    fn without_a_key_order_does_not_count_and_doubles_do_not_cancel() {
        let mut all = rows(0..100);
        let first = chunks(Chunker::new(false), &all);
        all.reverse();
        assert_eq!(chunks(Chunker::new(false), &all), first);
        all.extend_from_slice(&[all[0].clone(), all[0].clone()]);
        assert_ne!(chunks(Chunker::new(false), &all), first);
    }

    #[test]
    fn null_is_not_empty_and_values_do_not_run_together() {
        let cell = |text: &str| Some(text.as_bytes().to_vec());
        let table = [
            vec![None, cell("")],
            vec![cell(""), None],
            vec![cell("ab"), cell("c")],
            vec![cell("a"), cell("bc")],
            vec![cell("abc")],
        ];
        for (index, first) in table.iter().enumerate() {
            for second in &table[index + 1..] {
                assert_ne!(row_digest(first), row_digest(second));
            }
        }
    }
}
