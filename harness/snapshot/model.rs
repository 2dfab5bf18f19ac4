//! One recorded answer.

use serde::{Deserialize, Serialize};

use super::{hole::Hole, template::Template, zone::Zone};
use crate::charset::{Detection, Reading};

/// What the old server answered to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The scenario's title and the step's name.
    pub description: String,
    /// Method and target as the scenario writes them.
    pub request: String,
    /// The names of the fields that were sent; values stay in the scenario.
    pub sent: Vec<String>,
    /// The digest of all that the scenario asks, values and files too: other values need another recording.
    pub asked: String,
    /// Why a person took this answer though the old server gave another one; nothing where it is the old server's.
    pub accepted: Option<String>,
    /// In what a pending answer differs from what is recorded, first of all; nothing in a snapshot.
    pub differs: Option<Differs>,
    /// The status line, printable.
    pub status: String,
    /// Names, as sent, and values of the header lines, in order.
    pub headers: Vec<(String, Template)>,
    /// How the body's end was marked.
    pub framing: String,
    /// How the body was coded, where that was undone.
    pub coded: Option<Coded>,
    /// What broke the protocol.
    pub anomalies: Vec<String>,
    /// The charset of a text, and who declared it.
    pub charset: Option<Detection>,
    /// How a text stands for its bytes.
    pub reading: Reading,
    /// The time zone of its clocks.
    pub zone: Zone,
    /// The body.
    pub body: Body,
}

/// The first difference of a pending answer: where, in what layer or respect, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differs {
    /// `body line 14`, `header Content-Type`.
    pub locus: String,
    /// `charset`, `status`.
    pub aspect: String,
    /// The most likely cause, where there is evidence for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// How a body was coded before its content coding (`Content-Encoding`) was undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coded {
    /// The coding and the fields of its head: `gzip (FLG 0, MTIME 0, XFL 0, OS 3)`.
    pub form: String,
    /// The digest of the coded bytes, where they are the same whenever the page is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The body of a recorded answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A page; encoding it in its charset, as it is read, gives the bytes.
    Text(Template),
    /// Anything else.
    Binary {
        /// The bytes.
        bytes: Vec<u8>,
        /// The extension of the file beside the snapshot.
        extension: String,
    },
}

impl Body {
    /// Returns the holes of a page.
    pub fn holes(&self) -> &[Hole] {
        match self {
            Self::Text(template) => template.holes(),
            Self::Binary { .. } => &[],
        }
    }
}

impl Snapshot {
    /// Returns all holes, the headers' first.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.headers
            .iter()
            .flat_map(|(_, value)| value.holes())
            .chain(self.body.holes())
    }
}
