//! What `rootfs` commands are given: a tree on disk, or an image.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use migrate_verify::{
    image::{self, Image, ImageError, ImageReference},
    reproducibility::{Aspect, Contents, EntryDifference, is_needed},
    rootfs::{self, Budget, Listing, RootfsPath, TreeError, TreeRoot, UnpackError},
};

use super::{failure::Failure, output};

/// A tree on disk, or an image.
pub(super) enum Subject {
    /// A directory.
    Tree(PathBuf, TreeRoot),
    /// An image.
    Image(Box<Image>),
}

impl Subject {
    pub(super) fn open(name: &str) -> Result<Self, Failure> {
        if ImageReference::looks_like(name) {
            return Ok(Self::Image(Box::new(open(name)?)));
        }
        let path = PathBuf::from(name);
        match TreeRoot::open(&path) {
            Ok(tree) => Ok(Self::Tree(path, tree)),
            Err(error) => Err(Failure::input(&error).hint(
                "name a directory, or an image as oci:DIR[:REF], oci-archive:FILE or docker-archive:FILE",
            )),
        }
    }

    pub(super) fn list(&self) -> Result<Listing, Failure> {
        match self {
            Self::Tree(path, _) => {
                rootfs::walk(path).map_err(|error: TreeError| Failure::inconclusive(&error))
            }
            Self::Image(image) => {
                let (listing, findings) = rootfs::stream(image, &Budget::default())
                    .map_err(|error| unpack_failure(&error))?;
                for finding in findings {
                    output::message("finding", &finding.to_string());
                }
                Ok(listing)
            }
        }
    }

    /// Returns the files of an image that are needed to explain differences.
    pub(super) fn files(
        &self,
        differences: &[EntryDifference],
    ) -> Result<BTreeMap<RootfsPath, Vec<u8>>, Failure> {
        let image = match self {
            Self::Image(image) if !differences.is_empty() => image,
            Self::Image(_) | Self::Tree(..) => return Ok(BTreeMap::new()),
        };
        let differing: BTreeSet<&RootfsPath> = differences
            .iter()
            .filter(|difference| difference.aspect() == Aspect::Content)
            .map(EntryDifference::path)
            .collect();
        let wanted = |path: &RootfsPath| differing.contains(path) || is_needed(path);
        rootfs::read_files(image, &wanted, &Budget::default())
            .map_err(|error| unpack_failure(&error))
    }

    pub(super) fn contents<'a>(&'a self, files: &'a BTreeMap<RootfsPath, Vec<u8>>) -> Contents<'a> {
        match self {
            Self::Tree(_, tree) => Contents::Tree(tree),
            Self::Image(_) => Contents::Files(files),
        }
    }
}

pub(super) fn open(name: &str) -> Result<Image, Failure> {
    let failed = |error: ImageError| {
        if matches!(error, ImageError::Read { .. }) {
            Failure::inconclusive(&error)
        } else {
            Failure::input(&error)
        }
    };
    let reference = ImageReference::parse(name).map_err(failed)?;
    image::open(&reference).map_err(failed)
}

pub(super) fn unpack_failure(error: &UnpackError) -> Failure {
    if error.is_input() {
        Failure::input(error)
    } else {
        Failure::inconclusive(error)
    }
}
