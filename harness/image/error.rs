//! Why an image can't be used.

use std::io;

use crate::digest::{DigestError, Sha256Digest};

/// An image that can't be used. Texts out of an image are escaped when they are shown.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Not a reference.
    #[error(
        "`{text}` is no image: it is named oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF] or docker://NAME"
    )]
    Reference {
        /// What was given.
        text: String,
    },
    /// An image in a registry is not here yet.
    #[error("docker://{name} must be copied to an oci: directory before it can be read")]
    NotLocal {
        /// The name in the registry.
        name: String,
    },
    /// A file of the image can't be opened.
    #[error("can't open {path}")]
    Open {
        /// The file.
        path: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A part of the image can't be read.
    #[error("can't read {name}")]
    Read {
        /// The part.
        name: String,
        /// The system's or the decompressor's error.
        #[source]
        source: io::Error,
    },
    /// The image lacks a part.
    #[error("the image has no {name}")]
    Missing {
        /// The part.
        name: String,
    },
    /// An archive is no tar.
    #[error("{path} is no tar archive")]
    Archive {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: super::tar::TarError,
    },
    /// A part is larger than any honest one.
    #[error("{name} has {size} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The part.
        name: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A part has another size than its descriptor says.
    #[error("{name} has {actual} bytes, its descriptor says {expected}")]
    Size {
        /// The part.
        name: String,
        /// What the descriptor says.
        expected: u64,
        /// What there is.
        actual: u64,
    },
    /// A part has another digest than its descriptor says.
    #[error("{name} has the digest {actual}, expected {expected}")]
    Digest {
        /// The part.
        name: String,
        /// What was promised.
        expected: Sha256Digest,
        /// What was found.
        actual: Sha256Digest,
    },
    /// A digest is none.
    #[error("{name} has no usable digest")]
    InvalidDigest {
        /// The part.
        name: String,
        /// Why.
        #[source]
        source: DigestError,
    },
    /// A document is no JSON of its type.
    #[error("{name} is malformed")]
    Malformed {
        /// The document.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A document, or a layer, is not of the type that its descriptor says.
    #[error("{name} is not of its media type `{}`: {found}", media_type.escape_debug())]
    MediaType {
        /// The part.
        name: String,
        /// What the descriptor says.
        media_type: String,
        /// What it looks like.
        found: String,
    },
    /// A media type that is none of an image.
    #[error("{name} has the media type `{}`, which can't be used", media_type.escape_debug())]
    UnknownMediaType {
        /// The part.
        name: String,
        /// The type.
        media_type: String,
    },
    /// The layout has no such image, or several and none was named.
    #[error("{wanted}; there {}", known(references))]
    Choice {
        /// What was wanted.
        wanted: String,
        /// The references that there are.
        references: Vec<String>,
    },
    /// The configuration has another number of layers than the manifest.
    #[error("the manifest has {layers} layers, the configuration has {diff_ids}")]
    LayerCount {
        /// Layers of the manifest.
        layers: usize,
        /// `diff_ids` of the configuration.
        diff_ids: usize,
    },
}

fn known(references: &[String]) -> String {
    let list: Vec<String> = references
        .iter()
        .map(|reference| reference.escape_debug().to_string())
        .collect();
    match list.len() {
        0 => "is none with a name".to_owned(),
        1 => format!("is {}", list[0]),
        _ => format!("are {}", list.join(", ")),
    }
}
