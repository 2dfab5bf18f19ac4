//! Builds compared: entry by entry, what differs explained, and on request the guilty variation found.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::RangeInclusive,
};

use super::{plan::Plan, variations::Variations};
use crate::{
    outcome::{Case, CaseId, Difference},
    recipe::{Built, Inputs, RecipeError, ShiftedClock},
    reproducibility::{
        Contents, Culprit, EntryDifference, Explained, FileNumbers, Search, Traces, Variation,
        compare, explain,
    },
    rootfs::{Profile, RootfsPath, TreeError, TreeRoot},
};

/// So many differing paths are explained and shown; the rest is counted.
const MOST_DIFFERENCES: usize = 500;

/// Two builds that are compared, and how they differ on purpose.
#[derive(Debug)]
pub(super) struct Compared<'a> {
    /// The build for use.
    pub(super) first: &'a Built,
    /// The one with variations.
    pub(super) second: &'a Built,
    /// When they were built, in seconds since 1970: a time inside it that stands in a file is a trace of the build.
    pub(super) window: RangeInclusive<i64>,
    /// What is varied.
    pub(super) variations: &'a Variations,
}

/// Compares two builds; `name` is the last part of the case's id.
pub(super) async fn compare_builds(
    plan: &Plan,
    inputs: &Inputs,
    name: &str,
    compared: &Compared<'_>,
) -> Vec<Case> {
    let (first, second) = (compared.first, compared.second);
    let digests = (
        first.listing.digest(Profile::Strict),
        second.listing.digest(Profile::Strict),
    );
    let id = CaseId::new(&["reproducibility", name]);
    let found = compare(&first.listing, &second.listing);
    let seed = compared.variations.choice.seed;
    let evidence = format!(
        "{} entries, {} bytes: {} and {}; --seed {seed} repeats it",
        first.listing.entries.len(),
        first.listing.bytes(),
        digests.0,
        digests.1
    );
    if found.is_empty() && digests.0 != digests.1 {
        let difference = Difference::new(
            "rootfs",
            "digest",
            digests.0.to_string(),
            digests.1.to_string(),
        );
        return vec![Case::compared(id, vec![difference], evidence)];
    }
    let paths: BTreeSet<RootfsPath> = found.iter().map(|one| one.path().clone()).collect();
    let (explained, hidden) = match explained(compared, found) {
        Ok(explained) => explained,
        Err(error) => return vec![Case::broken(id, &error)],
    };
    let mut differences: Vec<Difference> = explained.iter().map(Difference::from).collect();
    let mut cases = Vec::new();
    if plan.comparison.find_cause && !paths.is_empty() {
        let case = find_cause(plan, inputs, compared, paths, &explained, &mut differences).await;
        cases.push(case);
    }
    if hidden > 0 {
        differences.push(Difference::new(
            format!("{hidden} more paths"),
            "content",
            "the same in both builds",
            "different",
        ));
    }
    cases.insert(0, Case::compared(id, differences, evidence));
    cases
}

/// Explains what differs, up to the most that are shown; returns how many are not.
fn explained(
    compared: &Compared<'_>,
    mut found: Vec<EntryDifference>,
) -> Result<(Vec<Explained>, usize), TreeError> {
    let hidden = found.len().saturating_sub(MOST_DIFFERENCES);
    found.truncate(MOST_DIFFERENCES);
    let (first, second) = (
        TreeRoot::open(&compared.first.tree)?,
        TreeRoot::open(&compared.second.tree)?,
    );
    let (variations, applied) = (compared.variations, &compared.variations.applied);
    let other = variations.choice.surroundings(applied);
    let traces = Traces {
        window: compared.window.clone(),
        ahead: other.clock.as_ref().map_or(0, ShiftedClock::seconds),
        sentinels: variations.choice.sentinels(applied),
        umasks: (variations.choice.usual.umask, other.umask),
        processors: (
            variations.choice.processors.len(),
            other
                .processor
                .map_or(variations.choice.processors.len(), |_one| 1),
        ),
        files: (
            FileNumbers::read(&first, &compared.first.listing)?,
            FileNumbers::read(&second, &compared.second.listing)?,
        ),
    };
    let (first, second) = (Contents::Tree(&first), Contents::Tree(&second));
    Ok((explain(first, second, found, Some(&traces))?, hidden))
}

/// Searches for the guilty variations, adds them to the causes, and returns the case that tells of the search.
async fn find_cause(
    plan: &Plan,
    inputs: &Inputs,
    compared: &Compared<'_>,
    paths: BTreeSet<RootfsPath>,
    explained: &[Explained],
    differences: &mut [Difference],
) -> Case {
    let id = CaseId::new(&["reproducibility", "find-cause"]);
    let suspects = explained
        .iter()
        .flat_map(|one| one.suspects.iter().copied())
        .collect();
    let mut search = Search::new(compared.variations.applied.clone(), paths, &suspects);
    let builds = match build_again(plan, inputs, compared, &mut search).await {
        Ok(builds) => builds,
        Err(error) => return Case::broken(id, &error),
    };
    let culprits = search.culprits();
    for (difference, one) in differences.iter_mut().zip(explained) {
        let Some(verdict) = culprits.get(one.difference.path()).map(sentence) else {
            continue;
        };
        let cause = difference.cause.take();
        difference.cause = Some(match cause {
            Some(cause) => format!("{cause}; {verdict}"),
            None => verdict,
        });
    }
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for culprit in culprits.values() {
        *counted.entry(sentence(culprit)).or_default() += 1;
    }
    let counted: Vec<String> = counted
        .into_iter()
        .map(|(sentence, paths)| format!("{sentence} ({paths} paths)"))
        .collect();
    Case::same(
        id,
        format!("built {builds} times more; {}", counted.join("; ")),
    )
}

/// Builds what the search wants to see, two at a time; returns how many builds it took.
async fn build_again(
    plan: &Plan,
    inputs: &Inputs,
    compared: &Compared<'_>,
    search: &mut Search,
) -> Result<usize, RecipeError> {
    let mut builds = 0;
    loop {
        let next = search.next();
        if next.is_empty() {
            return Ok(builds);
        }
        for pair in next.chunks(2) {
            let build = async |number: usize, varied: Option<&BTreeSet<Variation>>| {
                let Some(varied) = varied else {
                    return Ok(None);
                };
                let name = format!("replay-{number}");
                let built = compared.variations.build(plan, inputs, &name, varied);
                let built = built.await?;
                let found = compare(&compared.first.listing, &built.listing);
                remove(&built)?;
                let paths = found.iter().map(|one| one.path().clone()).collect();
                Ok::<_, RecipeError>(Some((varied.clone(), paths)))
            };
            let (one, other) =
                tokio::join!(build(builds, pair.first()), build(builds + 1, pair.get(1)));
            for (varied, paths) in [one?, other?].into_iter().flatten() {
                search.learn(varied, paths);
                builds += 1;
            }
        }
    }
}

/// Removes a tree that was built to be compared once.
pub(super) fn remove(built: &Built) -> Result<(), RecipeError> {
    fs::remove_dir_all(&built.tree).map_err(|source| RecipeError::File {
        attempt: "remove",
        path: built.tree.clone(),
        source,
    })
}

/// Returns what a search found, as a sentence.
fn sentence(culprit: &Culprit) -> String {
    let names = |set: &BTreeSet<Variation>| {
        let names: Vec<&str> = set.iter().map(|one| one.as_str()).collect();
        names.join(", ")
    };
    match culprit {
        Culprit::None => {
            "confirmed: no variation, two equal builds differ there: time, random numbers or a race"
                .to_owned()
        }
        Culprit::Confirmed(set) => format!("confirmed: differs with this alone: {}", names(set)),
        Culprit::Together(set) => format!("differs only with several of these: {}", names(set)),
        Culprit::NotSeenAgain => "did not differ again with fewer variations".to_owned(),
    }
}
