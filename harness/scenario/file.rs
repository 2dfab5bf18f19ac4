//! The TOML of a scenario, as serde reads it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    pub(super) title: Spanned<String>,
    #[serde(default)]
    pub(super) mutates: bool,
    pub(super) state: Option<StateWord>,
    pub(super) group: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) step: Vec<Spanned<StepTable>>,
}

/// `state = "…"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum StateWord {
    Shared,
    Fresh,
}

/// `[[step]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepTable {
    pub(super) name: Spanned<String>,
    pub(super) request: Spanned<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<Spanned<String>, String>,
    pub(super) form: Option<Spanned<toml::Table>>,
    pub(super) body: Option<Spanned<String>>,
    pub(super) multipart: Option<Spanned<toml::Table>>,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, Spanned<CaptureTable>>,
    #[serde(default)]
    pub(super) follow: bool,
    #[serde(default)]
    pub(super) holes: Vec<Spanned<HoleTable>>,
}

/// `{ regex = "…" }` or `{ header = "…", regex = "…" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptureTable {
    pub(super) regex: Option<String>,
    pub(super) header: Option<String>,
}

/// `{ regex = "…", reason = "…" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoleTable {
    pub(super) regex: String,
    pub(super) reason: String,
}

/// `{ file = "…", name = "…", type = "…" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileTable {
    pub(super) file: String,
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) content_type: Option<String>,
}
