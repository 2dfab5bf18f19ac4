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
    recipe::{
        self, BuildPlan, Built, Disk, Ignored, Inputs, LockedAction, RecipeError, Surroundings,
    },
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
    /// Those that the second build is given.
    pub(super) applied: BTreeSet<Variation>,
    /// Those that can't be done, or that the guest ignores, and why.
    refused: BTreeMap<Variation, String>,
    /// Those that are switched off by name, or would vary nothing, and why.
    left_out: BTreeMap<Variation, String>,
    disk: Option<Arc<Disk>>,
}

/// Why a variation is not done.
enum Obstacle {
    /// Something is missing: the check is not made, and the result is inconclusive.
    Missing(String),
    /// There is nothing that could vary.
    Nothing(&'static str),
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
            if comparison.selection.unwanted.contains(&variation) {
                let why = "switched off by --vary".to_owned();
                variations.left_out.insert(variation, why);
                continue;
            }
            let wanted = comparison.selection.wanted.contains(&variation);
            match variations.obstacle(variation, plan, inputs, round).await {
                None => drop(variations.applied.insert(variation)),
                Some(Obstacle::Nothing(why)) if !wanted => {
                    variations.left_out.insert(variation, why.to_owned());
                }
                Some(Obstacle::Nothing(why)) => variations.refuse(variation, why),
                Some(Obstacle::Missing(why)) => variations.refuse(variation, &why),
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
    ) -> Option<Obstacle> {
        let runs_programs =
            !inputs.lock.actions.is_empty() || !plan.project.rootfs.scripts.is_empty();
        if variation != Variation::ReaddirOrder && !runs_programs {
            return Some(Obstacle::Nothing(
                "the build runs no program inside the tree",
            ));
        }
        let missing =
            |is_missing: bool, why: &str| is_missing.then(|| Obstacle::Missing(why.to_owned()));
        match variation {
            Variation::Time => missing(
                self.choice.clock_library.is_none(),
                "libfaketime is not on this host; Debian has it in the package faketime",
            ),
            Variation::Processors => missing(
                self.choice.processors.len() < 2,
                "this host has one processor",
            ),
            Variation::InstallationOrder => (!has_choice(&inputs.lock.actions)).then_some(
                Obstacle::Nothing("nothing is installed whose order could be another one"),
            ),
            Variation::ReaddirOrder => {
                let folder = plan.workspace.path(&format!("disk-{round}"));
                match Disk::open(&folder, self.choice.disk_seed(), &plan.toolbox).await {
                    Ok(disk) => {
                        self.disk = Some(Arc::new(disk));
                        None
                    }
                    Err(error) => Some(Obstacle::Missing(chain(&error))),
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

    fn refuse(&mut self, variation: Variation, why: &str) {
        let without = format!(
            "{why} (to do without it: `--vary -{variation}`, or `reproducibility/variation/{variation}` in run.without)"
        );
        self.refused.insert(variation, without);
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

    /// Takes notice of what the guest ignored in a build. A clock is taken back then; the other values stay set, and may leak.
    pub(super) fn learn(&mut self, built: &Built) {
        for ignored in &built.ignored {
            match ignored {
                Ignored::Clock => {
                    if self.applied.remove(&Variation::Time) {
                        let why = "the guest's programs don't follow libfaketime: their libc can't load it, or they are static";
                        self.refuse(Variation::Time, why);
                    }
                }
                Ignored::TimeZone => {
                    let why = "TZ was set, but the guest's date(1) does not follow it";
                    self.refuse(Variation::TimeZone, why);
                }
                Ignored::Locale => {
                    let why = "LC_ALL was set, but the guest has no such locale, and not what makes one (Debian's package locales)";
                    self.refuse(Variation::Locale, why);
                }
            }
        }
    }

    /// Returns the case of each variation that was done, or could not be.
    pub(super) fn cases(&self) -> Vec<Case> {
        let case = |variation: Variation| {
            let id = CaseId::new(&["reproducibility", "variation", variation.as_str()]);
            if let Some(why) = self.refused.get(&variation) {
                return Some(Case::not_run(id, format!("not varied: {why}")));
            }
            let (first, second) = self.choice.values(variation);
            self.applied
                .contains(&variation)
                .then(|| Case::same(id, format!("varied: {first}, and {second}")))
        };
        Variation::ALL.into_iter().filter_map(case).collect()
    }

    /// Returns what is left out, a line each.
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
