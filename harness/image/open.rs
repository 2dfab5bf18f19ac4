//! From a reference to an image with its layers: index, manifest, configuration.

use std::{io::Read, path::Path};

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest};
use serde::Deserialize;

use super::{
    blobs::Blobs,
    compression::Compression,
    document::{self, DocumentKind, digest_of, parse_digest, read_bounded, read_described},
    error::ImageError,
    layer::LayerReader,
    reference::ImageReference,
};
use crate::digest::Sha256Digest;

/// Where a layout's index names its images.
const REFERENCE_ANNOTATION: &str = "org.opencontainers.image.ref.name";
/// An index in an index happens; deeper ones don't.
const DEEPEST_INDEX: usize = 3;
/// No storage driver takes more layers.
const MOST_LAYERS: usize = 512;

/// An image whose documents are verified; its layers are verified when they are read.
#[derive(Debug)]
pub struct Image {
    /// The manifest's digest; of a `docker save` archive, which has no manifest, its configuration's.
    pub manifest_digest: Sha256Digest,
    /// The configuration.
    pub config: ImageConfiguration,
    /// The layers, from the lowest to the highest.
    pub layers: Vec<Layer>,
    blobs: Blobs,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What the manifest says of its blob.
    pub descriptor: LayerDescriptor,
    /// The digest of its decompressed tar.
    pub diff_id: Sha256Digest,
    /// What it is compressed with.
    pub compression: Compression,
    /// Where it is, in an archive that has no digests of its blobs.
    member: Option<String>,
}

/// What is known of a layer's blob before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDescriptor {
    /// Its media type; of a `docker save` archive, which has none, an empty text.
    pub media_type: String,
    /// Its size.
    pub size: u64,
    /// Its digest; `None` in a `docker save` archive, whose layers are verified by their `diff_id`.
    pub digest: Option<Sha256Digest>,
}

/// Opens an image: reads its documents and verifies them.
pub fn open(reference: &ImageReference) -> Result<Image, ImageError> {
    match reference {
        ImageReference::OciDirectory { path, reference } => {
            open_layout(Blobs::directory(path)?, reference.as_deref())
        }
        ImageReference::OciArchive { path, reference } => {
            open_layout(Blobs::archive(path)?, reference.as_deref())
        }
        ImageReference::DockerArchive { path, reference } => {
            open_docker_archive(path, reference.as_deref())
        }
        ImageReference::Registry { name } => Err(ImageError::NotLocal { name: name.clone() }),
    }
}

impl Image {
    /// Returns the tar bytes of a layer, verified while they are read.
    pub fn read(&self, layer: &Layer) -> Result<LayerReader, ImageError> {
        LayerReader::new(layer, open_layer(&self.blobs, layer)?)
    }
}

fn open_layer(blobs: &Blobs, layer: &Layer) -> Result<super::blobs::Section, ImageError> {
    match (&layer.member, layer.descriptor.digest) {
        (Some(member), _) => blobs.part(member),
        (None, digest) => blobs.blob(digest.unwrap_or(layer.diff_id)),
    }
}

fn open_layout(blobs: Blobs, reference: Option<&str>) -> Result<Image, ImageError> {
    let name = "index.json";
    let bytes = read_bounded(name, blobs.part(name)?)?;
    let index: ImageIndex = document::parse(name, DocumentKind::Index, None, &bytes)?;
    let descriptor = choose(&blobs, &index, reference, 0)?;
    let name = "the manifest";
    let manifest: ImageManifest =
        read_described(&blobs, name, DocumentKind::Manifest, &descriptor)?;
    let config = manifest.config();
    let name = "the configuration";
    if DocumentKind::of_media_type(config.media_type().as_ref()) != Some(DocumentKind::Config) {
        return Err(ImageError::UnknownMediaType {
            name: name.to_owned(),
            media_type: config.media_type().to_string(),
        });
    }
    let config: ImageConfiguration = read_described(&blobs, name, DocumentKind::Config, config)?;
    let diff_ids = diff_ids(&config, manifest.layers().len())?;
    let layers = manifest
        .layers()
        .iter()
        .zip(diff_ids)
        .map(|(descriptor, diff_id)| described_layer(&blobs, descriptor, diff_id))
        .collect::<Result<_, _>>()?;
    Ok(Image {
        manifest_digest: digest_of("the manifest", &descriptor)?,
        config,
        layers,
        blobs,
    })
}

/// Finds the manifest of a reference; without one, the only manifest there is.
fn choose(
    blobs: &Blobs,
    index: &ImageIndex,
    reference: Option<&str>,
    depth: usize,
) -> Result<Descriptor, ImageError> {
    let named = |descriptor: &Descriptor| {
        let annotations = descriptor.annotations().as_ref();
        annotations.and_then(|all| all.get(REFERENCE_ANNOTATION).cloned())
    };
    let candidates: Vec<&Descriptor> = index
        .manifests()
        .iter()
        .filter(|descriptor| {
            reference.is_none_or(|reference| {
                named(descriptor).as_deref() == Some(reference)
                    || descriptor.digest().as_ref() == reference.trim_start_matches('@')
            })
        })
        .collect();
    let [chosen] = candidates[..] else {
        return Err(ImageError::Choice {
            wanted: match (reference, candidates.len()) {
                (Some(reference), 0) => format!("there is no image `{}`", reference.escape_debug()),
                (None, 0) => "there is no image".to_owned(),
                (_, count) => format!("{count} images fit, name one"),
            },
            references: index.manifests().iter().filter_map(named).collect(),
        });
    };
    match DocumentKind::of_media_type(chosen.media_type().as_ref()) {
        Some(DocumentKind::Manifest) => Ok(chosen.clone()),
        Some(DocumentKind::Index) if depth < DEEPEST_INDEX => {
            let inner: ImageIndex =
                read_described(blobs, "an inner index", DocumentKind::Index, chosen)?;
            choose(blobs, &inner, None, depth + 1)
        }
        Some(DocumentKind::Index | DocumentKind::Config) | None => {
            Err(ImageError::UnknownMediaType {
                name: "the manifest".to_owned(),
                media_type: chosen.media_type().to_string(),
            })
        }
    }
}

fn diff_ids(config: &ImageConfiguration, layers: usize) -> Result<Vec<Sha256Digest>, ImageError> {
    let diff_ids = config.rootfs().diff_ids();
    if diff_ids.len() != layers || layers > MOST_LAYERS {
        return Err(ImageError::LayerCount {
            layers,
            diff_ids: diff_ids.len(),
        });
    }
    diff_ids
        .iter()
        .map(|diff_id| parse_digest("a diff_id", diff_id))
        .collect()
}

fn described_layer(
    blobs: &Blobs,
    descriptor: &Descriptor,
    diff_id: Sha256Digest,
) -> Result<Layer, ImageError> {
    let name = "a layer";
    let media_type = descriptor.media_type().to_string();
    let digest = digest_of(name, descriptor)?;
    let Some(declared) = Compression::of_media_type(&media_type) else {
        return Err(ImageError::UnknownMediaType {
            name: name.to_owned(),
            media_type,
        });
    };
    let layer = Layer {
        descriptor: LayerDescriptor {
            media_type,
            size: descriptor.size(),
            digest: Some(digest),
        },
        diff_id,
        compression: declared,
        member: None,
    };
    let found = sniff(blobs, &layer)?;
    if found == declared {
        Ok(layer)
    } else {
        Err(ImageError::MediaType {
            name: layer.name(),
            media_type: layer.descriptor.media_type,
            found: format!("it is {}", found.as_str()),
        })
    }
}

/// Returns what a layer's first bytes say that it is compressed with.
fn sniff(blobs: &Blobs, layer: &Layer) -> Result<Compression, ImageError> {
    let mut start = Vec::new();
    match open_layer(blobs, layer)?.take(6).read_to_end(&mut start) {
        Ok(_) => Ok(Compression::of_magic(&start)),
        Err(source) => Err(ImageError::Read {
            name: layer.name(),
            source,
        }),
    }
}

/// One image of `manifest.json` in a `docker save` archive.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

fn open_docker_archive(path: &Path, reference: Option<&str>) -> Result<Image, ImageError> {
    let blobs = Blobs::archive(path)?;
    let name = "manifest.json";
    let bytes = read_bounded(name, blobs.part(name)?)?;
    let images: Vec<SavedImage> =
        serde_json::from_slice(&bytes).map_err(|source| ImageError::Malformed {
            name: name.to_owned(),
            source,
        })?;
    let saved = choose_saved(images, reference)?;
    let name = "the configuration";
    let bytes = read_bounded(name, blobs.part(&saved.config)?)?;
    let actual = Sha256Digest::of(&bytes);
    verify_config_name(&saved.config, actual)?;
    let config: ImageConfiguration = document::parse(name, DocumentKind::Config, None, &bytes)?;
    let diff_ids = diff_ids(&config, saved.layers.len())?;
    let mut layers = Vec::new();
    for (member, diff_id) in saved.layers.into_iter().zip(diff_ids) {
        let mut layer = Layer {
            descriptor: LayerDescriptor {
                media_type: String::new(),
                size: blobs.part(&member)?.remaining(),
                digest: None,
            },
            diff_id,
            compression: Compression::None,
            member: Some(member),
        };
        layer.compression = sniff(&blobs, &layer)?;
        layers.push(layer);
    }
    Ok(Image {
        manifest_digest: actual,
        config,
        layers,
        blobs,
    })
}

fn choose_saved(
    mut images: Vec<SavedImage>,
    reference: Option<&str>,
) -> Result<SavedImage, ImageError> {
    let references = images
        .iter()
        .flat_map(|image| image.repo_tags.clone().unwrap_or_default())
        .collect();
    if let Some(reference) = reference {
        images.retain(|image| {
            let tags = image.repo_tags.as_deref().unwrap_or_default();
            tags.iter().any(|tag| names(tag, reference))
        });
    }
    match images.pop() {
        Some(image) if images.is_empty() => Ok(image),
        Some(_) => Err(ImageError::Choice {
            wanted: format!("{} images fit, name one", images.len() + 1),
            references,
        }),
        None => Err(ImageError::Choice {
            wanted: "there is no such image".to_owned(),
            references,
        }),
    }
}

/// Returns whether a reference names a tag; Docker Hub's prefix may be left out, as Docker does.
fn names(tag: &str, reference: &str) -> bool {
    let short = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    short(tag) == short(reference)
}

/// A configuration that is named by its digest must have it.
fn verify_config_name(name: &str, actual: Sha256Digest) -> Result<(), ImageError> {
    let file_name = name.rsplit('/').next().unwrap_or(name);
    let digits = file_name.strip_suffix(".json").unwrap_or(file_name);
    match format!("sha256:{digits}").parse::<Sha256Digest>() {
        Ok(expected) if expected != actual => Err(ImageError::Digest {
            name: "the configuration".to_owned(),
            expected,
            actual,
        }),
        Ok(_) | Err(_) => Ok(()),
    }
}
