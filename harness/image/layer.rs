//! One layer as a stream of tar bytes that is verified while it is read.

use std::{
    fmt,
    io::{self, Read},
};

use super::{blobs::Section, compression::Decoder, error::ImageError, open::Layer};
use crate::digest::{HashingReader, Sha256Digest};

/// The tar bytes of a layer. They are only verified once [`LayerReader::finish`] says so.
pub struct LayerReader {
    name: String,
    plain: Decoder<HashingReader<Section>>,
    size: u64,
    blob_digest: Option<Sha256Digest>,
    diff_id: Sha256Digest,
}

/// What is to be said of a layer that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerEnd {
    /// Zero bytes followed the last gzip member.
    pub trailing_zeros: bool,
}

impl LayerReader {
    pub(super) fn new(layer: &Layer, blob: Section) -> Result<Self, ImageError> {
        let name = layer.name();
        let size = blob.remaining();
        if size != layer.descriptor.size {
            return Err(ImageError::Size {
                name,
                expected: layer.descriptor.size,
                actual: size,
            });
        }
        let decoder = Decoder::new(layer.compression, HashingReader::new(blob));
        match decoder {
            Ok(decoder) => Ok(Self {
                name,
                plain: decoder,
                size,
                blob_digest: layer.descriptor.digest,
                diff_id: layer.diff_id,
            }),
            Err(source) => Err(ImageError::Read { name, source }),
        }
    }

    /// Returns how many compressed bytes the layer has.
    pub fn compressed_size(&self) -> u64 {
        self.size
    }

    /// Verifies the blob's size and digest and the layer's `diff_id`; `actual` is the digest of all bytes that were read,
    /// which is computed elsewhere because decompressing alone keeps a core busy.
    pub fn finish(self, actual: Sha256Digest) -> Result<LayerEnd, ImageError> {
        if actual != self.diff_id {
            return Err(ImageError::Digest {
                name: format!("the content of {}", self.name),
                expected: self.diff_id,
                actual,
            });
        }
        let (name, expected) = (self.name, self.blob_digest);
        let (blob, trailing_zeros) = self.plain.into_inner();
        verify_blob(name, expected, blob)?;
        Ok(LayerEnd { trailing_zeros })
    }

    /// Returns why reading failed: a damaged blob is named as that, and not as what the decompressor made of it.
    pub fn explain(self, source: io::Error) -> ImageError {
        let (name, expected) = (self.name, self.blob_digest);
        let (blob, _) = self.plain.into_inner();
        match verify_blob(name.clone(), expected, blob) {
            Ok(()) => ImageError::Read { name, source },
            Err(error) => error,
        }
    }
}

fn verify_blob(
    name: String,
    expected: Option<Sha256Digest>,
    mut blob: io::BufReader<HashingReader<Section>>,
) -> Result<(), ImageError> {
    let Some(expected) = expected else {
        return Ok(());
    };
    if let Err(source) = io::copy(&mut blob, &mut io::sink()) {
        return Err(ImageError::Read { name, source });
    }
    let actual = blob.get_ref().digest();
    if actual == expected {
        Ok(())
    } else {
        Err(ImageError::Digest {
            name,
            expected,
            actual,
        })
    }
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.plain.read(buffer)
    }
}

impl fmt::Debug for LayerReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LayerReader")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Layer {
    /// Returns what the layer is called in messages.
    pub(super) fn name(&self) -> String {
        let digest = self.descriptor.digest.unwrap_or(self.diff_id);
        format!("layer {digest}")
    }
}
