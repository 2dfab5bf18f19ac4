//! What is varied between two builds on this host: asked for, possible, done.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::plan::Plan;
use crate::{
    outcome::{Case, CaseId, chain},
    recipe::{self, BuildPlan, Built, Disk, Inputs, LockedAction, RecipeError, Surroundings},
    reproducibility::{Choice, Selection, Variation},
};

/// How builds are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Decides every value that differs: the same seed repeats a comparison.
    pub seed: u64,
    /// What is varied.
    pub selection: Selection,
    /// How many builds are compared with the first one.
    pub rounds: u8,
    /// Whether builds that differ are built again until the guilty variation is found.
    pub find_cause: bool,
}

impl Comparison {
    /// Makes the comparison that `run` does: one other build, everything varied that can be.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            selection: Selection::default(),
            rounds: 1,
            find_cause: false,
        }
    }
}

/// The variations of one comparison.
#[derive(Debug)]
pub(super) struct Variations {
    /// Their values.
    pub(super) choice: Choice,
    /// Those that are done.
    pub(super) applied: BTreeSet<Variation>,
    /// Those that were asked for by name and can't be done, and why.
    refused: BTreeMap<Variation, String>,
    /// The others, and why.
    left_out: BTreeMap<Variation, String>,
    disk: Option<Arc<Disk>>,
}

impl Variations {
    /// Decides what is varied in a round; rounds count from 0 and have seeds of their own.
    pub(super) async fn decide(plan: &Plan, inputs: &Inputs, round: u8) -> Self {
        let comparison = &plan.comparison;
        let mut variations = Self {
            choice: Choice {
                seed: comparison.seed.wrapping_add(u64::from(round)),
                usual: Surroundings::usual(&plan.project.container.machine),
                clock_library: clock_library(),
                processors: processors(),
            },
            applied: BTreeSet::new(),
            refused: BTreeMap::new(),
            left_out: BTreeMap::new(),
            disk: None,
        };
        for variation in Variation::ALL {
            if !comparison.selection.has(variation) {
                let switched_off = comparison.selection.unwanted.contains(&variation);
                let why = variation.off_by_default().filter(|_why| !switched_off);
                let why = why.unwrap_or("switched off by --vary").to_owned();
                variations.left_out.insert(variation, why);
                continue;
            }
            match variations.obstacle(variation, plan, inputs, round).await {
                None => drop(variations.applied.insert(variation)),
                Some(why) if comparison.selection.wanted.contains(&variation) => {
                    variations.refused.insert(variation, why);
                }
                Some(why) => drop(variations.left_out.insert(variation, why)),
            }
        }
        variations
    }

    /// Returns why a variation can't be done here; makes what it needs.
    async fn obstacle(
        &mut self,
        variation: Variation,
        plan: &Plan,
        inputs: &Inputs,
        round: u8,
    ) -> Option<String> {
        match variation {
            Variation::Time => self.choice.clock_library.is_none().then(|| {
                "libfaketime is not on this host; Debian has it in the package faketime".to_owned()
            }),
            Variation::Processors => {
                (self.choice.processors.len() < 2).then(|| "this host has one processor".to_owned())
            }
            Variation::InstallationOrder => (!has_choice(&inputs.lock.actions))
                .then(|| "nothing is installed whose order could be another one".to_owned()),
            Variation::ReaddirOrder => {
                let folder = plan.workspace.path(&format!("disk-{round}"));
                match Disk::open(&folder, self.choice.disk_seed(), &plan.toolbox).await {
                    Ok(disk) => {
                        self.disk = Some(Arc::new(disk));
                        None
                    }
                    Err(error) => Some(chain(&error)),
                }
            }
            Variation::BuildPath
            | Variation::HostName
            | Variation::TimeZone
            | Variation::Locale
            | Variation::Umask
            | Variation::Environment
            | Variation::User => None,
        }
    }

    /// Builds the rootfs with some of the variations.
    pub(super) async fn build(
        &self,
        plan: &Plan,
        inputs: &Inputs,
        name: &str,
        varied: &BTreeSet<Variation>,
    ) -> Result<Built, RecipeError> {
        let disk = self
            .disk
            .clone()
            .filter(|_disk| varied.contains(&Variation::ReaddirOrder));
        let target = if disk.is_some() {
            PathBuf::from(name)
        } else {
            plan.workspace.path(name)
        };
        let build = BuildPlan {
            surroundings: self.choice.surroundings(varied),
            disk,
            ..usual_build(plan, inputs, name)
        };
        recipe::build(&build, &target, &plan.toolbox, &plan.observer).await
    }

    /// Takes notice of what a build could not do.
    pub(super) fn learn(&mut self, built: &Built) {
        if built.clock_followed == Some(false) && self.applied.remove(&Variation::Time) {
            let why = "the guest's programs don't follow libfaketime: their libc can't load it, or they have none";
            self.refused.insert(Variation::Time, why.to_owned());
        }
    }

    /// Returns the case of each variation that was done or asked for.
    pub(super) fn cases(&self) -> Vec<Case> {
        let case = |variation: Variation| {
            let id = CaseId::new(&["reproducibility", "variation", variation.as_str()]);
            if self.applied.contains(&variation) {
                let (first, second) = self.choice.values(variation);
                return Some(Case::same(id, format!("varied: {first}, and {second}")));
            }
            let why = self.refused.get(&variation)?;
            Some(Case::not_run(id, format!("not varied: {why}")))
        };
        Variation::ALL.into_iter().filter_map(case).collect()
    }

    /// Returns what is not varied and was not asked for, a line each.
    pub(super) fn not_varied(&self) -> impl Iterator<Item = String> {
        self.left_out.iter().map(|(variation, why)| {
            format!(
                "builds that differ in {} ({variation}): {why}",
                variation.noun()
            )
        })
    }
}

/// Returns the plan of a build for use.
pub(super) fn usual_build(plan: &Plan, inputs: &Inputs, name: &str) -> BuildPlan {
    let number: String = name.chars().filter(char::is_ascii_digit).collect();
    let mark = if number.is_empty() {
        &name[..1]
    } else {
        &number
    };
    BuildPlan {
        project: plan.project.clone(),
        inputs: inputs.clone(),
        scratch: plan.workspace.path(&format!("{name}-scratch")),
        machine: format!("{}-{mark}", plan.workspace.id.machine()),
        name: format!("{name} build"),
        surroundings: Surroundings::usual(&plan.project.container.machine),
        disk: None,
    }
}

/// Tells whether two packages stand together that could change places.
fn has_choice(actions: &[LockedAction]) -> bool {
    actions.windows(2).any(|pair| {
        matches!(
            (&pair[0], &pair[1]),
            (LockedAction::Unpack(_), LockedAction::Unpack(_))
                | (LockedAction::Configure(_), LockedAction::Configure(_))
        )
    })
}

/// Returns where Debian's package faketime puts its library, for whatever architecture.
fn clock_library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let mut libraries: Vec<PathBuf> = folders
        .filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketime.so.1")))
        .filter(|library| library.is_file())
        .collect();
    libraries.sort();
    libraries.into_iter().next()
}

/// Returns the processors that this process may use, as proc(5) tells them; none where it does not.
fn processors() -> Vec<usize> {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    parse_processors(list.unwrap_or_default())
}

/// Reads a list as `0-2,5`.
fn parse_processors(text: &str) -> Vec<usize> {
    let ranges = text.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    });
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_has_numbers_and_ranges() {
        assert_eq!(parse_processors("\t0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(parse_processors("0"), [0]);
        assert_eq!(parse_processors(""), Vec::<usize>::new());
    }

    #[test]
    fn an_order_is_a_choice_where_two_packages_stand_together() {
        let actions = |lines: &[&str]| -> Vec<LockedAction> {
            let action = |line: &&str| LockedAction::try_from((*line).to_owned()).unwrap();
            lines.iter().map(action).collect()
        };
        assert!(!has_choice(&actions(&[
            "unpack a",
            "configure a",
            "unpack b"
        ])));
        assert!(has_choice(&actions(&["unpack a", "unpack b"])));
    }
}
