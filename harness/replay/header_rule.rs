//! Which headers must be equal, and which may differ and why.

/// How a header's value is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRule {
    /// It must be equal, but for holes that the rounds show: `Date` is a clock by evidence, not by a rule.
    Equal,
    /// What stands behind these words may differ.
    Behind {
        /// The words.
        words: &'static str,
        /// Its most characters.
        most: usize,
        /// Why.
        reason: &'static str,
    },
    /// It follows from the body where that varies.
    Length {
        /// Why.
        reason: &'static str,
    },
    /// Its part before the first dash may differ.
    Etag {
        /// Why.
        reason: &'static str,
    },
    /// Name and attributes must be equal; the value is a hole.
    Cookie,
}

impl HeaderRule {
    /// Says what may differ and why.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Equal => "it must be equal",
            Self::Behind { reason, .. } | Self::Length { reason } | Self::Etag { reason } => reason,
            Self::Cookie => {
                "a cookie's value is never kept: it has the recorded shape where it varies, and the recorded digest where not"
            }
        }
    }
}

/// The headers that are not simply equal.
pub const HEADER_RULES: [(&str, HeaderRule); 4] = [
    (
        "keep-alive",
        HeaderRule::Behind {
            words: "max=",
            most: 5,
            reason: "`max` of Keep-Alive counts the connection's requests down",
        },
    ),
    (
        "content-length",
        HeaderRule::Length {
            reason: "Content-Length follows from a body with holes; it was checked against the body's real length",
        },
    ),
    (
        "etag",
        HeaderRule::Etag {
            reason: "the first part of Apache's ETag is the inode's number, which no copy keeps",
        },
    ),
    ("set-cookie", HeaderRule::Cookie),
];

/// Returns the rule for a header.
pub(super) fn rule(name: &str) -> HeaderRule {
    HEADER_RULES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or(HeaderRule::Equal, |(_, rule)| *rule)
}
