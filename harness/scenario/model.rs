//! Scenarios and their steps.

use std::path::PathBuf;

use regex::Regex;

use crate::exchange::HttpVersion;

/// A file of `scenarios/`.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without `.toml`; safe as a folder's name.
    pub name: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// Whether it changes data.
    pub mutates: bool,
    /// In which state of the candidate it runs.
    pub state: State,
    /// Its requests, in order; never empty.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// Returns which of `all` had changed the old server before this one was recorded, and change nothing of the state in which it runs
    /// on the candidate: scenarios with `mutates = true` are recorded in the order of their names, and the old server is not reset.
    pub fn unseen_changes<'a>(&self, all: &'a [Scenario]) -> Vec<&'a str> {
        all.iter()
            .filter(|other| self.mutates && other.mutates && other.name < self.name)
            .filter(|other| other.state != self.state)
            .map(|other| other.name.as_str())
            .collect()
    }
}

/// In which state of the candidate a scenario runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// In the one that the scenarios before it left.
    #[default]
    Shared,
    /// In the restored one: nothing but the scenarios of its group has changed it.
    Fresh {
        /// The group; a scenario that names none is one of its own, under its name.
        group: String,
    },
}

/// One request.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, unique in the scenario; safe as a file's name.
    pub name: String,
    /// `GET`, `POST` …
    pub method: String,
    /// The version of HTTP, where the step names one.
    pub version: Option<HttpVersion>,
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
