//! One scenario's rounds become its snapshots, or answers that wait beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    compare::{Manner, compare},
    error::ReplayError,
    evidence::Doubt,
    learn::{Ground, learn, server_clock},
    names::Names,
    options::Options,
    record::{RecordResult, id},
    run::{Observation, ScenarioRun},
    varied::Varied,
};
use crate::{
    exchange::Server,
    outcome::{Case, CaseId, Difference},
    scenario::Scenario,
    snapshot::{Body, Differs, Hole, HoleKind, Snapshot, SnapshotError, Zone, pending_path, store},
};

/// One answer that was understood, and what it was learnt from.
struct Learned<'a> {
    hop: usize,
    snapshot: Snapshot,
    observations: Vec<&'a Observation>,
}

/// An answer with its file and its case.
struct Step<'a> {
    file: String,
    id: CaseId,
    learned: Learned<'a>,
}

/// Records one scenario.
pub(super) struct Recorder<'a> {
    scenario: &'a Scenario,
    folder: PathBuf,
    server: &'a Server,
    zone: &'a Zone,
    options: &'a Options,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        snapshots: &Path,
        server: &'a Server,
        zone: &'a Zone,
        options: &'a Options,
    ) -> Self {
        Self {
            scenario,
            folder: snapshots.join(&scenario.name),
            server,
            zone,
            options,
        }
    }

    fn ground<'g>(&'g self, elsewhere: &'g Varied) -> Ground<'g> {
        Ground {
            scenario: self.scenario,
            authority: &self.server.authority,
            zone: self.zone,
            charset: self.options.charset,
            limits: &self.options.limits,
            names: Names::default(),
            doubt: Doubt::default(),
            wanted: BTreeMap::new(),
            elsewhere,
            varied: Varied::default(),
        }
    }

    /// Returns what these rounds leave open, and where numbers vary.
    pub(super) fn learnt(&self, runs: &[ScenarioRun], elsewhere: &Varied) -> (Doubt, Varied) {
        let mut ground = self.ground(elsewhere);
        for index in 0..self.scenario.steps.len() {
            // What can't be learnt is reported when it is recorded.
            drop(self.step(index, runs, &mut ground));
        }
        (ground.doubt, ground.varied)
    }

    pub(super) fn record(
        &self,
        runs: &[ScenarioRun],
        varied: &Varied,
        pending: bool,
        result: &mut RecordResult,
    ) -> Result<(), SnapshotError> {
        let mut ground = self.ground(varied);
        let mut learnt: Vec<Step<'_>> = Vec::new();
        let mut complete = true;
        for index in 0..self.scenario.steps.len() {
            match self.step(index, runs, &mut ground) {
                Ok(step) => learnt.extend(step.into_iter().map(|learned| Step {
                    file: store::file_name(
                        index + 1,
                        &self.scenario.steps[index].name,
                        learned.hop,
                    ),
                    id: id(self.scenario, index, learned.hop),
                    learned,
                })),
                Err(case) => {
                    complete = false;
                    result.cases.push(case);
                }
            }
        }
        if runs.len() > 1 {
            result.notes.extend(self.never_varying(&ground.wanted));
        }
        if pending {
            return self.offer(learnt, complete, result);
        }
        for Step { id, learned, .. } in &learnt {
            let holes = learned.snapshot.holes().count();
            let evidence = format!("recorded with {holes} holes from {} rounds", runs.len());
            result.cases.push(Case::same(id.clone(), evidence));
            let took = learned.observations.iter().map(|one| one.took).min();
            result.times.extend(took.map(|took| (id.clone(), took)));
            result.note_charset(&learned.snapshot, id);
        }
        let accepted = learnt.iter().any(|step| self.accepted(step).is_some());
        let still_holds = complete
            && !accepted
            && self.differing(&learnt)?.iter().all(Vec::is_empty)
            && !self.has_moved(&learnt);
        if still_holds {
            result.unchanged += learnt.len();
        } else {
            self.write(&learnt, result)?;
        }
        if complete {
            self.prune(&learnt, result)?;
        }
        if let Some(run) = runs.first() {
            result.carried.extend(run.carried.iter().cloned());
        }
        Ok(())
    }

    /// Names the holes that a person wrote for what did not vary: they may hide a change, and nothing shows that they are needed.
    fn never_varying(&self, wanted: &BTreeMap<String, bool>) -> impl Iterator<Item = String> {
        let steady = wanted.iter().filter(|(_, varied)| !**varied);
        steady.map(|(reason, _)| {
            format!(
                "{}: what the hole \"{reason}\" holds never varied: it may hide a change",
                self.scenario.name
            )
        })
    }

    fn write(&self, learnt: &[Step<'_>], result: &mut RecordResult) -> Result<(), SnapshotError> {
        for step in learnt {
            if let Some(reason) = self.accepted(step) {
                result.notes.push(format!(
                    "{}: the answer that was accepted ({reason}) is replaced by what this server says",
                    step.id
                ));
            }
            let path = self.folder.join(&step.file);
            let changed = store::write(&path, &step.learned.snapshot)?;
            *(if changed {
                &mut result.written
            } else {
                &mut result.unchanged
            }) += 1;
        }
        Ok(())
    }

    /// Tells whether a hand-written hole that was still in all that is recorded is not any more.
    fn has_moved(&self, learnt: &[Step<'_>]) -> bool {
        let are_still = |snapshot: &Snapshot| -> Vec<bool> {
            let is_still = |hole: &Hole| matches!(hole.kind, HoleKind::Free { still: true, .. });
            snapshot.holes().map(is_still).collect()
        };
        learnt.iter().any(|step| {
            // One that can't be read is written again.
            let recorded = store::read(&self.folder.join(&step.file)).ok().flatten();
            recorded.is_some_and(|recorded| {
                let before = are_still(&recorded).into_iter();
                let mut both = before.zip(are_still(&step.learned.snapshot));
                both.any(|(before, now)| before && !now)
            })
        })
    }

    /// Returns why a person took the answer that is recorded for a step, if one did.
    fn accepted(&self, step: &Step<'_>) -> Option<String> {
        // One that can't be read is written again.
        let recorded = store::read(&self.folder.join(&step.file)).ok().flatten();
        recorded.and_then(|snapshot| snapshot.accepted)
    }

    /// Keeps answers that differ from what is recorded beside it, and touches no snapshot.
    fn offer(
        &self,
        learnt: Vec<Step<'_>>,
        complete: bool,
        result: &mut RecordResult,
    ) -> Result<(), SnapshotError> {
        if complete {
            self.given_no_more(&learnt, result)?;
        }
        let differing = self.differing(&learnt)?;
        for (mut step, differences) in learnt.into_iter().zip(differing) {
            // Another length follows from another page.
            let follows = |one: &&Difference| one.locus != "header Content-Length";
            let first = differences.iter().find(follows).or(differences.first());
            step.learned.snapshot.differs = first.map(|first| Differs {
                locus: first.locus.clone(),
                aspect: first.aspect.to_string(),
                cause: first.cause.clone(),
            });
            let Step { file, id, learned } = step;
            let path = pending_path(&self.folder.join(file));
            if differences.is_empty() {
                result.unchanged += 1;
                if path.exists() {
                    store::remove(&path)?;
                }
            } else {
                result.pending += 1;
                result.written += usize::from(store::write(&path, &learned.snapshot)?);
            }
            result
                .cases
                .push(Case::compared(id, differences, "as recorded"));
        }
        Ok(())
    }

    /// Reports recorded answers that this server does not give, as those on the way of a redirect, and removes what waited in such places.
    fn given_no_more(
        &self,
        learnt: &[Step<'_>],
        result: &mut RecordResult,
    ) -> Result<(), SnapshotError> {
        let is_given = |file: &String| learnt.iter().any(|step| step.file == *file);
        for file in store::pending_names(&self.folder)? {
            if !is_given(&file) {
                store::remove(&pending_path(&self.folder.join(file)))?;
            }
        }
        for file in store::list(&self.folder)? {
            if is_given(&file) {
                continue;
            }
            let step = file.trim_end_matches(".snap");
            let difference = Difference::new("snapshot", "missing", "as recorded", "no answer");
            result.cases.push(Case::compared(
                CaseId::new(&["replay", &self.scenario.name, step]),
                vec![difference],
                "recorded, and not given by this server: no answer can be accepted for it",
            ));
        }
        Ok(())
    }

    /// Removes snapshots that no step has any more.
    fn prune(&self, learnt: &[Step<'_>], result: &mut RecordResult) -> Result<(), SnapshotError> {
        let files: BTreeSet<&String> = learnt.iter().map(|step| &step.file).collect();
        for stale in store::list(&self.folder)? {
            if !files.contains(&stale) {
                store::remove(&self.folder.join(&stale))?;
                let name = &self.scenario.name;
                result.notes.push(format!(
                    "{name}: removed {stale}, which no step has any more"
                ));
            }
        }
        Ok(())
    }

    /// Makes the snapshots of one step: the final answer's and those on the way of redirects.
    fn step<'r>(
        &self,
        index: usize,
        runs: &'r [ScenarioRun],
        ground: &mut Ground<'_>,
    ) -> Result<Vec<Learned<'r>>, Case> {
        let mut chains: Vec<&Vec<Observation>> = Vec::new();
        for run in runs {
            let Some(chain) = run.steps.get(index) else {
                return Err(Case::not_run(
                    id(self.scenario, index, 0),
                    "a step before it failed",
                ));
            };
            if let (Some(error), true) = (&run.failure, run.steps.len() == index + 1) {
                return Err(Case::broken(id(self.scenario, index, 0), error));
            }
            chains.push(chain);
        }
        let length = chains.first().map_or(0, |chain| chain.len());
        let unstable = |hop: usize, what: String| {
            Case::broken(
                id(self.scenario, index, hop),
                &ReplayError::Unstable { what },
            )
        };
        if length == 0 || chains.iter().any(|chain| chain.len() != length) {
            return Err(unstable(0, "the number of redirects varies".to_owned()));
        }
        let mut recorded = Vec::new();
        for place in 0..length {
            let hop = if place + 1 == length { 0 } else { place + 1 };
            let observations: Vec<&Observation> =
                chains.iter().map(|chain| &chain[place]).collect();
            let snapshot = learn(ground, &self.scenario.steps[index], &observations)
                .map_err(|what| unstable(hop, what))?;
            recorded.push(Learned {
                hop,
                snapshot,
                observations,
            });
        }
        Ok(recorded)
    }

    /// Returns in what each answer differs from what was recorded before; in nothing: it stays, and recording again changes no file.
    fn differing(&self, learnt: &[Step<'_>]) -> Result<Vec<Vec<Difference>>, SnapshotError> {
        let manner = Manner {
            authority: &self.server.authority,
            charset: self.options.charset,
            tolerance: super::evidence::SLACK,
        };
        let rounds = learnt
            .first()
            .map_or(0, |step| step.learned.observations.len());
        let mut bound: Vec<BTreeMap<String, String>> = vec![BTreeMap::new(); rounds];
        let mut all = Vec::new();
        for Step { file, learned, .. } in learnt {
            let new = &learned.snapshot;
            let difference = |what: &'static str, actual: &str| {
                vec![Difference::new("snapshot", what, "as recorded", actual)]
            };
            let old = match store::read(&self.folder.join(file)) {
                Ok(Some(old)) => old,
                Ok(None) => {
                    all.push(difference("missing", "not recorded before"));
                    continue;
                }
                Err(SnapshotError::Format { reason, .. }) => {
                    all.push(difference("format", &reason));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let same_frame = old.description == new.description
                && old.request == new.request
                && old.sent == new.sent
                && old.asked == new.asked
                && old.charset == new.charset
                && old.zone == new.zone;
            let mut differences = Vec::new();
            for (observation, bound) in learned.observations.iter().zip(&mut bound) {
                let observation = Observation {
                    at: server_clock(observation),
                    ..(*observation).clone()
                };
                let found = compare(&old, &observation, manner, bound).differences;
                if differences.is_empty() {
                    differences = found;
                }
            }
            if differences.is_empty() && !same_frame {
                let is_text_now =
                    matches!((&old.body, &new.body), (Body::Binary { .. }, Body::Text(_)));
                let what = if is_text_now {
                    "a text, which an earlier version of this program kept as bytes: `record` it again"
                } else {
                    "another request, charset or zone"
                };
                differences = difference("frame", what);
            }
            all.push(differences);
        }
        Ok(all)
    }
}
