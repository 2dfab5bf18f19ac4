//! Answers that wait for a person's decision: `<NN>-<step>.snap.new` beside the snapshot that they would replace, as insta's tools name
//! them.
//!
//! A pending answer decides nothing by itself. Accepted, it becomes the snapshot and says so in its front matter, with the reason: it is not
//! what the old server said, and every report that compares with it counts it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use similar::{ChangeTag, TextDiff};

use super::{
    error::SnapshotError,
    hole::{Hole, HoleKind},
    model::{Body, Snapshot},
    page, store,
};
use crate::charset::Reading;

/// A pending answer, and what it would replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The scenario.
    pub scenario: String,
    /// The step as its case is called: `02-class-list`.
    pub step: String,
    /// The snapshot's file; the pending one is beside it.
    pub path: PathBuf,
    /// What is recorded now; nothing for a new step.
    pub recorded: Option<Snapshot>,
    /// What would replace it.
    pub answer: Snapshot,
}

/// Lines that go, and lines that come.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Lines of the recorded answer that the pending one has not.
    pub removed: Vec<String>,
    /// The other way round.
    pub added: Vec<String>,
}

/// Returns where a snapshot's pending answer is kept.
pub fn pending_path(snapshot: &Path) -> PathBuf {
    let mut path = snapshot.as_os_str().to_owned();
    path.push(".new");
    PathBuf::from(path)
}

/// Reads all pending answers below `snapshots/`, in the order of their names.
pub fn pending(snapshots: &Path) -> Result<Vec<Pending>, SnapshotError> {
    let mut found = Vec::new();
    for scenario in store::folders(snapshots)? {
        let folder = snapshots.join(&scenario);
        for name in store::pending_names(&folder)? {
            let path = folder.join(&name);
            let Some(answer) = store::read(&pending_path(&path))? else {
                continue;
            };
            found.push(Pending {
                scenario: scenario.clone(),
                step: name.trim_end_matches(".snap").to_owned(),
                recorded: store::read(&path)?,
                path,
                answer,
            });
        }
    }
    Ok(found)
}

impl Pending {
    /// Returns the name by which it is accepted or rejected: `login/02-class-list`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.scenario, self.step)
    }

    /// Returns in which lines the two answers differ: status, headers, page, and what its holes may hold. What follows from the page or from
    /// chance counts only where nothing else changes.
    pub fn change(&self) -> Change {
        let change = self.lines(Detail::Meant);
        if change == Change::default() {
            return self.lines(Detail::All);
        }
        change
    }

    fn lines(&self, detail: Detail) -> Change {
        let old = self.recorded.as_ref();
        let old = old.map_or(String::new(), |old| text(old, detail));
        let new = text(&self.answer, detail);
        let mut change = Change::default();
        for line in TextDiff::from_lines(&old, &new).iter_all_changes() {
            let text = line.value().trim_end_matches('\n').to_owned();
            match line.tag() {
                ChangeTag::Delete => change.removed.push(text),
                ChangeTag::Insert => change.added.push(text),
                ChangeTag::Equal => {}
            }
        }
        change
    }

    /// Makes the pending answer the snapshot, for a reason.
    pub fn accept(self, reason: &str) -> Result<(), SnapshotError> {
        let accepted = Snapshot {
            accepted: Some(reason.to_owned()),
            differs: None,
            ..self.answer
        };
        store::write(&self.path, &accepted)?;
        store::remove(&pending_path(&self.path))
    }

    /// Removes the pending answer; the snapshot stays.
    pub fn reject(self) -> Result<(), SnapshotError> {
        store::remove(&pending_path(&self.path))
    }
}

impl Change {
    /// Groups pending answers by what changes in them.
    pub fn groups(all: &[Pending]) -> Vec<(Self, BTreeSet<String>)> {
        let mut groups: Vec<(Self, BTreeSet<String>)> = Vec::new();
        for one in all {
            let change = one.change();
            match groups.iter_mut().find(|(known, _)| *known == change) {
                Some((_, members)) => {
                    members.insert(one.name());
                }
                None => groups.push((change, [one.name()].into())),
            }
        }
        groups
    }
}

/// How much of an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Without the length of the page, and without how many digits a number happened to have.
    Meant,
    /// All of it, and what was asked.
    All,
}

/// Returns an answer as lines.
fn text(snapshot: &Snapshot, detail: Detail) -> String {
    let mut lines = vec![snapshot.status.clone()];
    let is_shown =
        |name: &str| detail == Detail::All || !name.eq_ignore_ascii_case("content-length");
    for (name, value) in snapshot.headers.iter().filter(|(name, _)| is_shown(name)) {
        lines.push(format!("{name}: {}", value.marked().0));
    }
    lines.push(format!("framing: {}", snapshot.framing));
    lines.extend(snapshot.anomalies.iter().cloned());
    if let Some(detection) = snapshot.charset {
        let (charset, source) = (detection.charset.name(), detection.source.as_str());
        lines.push(match snapshot.reading {
            Reading::Declared => format!("charset: {charset}, by {source}"),
            Reading::Other(other) => format!("charset: {charset}, by {source}; it is {other}"),
            Reading::Stray => format!("charset: {charset}, by {source}; not all bytes are"),
        });
    }
    match &snapshot.body {
        Body::Text(template) => {
            lines.push(page::shown(template, snapshot.reading).marked().0);
        }
        Body::Binary { bytes, .. } => lines.push(format!(
            "{} bytes, {}",
            bytes.len(),
            crate::digest::Sha256Digest::of(bytes)
        )),
    }
    let holes: BTreeSet<String> = snapshot
        .holes()
        .map(|hole| may_hold(hole, detail))
        .collect();
    lines.extend(holes);
    if detail == Detail::All {
        lines.push(format!("time zone: {}", snapshot.zone));
        lines.push(format!(
            "request: {} ({})",
            snapshot.request, snapshot.asked
        ));
        lines.push(format!("title: {}", snapshot.description));
    }
    lines.join("\n")
}

/// Says what a hole may hold: the same page with a clock of another time zone is another answer.
fn may_hold(hole: &Hole, detail: Detail) -> String {
    let is_by_chance = match hole.kind {
        HoleKind::Duration { .. } | HoleKind::Number { .. } => detail == Detail::Meant,
        HoleKind::Clock { .. }
        | HoleKind::Recent { .. }
        | HoleKind::Token { .. }
        | HoleKind::Age { .. }
        | HoleKind::Server { .. }
        | HoleKind::Secret { .. }
        | HoleKind::Free { .. } => false,
    };
    let kind = if is_by_chance {
        hole.kind.word().to_owned()
    } else {
        serde_json::to_string(&hole.kind).expect("holes always serialise")
    };
    format!("{{{{{}}}}}: {kind}", hole.name)
}
