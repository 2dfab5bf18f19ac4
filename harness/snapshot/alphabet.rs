//! What tokens are made of, and how long they are.

use std::collections::BTreeSet;

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

/// The digests of nothing, by MD5 and SHA-1: what was to be hashed is gone.
const OF_NOTHING: [&str; 2] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
];

/// Returns why a token can't be drawn by chance, if it can't; `variety` is how many different characters it has at least.
pub(super) fn not_drawn(token: &str, variety: usize) -> Option<&'static str> {
    if OF_NOTHING.contains(&token.to_ascii_lowercase().as_str()) {
        return Some("it is the digest of an empty text: what it was made of is missing");
    }
    (different(token) < variety)
        .then_some("it has too few different characters to be drawn by chance")
}

/// Counts the different characters of a token.
pub fn different(token: &str) -> usize {
    token.chars().collect::<BTreeSet<char>>().len()
}

/// Returns why a number can't be a count that went on, if it can't.
pub(super) fn begins_anew(number: &str, least: usize) -> Option<&'static str> {
    (number.len() < least)
        .then_some("it is far below what was recorded: a count begins anew, or rows are missing")
}
