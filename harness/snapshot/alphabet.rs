//! What tokens are made of, and how long they are.

use serde::{Deserialize, Serialize};

/// The characters of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// `0-9a-f`.
    Hex,
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits, `+ / = - _ , . % :`.
    Base64,
}

impl Alphabet {
    /// All, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Hex, Self::Alphanumeric, Self::Base64];

    /// Returns whether all of `text` is made of it.
    pub fn holds(self, text: &str) -> bool {
        text.bytes().all(|byte| match self {
            Self::Hex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"+/=-_,.%:".contains(&byte),
        })
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Hex => "hex digits",
            Self::Alphanumeric => "letters and digits",
            Self::Base64 => "base64 characters",
        }
    }
}

/// Counts the characters of a token; a percent-encoded byte is one, however many of them chance draws.
pub fn token_length(value: &str) -> usize {
    let bytes = value.as_bytes();
    let is_code = |at: usize| {
        bytes[at] == b'%'
            && bytes
                .get(at + 1..at + 3)
                .is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    };
    let codes = (0..bytes.len()).filter(|at| is_code(*at)).count();
    bytes.len() - 2 * codes
}
