//! Why a rootfs can't be built.

use std::{io, path::PathBuf};

use crate::{
    image::ImageError,
    input::InputError,
    rootfs::{TreeError, UnpackError},
    tool::ToolError,
};

/// Trouble on the way from an image to a rootfs.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The image can't be opened.
    #[error("can't open the image {image}")]
    Image {
        /// The image as skopeo names it.
        image: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// The image is not the one that was locked.
    #[error("the image {image} has the digest {actual}, not the locked {locked}")]
    ImageChanged {
        /// The image as skopeo names it.
        image: String,
        /// The digest in the lock.
        locked: String,
        /// Its digest now.
        actual: String,
    },
    /// Its layers can't be unpacked.
    #[error("can't unpack the image {image}")]
    Unpack {
        /// The image as skopeo names it.
        image: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// The tree can't be read or edited.
    #[error("can't do the step `{step}`")]
    Tree {
        /// The step of the build.
        step: &'static str,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// A program failed: apt, skopeo, or a command inside the guest.
    #[error("can't do the step `{step}`")]
    Tool {
        /// The step of the build.
        step: &'static str,
        /// Why.
        #[source]
        source: ToolError,
    },
    /// A file of the host can't be used.
    #[error("can't {attempt} {}", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file of the project is invalid.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A package that was fetched is not the one in the lock.
    #[error("the package {package} has the digest {actual}, not the locked {locked}")]
    PackageChanged {
        /// Name and version.
        package: String,
        /// The digest in the lock.
        locked: String,
        /// The digest of what the source serves now.
        actual: String,
    },
    /// apt's plan can't be followed.
    #[error("can't follow apt's plan: {line}")]
    Plan {
        /// The line of apt's simulation.
        line: String,
    },
}

impl RecipeError {
    /// Makes the adapter for `map_err` that keeps attempt and path.
    pub(super) fn file(
        attempt: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            attempt,
            path,
            source,
        }
    }

    /// Makes the adapter for `map_err` that keeps the step of an edit.
    pub(super) fn tree(step: &'static str) -> impl FnOnce(TreeError) -> Self {
        move |source| Self::Tree { step, source }
    }

    /// Makes the adapter for `map_err` that keeps the step of a program.
    pub(super) fn tool(step: &'static str) -> impl FnOnce(ToolError) -> Self {
        move |source| Self::Tool { step, source }
    }
}
