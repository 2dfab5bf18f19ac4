//! Scenarios and their steps.

use std::path::PathBuf;

use regex::Regex;

/// A file of `scenarios/`.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without `.toml`; safe as a folder's name.
    pub name: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// Whether it changes data.
    pub mutates: bool,
    /// Its requests, in order; never empty.
    pub steps: Vec<Step>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, unique in the scenario; safe as a file's name.
    pub name: String,
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query as written: text, with `${name}` for captured values.
    pub target: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub sent: Sent,
    /// Values that later steps use.
    pub captures: Vec<Capture>,
    /// Whether redirects are followed.
    pub follow: bool,
    /// What a person says varies though the rounds don't show it.
    pub holes: Vec<HandWrittenHole>,
}

/// A hole that a person wrote, with a reason.
#[derive(Clone, Debug)]
pub struct HandWrittenHole {
    /// Finds the varying text: its first group, or all of it.
    pub pattern: Regex,
    /// Why it varies.
    pub reason: String,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Sent {
    /// No body.
    Nothing,
    /// A form, encoded in the charset of the page it stands on.
    Form(Vec<(String, String)>),
    /// Text, encoded in the charset of the page before it.
    Body(String),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
}

/// A part of a multipart body.
#[derive(Clone, Debug)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// What it holds.
    pub content: PartContent,
}

/// What a part holds.
#[derive(Clone, Debug)]
pub enum PartContent {
    /// Text.
    Text(String),
    /// A file.
    File {
        /// Where it is; absolute or below the folder of scenarios.
        path: PathBuf,
        /// The name that is sent.
        name: String,
        /// The type that is sent.
        content_type: String,
    },
}

/// A value taken out of an answer.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Its name in `${name}`.
    pub name: String,
    /// Where it is found.
    pub from: Extract,
}

/// Where a captured value is found.
#[derive(Clone, Debug)]
pub enum Extract {
    /// In the page's text: the first group, or all that matches.
    Body(Regex),
    /// In a header: all of it, or what the expression finds.
    Header(String, Option<Regex>),
}
