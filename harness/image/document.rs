//! JSON documents of an image: bounded, verified, and of the type that their descriptor says.

use std::io::Read;

use oci_spec::image::Descriptor;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    blobs::{Blobs, Section},
    error::ImageError,
};
use crate::digest::Sha256Digest;

/// Registries refuse manifests of more than 4 MiB; configurations stay far below.
const LARGEST_DOCUMENT: u64 = 8 << 20;

/// What a document of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// A list of manifests.
    Index,
    /// An image's manifest.
    Manifest,
    /// An image's configuration.
    Config,
}

impl DocumentKind {
    /// Returns what a media type names.
    pub(super) fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Some(Self::Index),
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Some(Self::Manifest),
            "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json" => Some(Self::Config),
            _ => None,
        }
    }

    /// Returns the keys that only documents of another kind have.
    fn foreign_keys(self) -> &'static [&'static str] {
        match self {
            Self::Index => &["layers", "config", "fsLayers", "rootfs"],
            Self::Manifest => &["manifests", "fsLayers", "rootfs"],
            Self::Config => &["manifests", "layers", "fsLayers"],
        }
    }
}

/// Returns a descriptor's digest, parsed.
pub(super) fn digest_of(name: &str, descriptor: &Descriptor) -> Result<Sha256Digest, ImageError> {
    parse_digest(name, descriptor.digest().as_ref())
}

/// Parses a digest of a part.
pub(super) fn parse_digest(name: &str, text: &str) -> Result<Sha256Digest, ImageError> {
    text.parse().map_err(|source| ImageError::InvalidDigest {
        name: name.to_owned(),
        source,
    })
}

/// Reads the document that a descriptor names, verified.
pub(super) fn read_described<T: DeserializeOwned>(
    blobs: &Blobs,
    name: &str,
    kind: DocumentKind,
    descriptor: &Descriptor,
) -> Result<T, ImageError> {
    let expected = digest_of(name, descriptor)?;
    if descriptor.size() > LARGEST_DOCUMENT {
        return Err(ImageError::TooLarge {
            name: name.to_owned(),
            size: descriptor.size(),
            limit: LARGEST_DOCUMENT,
        });
    }
    let bytes = read_bounded(name, blobs.blob(expected)?)?;
    if bytes.len() as u64 != descriptor.size() {
        return Err(ImageError::Size {
            name: name.to_owned(),
            expected: descriptor.size(),
            actual: bytes.len() as u64,
        });
    }
    let actual = Sha256Digest::of(&bytes);
    if actual != expected {
        return Err(ImageError::Digest {
            name: name.to_owned(),
            expected,
            actual,
        });
    }
    parse(name, kind, Some(descriptor.media_type().as_ref()), &bytes)
}

/// Parses a document, and refuses one that could also be read as another kind.
pub(super) fn parse<T: DeserializeOwned>(
    name: &str,
    kind: DocumentKind,
    media_type: Option<&str>,
    bytes: &[u8],
) -> Result<T, ImageError> {
    let malformed = |source| ImageError::Malformed {
        name: name.to_owned(),
        source,
    };
    let value: Value = serde_json::from_slice(bytes).map_err(malformed)?;
    let confused = |found: String| ImageError::MediaType {
        name: name.to_owned(),
        media_type: media_type.unwrap_or_default().to_owned(),
        found,
    };
    if let Some(key) = kind
        .foreign_keys()
        .iter()
        .find(|key| value.get(**key).is_some())
    {
        return Err(confused(format!("it has `{key}`")));
    }
    if let (Some(expected), Some(embedded)) = (media_type, value.get("mediaType"))
        && embedded.as_str() != Some(expected)
    {
        return Err(confused(format!("it calls itself {embedded}")));
    }
    serde_json::from_value(value).map_err(malformed)
}

/// Reads a small part of an image.
pub(super) fn read_bounded(name: &str, section: Section) -> Result<Vec<u8>, ImageError> {
    let size = section.remaining();
    if size > LARGEST_DOCUMENT {
        return Err(ImageError::TooLarge {
            name: name.to_owned(),
            size,
            limit: LARGEST_DOCUMENT,
        });
    }
    let mut bytes = Vec::new();
    let mut section = section;
    match section.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(source) => Err(ImageError::Read {
            name: name.to_owned(),
            source,
        }),
    }
}
