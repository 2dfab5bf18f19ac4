//! How a member's data lies in the archive: whole, or in the pieces of a sparse file's map.

use super::{
    MemberKind,
    error::{Anomaly, TarError},
    header::{BLOCK, Header},
    members::{Members, Piece, Source},
    pax::{SparseRecords, decimal},
    sparse::{SparseMap, check_length, read_old_map},
};

impl<S: Source> Members<S> {
    /// Lays out a member's data; returns the file's size.
    pub(super) fn plan_data(
        &mut self,
        header: &Header,
        kind: MemberKind,
        sparse: &SparseRecords,
        stored: u64,
    ) -> Result<u64, TarError> {
        self.pieces.clear();
        if kind != MemberKind::File {
            if stored > 0 {
                self.anomalies.push(Anomaly::UnexpectedContent);
            }
            return Ok(0);
        }
        let map = if header.kind() == b'S' {
            self.read_old_sparse(header, stored)?
        } else if sparse.version == (Some(1), Some(0)) {
            self.read_pax_sparse(sparse.size)?
        } else if sparse.size.is_some() || !sparse.map.is_empty() {
            check_length(sparse.map.len())?;
            SparseMap::new(&sparse.map, sparse.size.unwrap_or(stored), stored)?
        } else {
            self.pieces.push_back(Piece::Stored(stored));
            return Ok(stored);
        };
        let mut end = 0;
        for (offset, length) in map.pieces {
            self.pieces.push_back(Piece::Hole(offset - end));
            self.pieces.push_back(Piece::Stored(length));
            end = offset + length;
        }
        self.pieces.push_back(Piece::Hole(map.size - end));
        Ok(map.size)
    }

    fn read_old_sparse(&mut self, header: &Header, stored: u64) -> Result<SparseMap, TarError> {
        let mut numbers = Vec::new();
        let (map, mut more) = header.sparse_map();
        read_old_map(map, &mut numbers)?;
        while more {
            let block = self.block("a sparse map")?;
            read_old_map(&block[..504], &mut numbers)?;
            more = block[504] != 0;
            check_length(numbers.len())?;
        }
        SparseMap::new(&numbers, header.sparse_size()?, stored)
    }

    /// Reads the map that starts a file's data: lines of decimal numbers, padded to a block.
    fn read_pax_sparse(&mut self, size: Option<u64>) -> Result<SparseMap, TarError> {
        let malformed = || TarError::Sparse { what: "a number" };
        let mut numbers = Vec::new();
        let mut wanted = None;
        let mut digits = Vec::new();
        while wanted.is_none_or(|wanted| numbers.len() < wanted) {
            if self.remaining < BLOCK as u64 {
                return Err(malformed());
            }
            let block = self.block("a sparse map")?;
            self.remaining -= BLOCK as u64;
            for byte in block {
                if byte != b'\n' {
                    if wanted.is_none_or(|wanted| numbers.len() < wanted) {
                        digits.push(byte);
                    }
                    continue;
                }
                let number = decimal(&digits).ok_or_else(malformed)?;
                digits.clear();
                if wanted.is_none() {
                    let count = usize::try_from(number).map_err(|_| malformed())?;
                    check_length(count)?;
                    wanted = Some(2 * count);
                } else {
                    numbers.push(number);
                }
                check_length(numbers.len() / 2)?;
            }
            if digits.len() > 2 * BLOCK {
                return Err(malformed());
            }
        }
        SparseMap::new(&numbers, size.ok_or_else(malformed)?, self.remaining)
    }
}
