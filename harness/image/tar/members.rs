//! The reader of members.

use std::{collections::VecDeque, io};

use super::{
    Member, MemberKind,
    error::{Anomaly, TarError},
    header::{BLOCK, Header},
    pax::Records,
};

/// PAX records and long names of one member; xattrs of a Debian tree need some hundred bytes.
const LARGEST_EXTENSION: u64 = 1 << 20;

/// Where tar bytes come from, without copying them.
pub trait Source {
    /// Returns the bytes that come next; none at the end.
    fn fill(&mut self) -> io::Result<&[u8]>;
    /// Drops the first of them.
    fn consume(&mut self, length: usize);
    /// Drops bytes unseen; returns how many, fewer only at the end.
    fn skip(&mut self, length: u64) -> io::Result<u64>;
}

/// A part of a file's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// So many zeros that are not in the archive.
    Hole(u64),
}

/// Reads a tar stream member by member.
#[derive(Debug)]
pub struct Members<S> {
    source: S,
    position: u64,
    /// What `next_data` has lent and is to be dropped.
    lent: usize,
    /// Bytes of the current member that are still in the archive.
    pub(super) remaining: u64,
    padding: u64,
    /// What is still to be said of the current member: lengths of data and holes.
    pub(super) pieces: VecDeque<Piece>,
    globals: Records,
    pub(super) anomalies: Vec<Anomaly>,
    ended: bool,
}

/// A length of a member's data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// Bytes in the archive.
    Stored(u64),
    /// Zeros that are not.
    Hole(u64),
}

/// What the headers before a member's own say.
#[derive(Default)]
struct Extensions {
    pax: Option<Records>,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl<S: Source> Members<S> {
    /// Starts at the beginning of an archive.
    pub fn new(source: S) -> Self {
        Self {
            source,
            position: 0,
            lent: 0,
            remaining: 0,
            padding: 0,
            pieces: VecDeque::new(),
            globals: Records::default(),
            anomalies: Vec::new(),
            ended: false,
        }
    }

    /// Returns how many bytes were read; right after [`Members::next_member`], where the data starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns what should not have been there.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// Returns what the bytes came from.
    pub fn into_source(self) -> S {
        self.source
    }

    /// Returns the next member; what is left of the current one's data is skipped.
    pub fn next_member(&mut self) -> Result<Option<Member>, TarError> {
        if self.ended {
            return Ok(None);
        }
        let mut extensions = Extensions::default();
        loop {
            self.skip_rest()?;
            let offset = self.position;
            let Some(block) = self.next_header_block()? else {
                if extensions.pax.is_some()
                    || extensions.name.is_some()
                    || extensions.link.is_some()
                {
                    return Err(TarError::Truncated {
                        inside: "the headers of a member",
                    });
                }
                return Ok(None);
            };
            let header = Header::parse(&block, offset)?;
            match header.kind() {
                b'x' => {
                    let mut records = self.globals.clone();
                    records.read(&self.extension(&header)?)?;
                    if extensions.pax.replace(records).is_some() {
                        return Err(TarError::Pax {
                            what: "two headers for one member",
                        });
                    }
                }
                b'g' => {
                    let bytes = self.extension(&header)?;
                    self.globals.read(&bytes)?;
                    let globals = &self.globals;
                    if globals.path.is_some() || globals.link.is_some() || globals.size.is_some() {
                        return Err(TarError::Pax {
                            what: "a global name or size",
                        });
                    }
                }
                b'L' => set_once(&mut extensions.name, self.extension(&header)?)?,
                b'K' => set_once(&mut extensions.link, self.extension(&header)?)?,
                _ => return self.member(&header, extensions).map(Some),
            }
        }
    }

    /// Returns the next part of the current member's data.
    pub fn next_data(&mut self) -> Result<Option<Data<'_>>, TarError> {
        self.return_lent();
        loop {
            match self.pieces.front_mut() {
                None => return Ok(None),
                Some(Piece::Stored(0)) => {
                    self.pieces.pop_front();
                }
                Some(Piece::Hole(length)) => {
                    let length = *length;
                    self.pieces.pop_front();
                    if length > 0 {
                        return Ok(Some(Data::Hole(length)));
                    }
                }
                Some(Piece::Stored(left)) => {
                    let bytes = self.source.fill().map_err(read_error)?;
                    if bytes.is_empty() {
                        return Err(TarError::Truncated {
                            inside: "a file's content",
                        });
                    }
                    let length =
                        usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= length as u64;
                    self.remaining -= length as u64;
                    self.lent = length;
                    return Ok(Some(Data::Bytes(&bytes[..length])));
                }
            }
        }
    }

    fn return_lent(&mut self) {
        self.source.consume(self.lent);
        self.position += self.lent as u64;
        self.lent = 0;
    }

    /// Makes a member of its header and what came before it.
    fn member(&mut self, header: &Header, extensions: Extensions) -> Result<Member, TarError> {
        let pax = match extensions.pax {
            Some(pax) => pax,
            None => self.globals.clone(),
        };
        if (pax.path.is_some() && extensions.name.is_some())
            || (pax.link.is_some() && extensions.link.is_some())
        {
            self.anomalies.push(Anomaly::TwoLongNames);
        }
        let path = pax.sparse.name.clone().or(pax.path).or(extensions.name);
        let path = path.unwrap_or_else(|| header.name());
        let link = pax.link.or(extensions.link);
        let kind = kind_of(header.kind(), &path)?;
        let stored = match pax.size {
            Some(size) => size,
            None => header.size()?,
        };
        self.set_remaining(stored)?;
        let size = self.plan_data(header, kind, &pax.sparse, stored)?;
        let owner = |number: i64, field| {
            // The largest number means "no change" to the system.
            u32::try_from(number)
                .ok()
                .filter(|&number| number != u32::MAX)
                .ok_or(TarError::Number { field })
        };
        Ok(Member {
            path,
            kind,
            mode: header.mode()?,
            uid: owner(pax.uid.map_or_else(|| header.uid(), Ok)?, "uid")?,
            gid: owner(pax.gid.map_or_else(|| header.gid(), Ok)?, "gid")?,
            mtime: match pax.mtime {
                Some(mtime) => mtime,
                None => (header.mtime()?, 0),
            },
            link: link.unwrap_or_else(|| header.link()),
            device: match kind {
                MemberKind::CharDevice | MemberKind::BlockDevice => header.device()?,
                MemberKind::File
                | MemberKind::HardLink
                | MemberKind::Symlink
                | MemberKind::Directory
                | MemberKind::Fifo => (0, 0),
            },
            size,
            xattrs: pax.xattrs,
        })
    }

    /// Reads the content of a header that describes the next one.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let size = header.size()?;
        if size > LARGEST_EXTENSION {
            return Err(TarError::TooLarge {
                what: "pax header or long name",
            });
        }
        self.set_remaining(size)?;
        self.pieces.clear();
        self.pieces.push_back(Piece::Stored(size));
        let mut bytes = Vec::new();
        while let Some(data) = self.next_data()? {
            match data {
                Data::Bytes(part) => bytes.extend_from_slice(part),
                Data::Hole(_) => unreachable!("an extension was laid out without holes"),
            }
        }
        Ok(bytes)
    }

    fn set_remaining(&mut self, size: u64) -> Result<(), TarError> {
        let padded = size
            .checked_next_multiple_of(BLOCK as u64)
            .filter(|padded| i64::try_from(*padded).is_ok())
            .ok_or(TarError::Number { field: "size" })?;
        self.remaining = size;
        self.padding = padded - size;
        Ok(())
    }

    /// Skips what is left of the current member, and its padding.
    fn skip_rest(&mut self) -> Result<(), TarError> {
        self.return_lent();
        let skipped = self.source.skip(self.remaining).map_err(read_error)?;
        self.position += skipped;
        if skipped < self.remaining {
            return Err(TarError::Truncated {
                inside: "a file's content",
            });
        }
        self.remaining = 0;
        self.pieces.clear();
        let skipped = self.source.skip(self.padding).map_err(read_error)?;
        self.position += skipped;
        if skipped < self.padding {
            self.anomalies.push(Anomaly::NoPadding);
        }
        self.padding = 0;
        Ok(())
    }

    /// Returns the next block that is no end marker; `None` at the end.
    fn next_header_block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let offset = self.position;
        let Some(block) = self.block_or_end("a header")? else {
            self.anomalies.push(Anomaly::NoEndMarker);
            self.ended = true;
            return Ok(None);
        };
        if block.iter().any(|&byte| byte != 0) {
            return Ok(Some(block));
        }
        match self.block_or_end("the end marker")? {
            None => self.anomalies.push(Anomaly::HalfEndMarker),
            Some(second) if second.iter().all(|&byte| byte == 0) => self.read_tail()?,
            Some(_) => return Err(TarError::StrayZeroBlock { offset }),
        }
        self.ended = true;
        Ok(None)
    }

    /// Reads what follows the end marker: zeros that fill the last record.
    fn read_tail(&mut self) -> Result<(), TarError> {
        let mut only_zeros = true;
        loop {
            let bytes = self.source.fill().map_err(read_error)?;
            if bytes.is_empty() {
                break;
            }
            only_zeros &= bytes.iter().all(|&byte| byte == 0);
            let length = bytes.len();
            self.source.consume(length);
            self.position += length as u64;
        }
        if !only_zeros {
            self.anomalies.push(Anomaly::DataAfterEnd);
        }
        Ok(())
    }

    pub(super) fn block(&mut self, inside: &'static str) -> Result<[u8; BLOCK], TarError> {
        self.block_or_end(inside)?
            .ok_or(TarError::Truncated { inside })
    }

    fn block_or_end(&mut self, inside: &'static str) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let bytes = self.source.fill().map_err(read_error)?;
            if bytes.is_empty() {
                if filled == 0 {
                    return Ok(None);
                }
                return Err(TarError::Truncated { inside });
            }
            let length = bytes.len().min(BLOCK - filled);
            block[filled..filled + length].copy_from_slice(&bytes[..length]);
            self.source.consume(length);
            filled += length;
        }
        self.position += BLOCK as u64;
        Ok(Some(block))
    }
}

fn read_error(source: io::Error) -> TarError {
    TarError::Read { source }
}

/// Keeps a long name, up to its first NUL; a second one for the same member is refused.
fn set_once(place: &mut Option<Vec<u8>>, mut bytes: Vec<u8>) -> Result<(), TarError> {
    if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
        bytes.truncate(end);
    }
    if place.replace(bytes).is_some() {
        return Err(TarError::Pax {
            what: "two long names for one member",
        });
    }
    Ok(())
}

fn kind_of(kind: u8, path: &[u8]) -> Result<MemberKind, TarError> {
    Ok(match kind {
        // Before ustar, a slash at the end made a directory.
        b'\0' | b'0' if path.ends_with(b"/") => MemberKind::Directory,
        b'\0' | b'0' | b'7' | b'S' => MemberKind::File,
        b'1' => MemberKind::HardLink,
        b'2' => MemberKind::Symlink,
        b'3' => MemberKind::CharDevice,
        b'4' => MemberKind::BlockDevice,
        b'5' => MemberKind::Directory,
        b'6' => MemberKind::Fifo,
        kind => return Err(TarError::Kind { kind }),
    })
}
