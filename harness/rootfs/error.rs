//! Why a tree on disk could not be read or changed, and why an image could not be unpacked.

use std::io;

use super::{budget::BudgetLimit, path::PathError};
use crate::image::{ImageError, tar::TarError};

/// A tree that could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The system refused something.
    #[error("can't {attempt} {path}")]
    System {
        /// What was attempted: `open`, `list`, `write`.
        attempt: &'static str,
        /// Where, escaped.
        path: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A path that can't be below a root.
    #[error("`{path}` is no path below a root")]
    Path {
        /// The path, escaped.
        path: String,
        /// Why.
        #[source]
        source: PathError,
    },
    /// A file was changed by somebody else while it was read.
    #[error("{path} changed while it was read")]
    Changed {
        /// Where, escaped.
        path: String,
    },
    /// Something that must not be there or must be of another kind.
    #[error("{path} is not a {expected}")]
    Kind {
        /// Where, escaped.
        path: String,
        /// What was needed.
        expected: &'static str,
    },
}

/// An image that could not be unpacked, or listed.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A layer can't be read, or is not what its digests say.
    #[error("the image can't be read")]
    Image {
        /// Why.
        #[source]
        source: ImageError,
    },
    /// A layer's tar stream is malformed beyond what is tolerated.
    #[error("layer {layer} can't be read")]
    Tar {
        /// Which layer, from 1.
        layer: usize,
        /// Why.
        #[source]
        source: TarError,
    },
    /// A member's name, or its link's, leads out of the tree or is none.
    #[error("layer {layer} has the name `{name}`")]
    Name {
        /// Which layer, from 1.
        layer: usize,
        /// The name, escaped.
        name: String,
        /// Why.
        #[source]
        source: PathError,
    },
    /// A member that can't be where it is.
    #[error("layer {layer} has {path}, {problem}")]
    Member {
        /// Which layer, from 1.
        layer: usize,
        /// The path, escaped.
        path: String,
        /// Why it can't be.
        problem: &'static str,
    },
    /// The image needs more than it was allowed.
    #[error("the image has more than {allowed} {limit}")]
    Budget {
        /// Of what.
        limit: BudgetLimit,
        /// How much is allowed.
        allowed: u64,
    },
    /// The tree can't be written or read back.
    #[error("the tree can't be made")]
    Tree {
        /// Why.
        #[source]
        source: TreeError,
    },
    /// There is something already where the tree is to be put.
    #[error("{path} already exists")]
    Exists {
        /// Where.
        path: String,
    },
}

impl UnpackError {
    /// Returns whether the image is to blame, and not the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Image { source } => !matches!(source, ImageError::Read { .. }),
            Self::Tar { source, .. } => !matches!(source, TarError::Read { .. }),
            Self::Name { .. } | Self::Member { .. } | Self::Budget { .. } | Self::Exists { .. } => {
                true
            }
            Self::Tree { .. } => false,
        }
    }
}
