//! Where the parts of an image are read from: a directory, or offsets in an archive.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use rustix::fs::{self as system, FileType, Mode, OFlags, ResolveFlags};

use super::{
    error::ImageError,
    tar::{self, MemberKind},
};
use crate::digest::Sha256Digest;

/// No archive of an image has more members.
const MOST_MEMBERS: usize = 100_000;
/// Links of a `docker save` archive: from one layer's folder to another's, never a chain.
const LONGEST_LINK_CHAIN: usize = 4;

/// The parts of an image, by name.
#[derive(Debug)]
pub(super) enum Blobs {
    /// Files below a directory.
    Directory {
        /// The directory, held open.
        root: Arc<File>,
    },
    /// Members of a tar file, read where they are.
    Archive {
        /// The file.
        file: Arc<File>,
        /// Where the members are.
        members: BTreeMap<Vec<u8>, Place>,
    },
}

/// Where a member of an archive is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Its bytes.
    Bytes {
        /// Where they start.
        offset: u64,
        /// How many they are.
        size: u64,
    },
    /// Another member.
    Link {
        /// Its name, resolved.
        target: Vec<u8>,
    },
}

/// A part of an open file.
#[derive(Debug)]
pub(super) struct Section {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
}

impl Section {
    /// Returns how many bytes are left to be read.
    pub(super) fn remaining(&self) -> u64 {
        self.remaining
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.remaining)
            .map_or(buffer.len(), |remaining| remaining.min(buffer.len()));
        let length = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        self.offset += length as u64;
        self.remaining -= length as u64;
        Ok(length)
    }
}

impl Blobs {
    /// Opens a layout in a directory.
    pub(super) fn directory(path: &Path) -> Result<Self, ImageError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match system::open(path, flags, Mode::empty()) {
            Ok(root) => Ok(Self::Directory {
                root: Arc::new(File::from(root)),
            }),
            Err(source) => Err(ImageError::Open {
                path: path.display().to_string(),
                source: source.into(),
            }),
        }
    }

    /// Opens an archive and learns where its members are.
    pub(super) fn archive(path: &Path) -> Result<Self, ImageError> {
        let unreadable = |source| ImageError::Open {
            path: path.display().to_string(),
            source,
        };
        let malformed = |source| ImageError::Archive {
            path: path.display().to_string(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let file = Arc::new(file);
        let section = Section {
            file: Arc::clone(&file),
            offset: 0,
            remaining: size,
        };
        let mut members = BTreeMap::new();
        let mut reader = tar::Members::new(Seekable(BufReader::new(section)));
        while let Some(member) = reader.next_member().map_err(malformed)? {
            let name = normalise(&member.path);
            let place = match member.kind {
                MemberKind::File => Place::Bytes {
                    offset: reader.position(),
                    size: member.size,
                },
                MemberKind::Symlink => Place::Link {
                    target: resolve(&name, &member.link),
                },
                MemberKind::HardLink => Place::Link {
                    target: normalise(&member.link),
                },
                MemberKind::Directory
                | MemberKind::CharDevice
                | MemberKind::BlockDevice
                | MemberKind::Fifo => continue,
            };
            members.insert(name, place);
            if members.len() > MOST_MEMBERS {
                return Err(malformed(tar::TarError::TooLarge {
                    what: "member list",
                }));
            }
        }
        Ok(Self::Archive { file, members })
    }

    /// Opens a blob by its digest.
    pub(super) fn blob(&self, digest: Sha256Digest) -> Result<Section, ImageError> {
        self.part(&format!("blobs/sha256/{}", digest.hex()))
    }

    /// Opens a part by its name, which comes from this program or names a member of an archive; it never leaves the image.
    pub(super) fn part(&self, name: &str) -> Result<Section, ImageError> {
        match self {
            Self::Directory { root } => open_below(root, name),
            Self::Archive { file, members } => {
                let mut wanted = normalise(name.as_bytes());
                for _ in 0..LONGEST_LINK_CHAIN {
                    match members.get(&wanted) {
                        Some(Place::Bytes { offset, size }) => {
                            return Ok(Section {
                                file: Arc::clone(file),
                                offset: *offset,
                                remaining: *size,
                            });
                        }
                        Some(Place::Link { target }) => wanted.clone_from(target),
                        None => break,
                    }
                }
                Err(ImageError::Missing {
                    name: name.escape_debug().to_string(),
                })
            }
        }
    }
}

fn open_below(root: &File, name: &str) -> Result<Section, ImageError> {
    let failed = |source: rustix::io::Errno| match source {
        rustix::io::Errno::NOENT => ImageError::Missing {
            name: name.to_owned(),
        },
        source => ImageError::Open {
            path: name.to_owned(),
            source: source.into(),
        },
    };
    let file = system::openat2(
        root,
        name,
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
    )
    .map_err(failed)?;
    let stat = system::fstat(&file).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(ImageError::Missing {
            name: name.to_owned(),
        });
    }
    Ok(Section {
        file: Arc::new(File::from(file)),
        offset: 0,
        remaining: stat.st_size.cast_unsigned(),
    })
}

fn normalise(name: &[u8]) -> Vec<u8> {
    resolve(b"", name)
}

/// Returns where a symbolic link in an archive points to, by names alone.
fn resolve(from: &[u8], target: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = from.split(|&byte| byte == b'/').collect();
    names.pop();
    for name in target.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join(&b'/')
}

/// Lets the member list of a large archive be read without reading the members.
#[derive(Debug)]
struct Seekable(BufReader<Section>);

impl tar::Source for Seekable {
    fn fill(&mut self) -> io::Result<&[u8]> {
        std::io::BufRead::fill_buf(&mut self.0)
    }

    fn consume(&mut self, length: usize) {
        std::io::BufRead::consume(&mut self.0, length);
    }

    fn skip(&mut self, length: u64) -> io::Result<u64> {
        let buffered = self.0.buffer().len() as u64;
        if length <= buffered {
            let length = usize::try_from(length).expect("a buffer's length fits");
            std::io::BufRead::consume(&mut self.0, length);
            return Ok(length as u64);
        }
        let consumed = self.0.buffer().len();
        std::io::BufRead::consume(&mut self.0, consumed);
        let section = self.0.get_mut();
        let skipped = (length - buffered).min(section.remaining);
        section.offset += skipped;
        section.remaining -= skipped;
        Ok(buffered + skipped)
    }
}
