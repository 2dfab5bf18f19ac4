//! Names of images, as skopeo names them.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::error::ImageError;

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageReference {
    /// `oci:DIR[:REF]`: an OCI image layout in a directory.
    OciDirectory {
        /// The directory.
        path: PathBuf,
        /// Which image of the layout, where there is more than one.
        reference: Option<String>,
    },
    /// `oci-archive:FILE[:REF]`: an OCI image layout in a tar file.
    OciArchive {
        /// The file.
        path: PathBuf,
        /// Which image of the layout, where there is more than one.
        reference: Option<String>,
    },
    /// `docker-archive:FILE[:REF]`: what `docker save` writes.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// Which image of the archive, where there is more than one.
        reference: Option<String>,
    },
    /// `docker://HOST/NAME[:TAG][@DIGEST]`: an image in a registry; it is copied to a layout before it is opened.
    Registry {
        /// What follows `docker://`.
        name: String,
    },
}

impl ImageReference {
    /// Parses a reference.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let malformed = || ImageError::Reference {
            text: text.to_owned(),
        };
        let (transport, rest) = text.split_once(':').ok_or_else(malformed)?;
        if let ("docker", Some(name)) = (transport, rest.strip_prefix("//")) {
            return if name.is_empty() {
                Err(malformed())
            } else {
                Ok(Self::Registry {
                    name: name.to_owned(),
                })
            };
        }
        // Like skopeo: the first colon ends the path.
        let (path, reference) = match rest.split_once(':') {
            Some((path, reference)) if !reference.is_empty() => (path, Some(reference.to_owned())),
            Some((path, _)) => (path, None),
            None => (rest, None),
        };
        if path.is_empty() {
            return Err(malformed());
        }
        let path = PathBuf::from(path);
        match transport {
            "oci" => Ok(Self::OciDirectory { path, reference }),
            "oci-archive" => Ok(Self::OciArchive { path, reference }),
            "docker-archive" => Ok(Self::DockerArchive { path, reference }),
            _ => Err(malformed()),
        }
    }

    /// Returns the reference with a relative path taken from `folder`.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        match self {
            Self::OciDirectory { path, reference } => Self::OciDirectory {
                path: folder.join(path),
                reference,
            },
            Self::OciArchive { path, reference } => Self::OciArchive {
                path: folder.join(path),
                reference,
            },
            Self::DockerArchive { path, reference } => Self::DockerArchive {
                path: folder.join(path),
                reference,
            },
            Self::Registry { name } => Self::Registry { name },
        }
    }

    /// Returns whether a text names an image and not a directory.
    pub fn looks_like(text: &str) -> bool {
        ["oci:", "oci-archive:", "docker-archive:", "docker://"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, reference) = match self {
            Self::OciDirectory { path, reference } => ("oci", path, reference),
            Self::OciArchive { path, reference } => ("oci-archive", path, reference),
            Self::DockerArchive { path, reference } => ("docker-archive", path, reference),
            Self::Registry { name } => return write!(formatter, "docker://{name}"),
        };
        write!(formatter, "{transport}:{}", path.display())?;
        reference
            .iter()
            .try_for_each(|reference| write!(formatter, ":{reference}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_written_as_they_are_read() {
        for text in [
            "oci:image",
            "oci:/srv/image:lenny",
            "oci-archive:image.tar:docker.io/debian/eol:lenny",
            "docker-archive:image.tar",
            "docker://docker.io/debian/eol:lenny",
        ] {
            assert_eq!(ImageReference::parse(text).unwrap().to_string(), text);
            assert!(ImageReference::looks_like(text));
        }
        for text in [
            "",
            "oci:",
            "oci::x",
            "docker:image",
            "docker://",
            "image",
            "dir:x",
        ] {
            assert!(ImageReference::parse(text).is_err(), "{text}");
        }
    }
}
