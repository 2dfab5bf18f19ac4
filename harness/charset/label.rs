//! Charsets by the names that pages give them.

use std::fmt;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1250};

/// A charset of the web, as the WHATWG Encoding standard defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(pub(super) &'static Encoding);

impl Charset {
    /// CP1250, the charset of Central European Windows.
    pub const WINDOWS_1250: Self = Self(WINDOWS_1250);
    /// UTF-8.
    pub const UTF_8: Self = Self(UTF_8);

    /// Looks a label up: `cp1250`, `windows-1250`, `latin2`. UTF-16 and stateful charsets are not for pages that are
    /// compared by the byte and have no label here.
    pub fn for_label(label: &str) -> Option<Self> {
        let encoding = Encoding::for_label(label.as_bytes())?;
        encoding.is_ascii_compatible().then_some(Self(encoding))
    }

    /// Returns the standard's name, in small letters: `windows-1250`.
    pub fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}
