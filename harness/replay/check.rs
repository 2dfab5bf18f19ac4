//! The files of a project on their own, without any server: what is stale, unused or too wide, and secrets that slipped through.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::LazyLock,
};

use regex::Regex;

use super::{
    asked::{asked, first_line},
    error::ReplayError,
    secrets::passwords,
};
use crate::{
    exchange::Limits,
    scenario::{Scenario, Step},
    snapshot::{Body, HoleKind, Pending, Snapshot, pending_path, store},
};

/// A hole that a person wrote may hold so many characters; what holds more hides a paragraph.
const WIDEST: usize = 512;

/// The folder below `snapshots/` that is the database's.
const DATABASE: &str = "database";

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// It can't be read, or was edited.
    Invalid,
    /// No scenario or step has it.
    Stale,
    /// A step has none.
    Missing,
    /// Its step asks something else by now.
    Outdated,
    /// A hand-written hole finds nothing.
    UnusedHole,
    /// A hole may hold more than a person can answer for.
    WideHole,
    /// What a hand-written hole holds did not vary in any round.
    StillHole,
    /// A secret stands in it in the clear.
    Secret,
    /// An answer waits for a decision.
    Pending,
}

/// Something that is wrong with a project's files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, below the project.
    pub file: String,
    /// What is wrong.
    pub kind: FindingKind,
    /// The same in a sentence; a secret is never quoted.
    pub message: String,
}

/// What was looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesChecked {
    /// How many snapshots were read.
    pub snapshots: usize,
    /// The files whose answers a person accepted, with the reasons.
    pub accepted: Vec<(String, String)>,
    /// What is wrong, in the order of the files.
    pub findings: Vec<Finding>,
}

impl FindingKind {
    /// Returns the word of reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::Outdated => "outdated",
            Self::UnusedHole => "unused_hole",
            Self::WideHole => "wide_hole",
            Self::StillHole => "still_hole",
            Self::Secret => "secret",
            Self::Pending => "pending",
        }
    }
}

/// Checks the snapshots of all scenarios, which are asked within `limits`; with `secrets` also for what should not stand in them.
pub fn check_files(
    scenarios: &[Scenario],
    snapshots: &Path,
    limits: &Limits,
    secrets: bool,
) -> Result<FilesChecked, ReplayError> {
    let mut checked = FilesChecked::default();
    for name in store::scenarios(snapshots).map_err(ReplayError::Snapshots)? {
        if name != DATABASE && !scenarios.iter().any(|scenario| scenario.name == name) {
            checked.add(
                format!("snapshots/{name}"),
                FindingKind::Stale,
                "there is no scenario of this name",
            );
        }
    }
    for scenario in scenarios {
        checked.scenario(scenario, &snapshots.join(&scenario.name), limits, secrets)?;
    }
    for name in store::folders(snapshots).map_err(ReplayError::Snapshots)? {
        checked.pending(scenarios, &name, &snapshots.join(&name), limits)?;
    }
    checked.findings.sort();
    Ok(checked)
}

impl FilesChecked {
    fn add(&mut self, file: String, kind: FindingKind, message: impl Into<String>) {
        self.findings.push(Finding {
            file,
            kind,
            message: message.into(),
        });
    }

    fn scenario(
        &mut self,
        scenario: &Scenario,
        folder: &Path,
        limits: &Limits,
        secrets: bool,
    ) -> Result<(), ReplayError> {
        let mut left = store::list(folder).map_err(ReplayError::Snapshots)?;
        let passwords = passwords(scenario);
        for (index, step) in scenario.steps.iter().enumerate() {
            // By their reasons: whether each is still wherever it is.
            let mut written: BTreeMap<String, bool> = BTreeMap::new();
            for file in files(index, step, &left) {
                left.remove(&file);
                let shown = format!("snapshots/{}/{file}", scenario.name);
                match store::read(&folder.join(&file)) {
                    Ok(Some(snapshot)) => {
                        self.snapshots += 1;
                        if let Some(reason) = &snapshot.accepted {
                            self.accepted.push((shown.clone(), reason.clone()));
                        }
                        let is_current = answers(step, &snapshot, limits);
                        self.snapshot(&shown, &snapshot, is_current, &mut written);
                        if secrets {
                            self.secrets(&shown, &snapshot, &passwords);
                        }
                    }
                    Ok(None) => {
                        let what = format!("step `{}` was not recorded", step.name);
                        self.add(shown, FindingKind::Missing, what);
                    }
                    Err(error) => {
                        let what = crate::outcome::chain(&error);
                        self.add(shown, FindingKind::Invalid, what);
                    }
                }
            }
            for hole in &step.holes {
                let (kind, what) = match written.get(&hole.reason) {
                    None => (
                        FindingKind::UnusedHole,
                        "finds nothing in what was recorded",
                    ),
                    Some(true) => (
                        FindingKind::StillHole,
                        "holds what never varied while it was recorded: it may hide a change",
                    ),
                    Some(false) => continue,
                };
                let (step, pattern, reason) = (&step.name, &hole.pattern, &hole.reason);
                self.add(
                    format!("scenarios/{}.toml", scenario.name),
                    kind,
                    format!("step `{step}`: the hole `{pattern}` ({reason}) {what}"),
                );
            }
        }
        for stale in left {
            let file = format!("snapshots/{}/{stale}", scenario.name);
            self.add(file, FindingKind::Stale, "no step of the scenario has it");
        }
        Ok(())
    }

    /// Checks what waits for a decision in a folder.
    fn pending(
        &mut self,
        scenarios: &[Scenario],
        scenario: &str,
        folder: &Path,
        limits: &Limits,
    ) -> Result<(), ReplayError> {
        for name in store::pending_names(folder).map_err(ReplayError::Snapshots)? {
            let (kind, what) = match store::read(&pending_path(&folder.join(&name))) {
                Err(error) => (FindingKind::Invalid, crate::outcome::chain(&error)),
                // It was removed in between.
                Ok(None) => continue,
                Ok(Some(answer)) => match step_of(scenarios, scenario, &name) {
                    None => (FindingKind::Stale, "no step has it: `reject` it".to_owned()),
                    Some(step) if !answers(step, &answer, limits) => (
                        FindingKind::Outdated,
                        "it answers something else than the scenario asks: `reject` it".to_owned(),
                    ),
                    Some(_) => (
                        FindingKind::Pending,
                        "an answer waits for a decision: `review`, `accept` or `reject` it"
                            .to_owned(),
                    ),
                },
            };
            self.add(format!("snapshots/{scenario}/{name}.new"), kind, what);
        }
        Ok(())
    }

    /// Checks one snapshot; notes the reasons of its hand-written holes, and whether they are still.
    fn snapshot(
        &mut self,
        file: &str,
        snapshot: &Snapshot,
        is_current: bool,
        written: &mut BTreeMap<String, bool>,
    ) {
        if !is_current {
            let what = "the scenario asks something else than when it was recorded";
            self.add(file.to_owned(), FindingKind::Outdated, what);
        }
        for hole in snapshot.holes() {
            let HoleKind::Free {
                most,
                reason,
                still,
                stray: _,
            } = &hole.kind
            else {
                continue;
            };
            if *most > WIDEST {
                let what = format!("`{}` may hold {most} characters: {reason}", hole.name);
                self.add(file.to_owned(), FindingKind::WideHole, what);
            }
            *written.entry(reason.clone()).or_insert(true) &= still;
        }
    }

    fn secrets(&mut self, file: &str, snapshot: &Snapshot, passwords: &[String]) {
        let mut texts: Vec<(String, String)> = snapshot
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    format!("header {name}"),
                    format!("{name}: {}", value.marked().0),
                )
            })
            .collect();
        texts.push(("the request".to_owned(), snapshot.request.clone()));
        match &snapshot.body {
            Body::Text(page) => {
                let page = page.marked().0;
                let lines = page.lines().enumerate();
                texts.extend(
                    lines.map(|(index, line)| (format!("line {}", index + 1), line.to_owned())),
                );
            }
            Body::Binary { bytes, .. } => {
                for password in passwords {
                    if bytes
                        .windows(password.len())
                        .any(|window| window == password.as_bytes())
                    {
                        let what = "its bytes hold a password that the scenario sends";
                        self.add(file.to_owned(), FindingKind::Secret, what);
                    }
                }
            }
        }
        for (place, text) in texts {
            if passwords
                .iter()
                .any(|password| text.contains(password.as_str()))
            {
                let what = format!("{place} holds a password that the scenario sends");
                self.add(file.to_owned(), FindingKind::Secret, what);
            }
            for (what, pattern) in PATTERNS.iter() {
                if pattern.is_match(&text) {
                    self.add(
                        file.to_owned(),
                        FindingKind::Secret,
                        format!("{place} holds {what}"),
                    );
                }
            }
        }
    }
}

/// What secrets look like.
static PATTERNS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    [
        ("a session id in a link or a field", r#"(?i)(?:PHPSESSID|JSESSIONID|session_?id|\bsid)["']?\s*(?:=|:|value=)\s*["']?[0-9a-z,-]{16,}"#),
        ("a cookie's value", r"^(?i)set-cookie: [^=;]+=(?:[^;{]*[0-9][^;{]{15,}|[^;{]{16,}[0-9][^;{]*)"),
        ("a password in an address", r"(?i)\b[a-z]+://[^/\s:@]+:[^/\s:@{]+@"),
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("a login in a header", r"(?i)\bauthorization: *(?:basic|bearer|digest) +[0-9a-z+/=._-]{8,}"),
    ]
    .into_iter()
    .map(|(what, pattern)| (what, Regex::new(pattern).expect("the pattern is constant")))
    .collect()
});

/// Returns whether a pending answer is one to what the scenarios ask today.
pub fn is_current(scenarios: &[Scenario], pending: &Pending, limits: &Limits) -> bool {
    let file = format!("{}.snap", pending.step);
    let step = step_of(scenarios, &pending.scenario, &file);
    step.is_some_and(|step| answers(step, &pending.answer, limits))
}

/// Returns whether an answer is one to what a step asks today.
fn answers(step: &Step, snapshot: &Snapshot, limits: &Limits) -> bool {
    snapshot.request == first_line(step, limits) && snapshot.asked == asked(step, limits)
}

/// Returns the step that a file is of.
fn step_of<'a>(scenarios: &'a [Scenario], scenario: &str, file: &str) -> Option<&'a Step> {
    let scenario = scenarios.iter().find(|one| one.name == scenario)?;
    let is_of = |index: usize, step: &Step| {
        let stem = store::file_name(index + 1, &step.name, 0);
        let stem = stem.trim_end_matches("snap");
        let rest = file.strip_prefix(stem)?.strip_suffix("snap")?;
        let hop = rest
            .strip_prefix("hop")
            .and_then(|hop| hop.strip_suffix('.'));
        (rest.is_empty() || hop.is_some_and(|hop| hop.parse::<usize>().is_ok())).then_some(())
    };
    let mut steps = scenario.steps.iter().enumerate();
    steps.find_map(|(index, step)| is_of(index, step).map(|()| step))
}

/// Returns the files of a step: its answers on the way, then the final one, whether it is there or not.
fn files(index: usize, step: &Step, known: &BTreeSet<String>) -> Vec<String> {
    let mut files: Vec<String> = (1..=known.len())
        .map(|hop| store::file_name(index + 1, &step.name, hop))
        .take_while(|file| known.contains(file))
        .collect();
    files.push(store::file_name(index + 1, &step.name, 0));
    files
}
