//! An image becomes a tree on disk, or a listing without one.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    thread,
};

use rustix::{
    fs::{self as system, AtFlags, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{
    apply::{Costs, apply_layer},
    budget::Budget,
    disk::Disk,
    error::{TreeError, UnpackError},
    finding::{Finding, FindingKind, Findings, not_kept},
    layer_stream,
    listing::Listing,
    model::{Inode, LinkSource, Model, Sink, tree},
    path::RootfsPath,
    removal::remove,
    walk::walk_written,
};
use crate::{
    image::{Image, tar::Members},
    progress::{Event, Observer},
};

/// What was put on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The tree as it is on disk, read back.
    pub listing: Listing,
    /// What was noticed, in the order in which it was met.
    pub findings: Vec<Finding>,
}

/// Lists the tree that an image's layers make, without putting anything on disk.
pub fn stream(image: &Image, budget: &Budget) -> Result<(Listing, Vec<Finding>), UnpackError> {
    let (listing, findings) = apply_all(image, &mut Nowhere, budget, None)?;
    Ok((listing, findings.into_vec()))
}

/// Puts an image's tree at `target`, which must not exist; on an error nothing is left there.
pub fn unpack(
    image: &Image,
    target: &Path,
    budget: &Budget,
    observer: &dyn Observer,
) -> Result<Unpacked, UnpackError> {
    let staging = Staging::new(target)?;
    let root = staging.make("root")?;
    let graveyard = staging.make("removed")?;
    let mut disk = Disk::new(root, graveyard);
    let (expected, findings) = apply_all(image, &mut disk, budget, Some(observer))?;
    let written = walk_written(disk.root(), &expected).map_err(tree)?;
    let mut findings = findings.into_vec();
    let (wanted, actual) = written.to_compare(&expected);
    findings.extend(not_kept(&wanted, actual));
    let listing = written.into_listing(expected);
    staging.publish()?;
    Ok(Unpacked { listing, findings })
}

pub(super) fn apply_all(
    image: &Image,
    sink: &mut dyn Sink,
    budget: &Budget,
    observer: Option<&dyn Observer>,
) -> Result<(Listing, Findings), UnpackError> {
    let mut model = Model::new(sink, budget.depth);
    let mut costs = Costs::new(*budget);
    let mut left = *budget;
    for (index, layer) in image.layers.iter().enumerate() {
        model.layer = index + 1;
        let reader = image
            .read(layer)
            .map_err(|source| UnpackError::Image { source })?;
        let report = thread::scope(|scope| {
            let (stream, decompressing) = layer_stream::start(scope, reader, left);
            let mut members = Members::new(stream);
            let applied = apply_layer(&mut model, &mut members, &mut costs);
            drop(members);
            // That a layer is not what its digests say explains whatever else is wrong with it.
            let report = decompressing.join().expect("the thread does not panic")?;
            applied.map(|()| report)
        })?;
        left.bytes -= report.bytes;
        if report.trailing_zeros == Some(true) {
            let kind = FindingKind::TrailingZeros { layer: index + 1 };
            model.findings.add(&RootfsPath::root(), kind);
        }
        if let Some(observer) = observer {
            observer.observe(Event::Counted {
                what: "layers".to_owned(),
                done: index as u64 + 1,
                total: image.layers.len() as u64,
            });
        }
    }
    model.finish()
}

/// The folder in which a tree grows: beside its final place, and closed to others.
struct Staging {
    target: PathBuf,
    parent: OwnedFd,
    name: String,
    folder: OwnedFd,
}

impl Staging {
    fn new(target: &Path) -> Result<Self, UnpackError> {
        let failed = |source: Errno| UnpackError::Tree {
            source: TreeError::System {
                attempt: "make",
                path: target.display().to_string(),
                source: source.into(),
            },
        };
        let Some(file_name) = target.file_name() else {
            return Err(UnpackError::Exists {
                path: target.display().to_string(),
            });
        };
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = system::open(folder, flags, Mode::empty()).map_err(failed)?;
        if system::statat(&parent, file_name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(UnpackError::Exists {
                path: target.display().to_string(),
            });
        }
        let mut number = 0;
        loop {
            let name = format!(".migrate-verify-unpacking-{}-{number}", std::process::id());
            match system::mkdirat(&parent, &name, Mode::RWXU) {
                Ok(()) => {
                    let folder =
                        system::openat(&parent, &name, flags | OFlags::NOFOLLOW, Mode::empty())
                            .map_err(failed)?;
                    return Ok(Self {
                        target: target.to_owned(),
                        parent,
                        name,
                        folder,
                    });
                }
                Err(Errno::EXIST) => number += 1,
                Err(error) => return Err(failed(error)),
            }
        }
    }

    fn failed(&self, source: Errno) -> UnpackError {
        UnpackError::Tree {
            source: TreeError::System {
                attempt: "make",
                path: self.target.display().to_string(),
                source: source.into(),
            },
        }
    }

    fn make(&self, name: &str) -> Result<OwnedFd, UnpackError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        system::mkdirat(&self.folder, name, Mode::RWXU)
            .and_then(|()| system::openat(&self.folder, name, flags, Mode::empty()))
            .map_err(|error| self.failed(error))
    }

    /// Gives the tree its final name.
    fn publish(self) -> Result<(), UnpackError> {
        let name = self
            .target
            .file_name()
            .expect("it was looked at in the beginning");
        let flags = RenameFlags::NOREPLACE;
        match system::renameat_with(&self.folder, "root", &self.parent, name, flags) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(UnpackError::Exists {
                path: self.target.display().to_string(),
            }),
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The error that is on its way already says more than that its leftovers could not be removed.
        let _leftover = remove(&self.parent, self.name.as_bytes(), &RootfsPath::root());
    }
}

/// Does nothing: the model alone is wanted.
struct Nowhere;

impl Sink for Nowhere {
    fn make_directory(&mut self, _path: &RootfsPath) -> Result<(), TreeError> {
        Ok(())
    }

    fn remove_directory(&mut self, _path: &RootfsPath) -> Result<(), TreeError> {
        Ok(())
    }

    fn bury(&mut self, _path: &RootfsPath, _grave: u64) -> Result<(), TreeError> {
        Ok(())
    }

    fn begin_file(&mut self, _path: &RootfsPath) -> Result<(), TreeError> {
        Ok(())
    }

    fn write(&mut self, _bytes: &[u8]) -> Result<(), TreeError> {
        Ok(())
    }

    fn hole(&mut self, _length: u64) -> Result<(), TreeError> {
        Ok(())
    }

    fn end_file(&mut self, _inode: &Inode) -> Result<(), TreeError> {
        Ok(())
    }

    fn make_special(&mut self, _path: &RootfsPath, _inode: &Inode) -> Result<(), TreeError> {
        Ok(())
    }

    fn link(&mut self, _source: &LinkSource, _path: &RootfsPath) -> Result<(), TreeError> {
        Ok(())
    }

    fn end_layer(&mut self) -> Result<(), TreeError> {
        Ok(())
    }

    fn finish_directory(&mut self, _path: &RootfsPath, _inode: &Inode) -> Result<(), TreeError> {
        Ok(())
    }
}
