//! Images: from a reference to verified layers, and from a layer to its tar members.
//!
//! An image is hostile until every byte of it is verified. Digests are parsed before they name a blob, sizes are compared
//! before anything is read, a document must be what its descriptor says, and a layer is hashed twice while it is read:
//! compressed against its descriptor, decompressed against the configuration's `diff_id`.

mod reference;

mod blobs;
mod error;

mod compression;
mod document;
mod layer;
mod open;
pub mod tar;

pub use compression::Compression;
pub use error::ImageError;
pub use layer::LayerReader;
pub use open::{Image, Layer, LayerDescriptor, open};
pub use reference::ImageReference;
