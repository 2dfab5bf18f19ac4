//! What can be wrong with a tar stream.

use std::io;

/// A tar stream that can't be read, or that two parsers could read differently.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream below failed.
    #[error("can't read the tar stream")]
    Read {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The stream ends inside a header or a member's data.
    #[error("the tar stream ends inside {inside}")]
    Truncated {
        /// Inside what.
        inside: &'static str,
    },
    /// A header's checksum is wrong.
    #[error("a tar header at byte {offset} has a wrong checksum")]
    Checksum {
        /// Where in the stream.
        offset: u64,
    },
    /// A number of a header is none, or out of its range.
    #[error("a tar header has no usable {field}")]
    Number {
        /// Which one.
        field: &'static str,
    },
    /// A PAX record is malformed.
    #[error("a pax header is malformed: {what}")]
    Pax {
        /// What is wrong.
        what: &'static str,
    },
    /// A sparse file's map is malformed.
    #[error("a sparse file's map is malformed: {what}")]
    Sparse {
        /// What is wrong.
        what: &'static str,
    },
    /// A member of a kind that has no place in a layer.
    #[error("a tar member has the unknown type `{}`", kind.escape_ascii())]
    Kind {
        /// The type's byte.
        kind: u8,
    },
    /// A header is larger than any honest one.
    #[error("a tar archive's {what} is too large")]
    TooLarge {
        /// What.
        what: &'static str,
    },
    /// One block of zeros, and then another member: some parsers stop there and some don't.
    #[error("a single block of zeros at byte {offset} is followed by more members")]
    StrayZeroBlock {
        /// Where in the stream.
        offset: u64,
    },
}

/// What a tar stream should not have, and what was read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// The blocks of zeros at the end are missing.
    NoEndMarker,
    /// There is one block of zeros at the end instead of two.
    HalfEndMarker,
    /// The last member is not padded to a whole block.
    NoPadding,
    /// Something other than zeros follows the end marker; it is ignored.
    DataAfterEnd,
    /// A member that has no content has some; it is ignored.
    UnexpectedContent,
    /// A name is given by PAX and by GNU headers; PAX wins.
    TwoLongNames,
}

impl Anomaly {
    /// Returns the anomaly in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoEndMarker => "the tar has no end marker",
            Self::HalfEndMarker => "the tar has half an end marker",
            Self::NoPadding => "the tar's last member is not padded",
            Self::DataAfterEnd => "the tar has bytes behind its end marker, which are ignored",
            Self::UnexpectedContent => "a member that is no file has content, which is ignored",
            Self::TwoLongNames => "a member is named by pax and by gnu headers, pax wins",
        }
    }
}
