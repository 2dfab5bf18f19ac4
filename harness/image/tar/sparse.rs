//! Maps of sparse files: which bytes of a file are in the archive, and which are holes.

use super::{error::TarError, header::parse_number};

/// Go's archive/tar had to learn a limit here (CVE-2025-58183); real maps have a few hundred pieces.
const MOST_PIECES: usize = 100_000;

/// The pieces of a sparse file that are not holes: offsets and lengths, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SparseMap {
    pub(super) pieces: Vec<(u64, u64)>,
    pub(super) size: u64,
}

impl SparseMap {
    /// Checks offsets and lengths in turn: in order, inside the file, and as many bytes as are `stored`.
    pub(super) fn new(numbers: &[u64], size: u64, stored: u64) -> Result<Self, TarError> {
        let (pairs, rest) = numbers.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(TarError::Sparse {
                what: "an offset without a length",
            });
        }
        let mut end = 0;
        let mut total = 0_u64;
        for &[offset, length] in pairs {
            let next = offset.checked_add(length);
            match next {
                Some(next) if offset >= end && next <= size => end = next,
                Some(_) | None => {
                    return Err(TarError::Sparse {
                        what: "a piece out of order or outside the file",
                    });
                }
            }
            // It can't overflow: the pieces lie side by side inside `size`.
            total += length;
        }
        if total != stored {
            return Err(TarError::Sparse {
                what: "another number of bytes than are stored",
            });
        }
        Ok(Self {
            pieces: pairs
                .iter()
                .map(|&[offset, length]| (offset, length))
                .collect(),
            size,
        })
    }
}

/// Reads offsets and lengths of an old GNU sparse header; an empty pair ends them.
pub(super) fn read_old_map(bytes: &[u8], numbers: &mut Vec<u64>) -> Result<(), TarError> {
    let number = |field: &[u8]| {
        parse_number(field)
            .and_then(|number| u64::try_from(number).ok())
            .ok_or(TarError::Sparse { what: "a number" })
    };
    for pair in bytes.chunks_exact(24) {
        if pair[0] == 0 && pair[12] == 0 {
            break;
        }
        numbers.push(number(&pair[..12])?);
        numbers.push(number(&pair[12..])?);
        check_length(numbers.len())?;
    }
    Ok(())
}

/// Refuses a map with more pieces than any real one.
pub(super) fn check_length(numbers: usize) -> Result<(), TarError> {
    if numbers > 2 * MOST_PIECES {
        return Err(TarError::TooLarge { what: "sparse map" });
    }
    Ok(())
}
