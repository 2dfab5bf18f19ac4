//! How much a hostile image may cost. The defaults fit any Debian image many times over.

use std::fmt;

/// Limits on what an image may need; going beyond one is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Decompressed bytes of all layers, and bytes of all files, holes included.
    pub bytes: u64,
    /// Members of all layers.
    pub entries: u64,
    /// How many times larger than compressed a layer may be, beyond the first [`Budget::FREE_BYTES`].
    pub ratio: u64,
    /// Bytes of xattrs of one entry.
    pub xattr_bytes: u64,
    /// Bytes of names, link targets and xattrs of all entries.
    pub metadata_bytes: u64,
    /// Names of one path.
    pub depth: u64,
}

impl Budget {
    /// An empty MySQL data file alone is a thousand times larger than compressed; so many bytes are free of the ratio.
    pub const FREE_BYTES: u64 = 256 << 20;
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: 64 << 30,
            entries: 4_000_000,
            ratio: 100,
            xattr_bytes: 256 << 10,
            metadata_bytes: 1 << 30,
            depth: 512,
        }
    }
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetLimit {
    /// See [`Budget::bytes`].
    Bytes,
    /// See [`Budget::entries`].
    Entries,
    /// See [`Budget::ratio`].
    Ratio,
    /// See [`Budget::xattr_bytes`].
    XattrBytes,
    /// See [`Budget::metadata_bytes`].
    MetadataBytes,
    /// See [`Budget::depth`].
    Depth,
}

impl fmt::Display for BudgetLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bytes => "bytes",
            Self::Entries => "entries",
            Self::Ratio => "bytes for each compressed byte",
            Self::XattrBytes => "bytes of xattrs of one entry",
            Self::MetadataBytes => "bytes of names and xattrs",
            Self::Depth => "directories above an entry",
        })
    }
}
