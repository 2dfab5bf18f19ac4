//! Building: once, or twice at the same time; and what the finished tree must hold.

use std::{collections::BTreeMap, path::Path};

use super::{
    plan::Plan,
    variations::{Variations, usual_build},
};
use crate::{
    input::{InputError, read_text},
    outcome::{Case, CaseId, Difference},
    preflight::{self, Guest},
    project::Project,
    recipe::{self, Built, Inputs, RecipeError, installed_packages},
    rootfs::{Profile, TreeRoot},
};

/// Builds the rootfs once at `target`, for use.
pub async fn build_one(
    plan: &Plan,
    inputs: &Inputs,
    name: &str,
    target: &Path,
) -> Result<Built, RecipeError> {
    let build = usual_build(plan, inputs, name);
    recipe::build(&build, target, &plan.toolbox, &plan.observer).await
}

/// Builds the rootfs twice, at the same time, in two places and with everything varied that can be.
pub(super) async fn build_twice(
    plan: &Plan,
    inputs: &Inputs,
    variations: &Variations,
) -> (Result<Built, RecipeError>, Result<Built, RecipeError>) {
    let first = plan.workspace.path("first");
    tokio::join!(
        build_one(plan, inputs, "first", &first),
        variations.build(plan, inputs, "second", &variations.applied)
    )
}

/// Returns the case of one build.
pub(super) fn built_case(name: &str, built: &Result<Built, RecipeError>) -> Case {
    let id = CaseId::new(&["build", name]);
    match built {
        Err(error) => Case::broken(id, error),
        Ok(built) => {
            let digest = built.listing.digest(Profile::Strict);
            let steps: Vec<String> = built
                .steps
                .iter()
                .map(|step| format!("{} ({})", step.name, step.done.len()))
                .collect();
            Case::same(
                id,
                format!(
                    "{} entries, {digest}; steps: {}",
                    built.listing.entries.len(),
                    steps.join(", ")
                ),
            )
        }
    }
}

/// Compares what is installed with the lock, and with the old server's packages where the project has their list.
pub(super) fn package_cases(project: &Project, inputs: &Inputs, built: &Built) -> Vec<Case> {
    let installed = TreeRoot::open(&built.tree)
        .map_err(|source| RecipeError::Tree {
            step: "read dpkg's status",
            source,
        })
        .and_then(|tree| installed_packages(&tree));
    let id = CaseId::new(&["build", "packages"]);
    let installed = match installed {
        Ok(installed) => installed,
        Err(error) => return vec![Case::broken(id, &error)],
    };
    let locked = inputs
        .lock
        .locked
        .iter()
        .map(|package| (bare(&package.name), package.version.clone()));
    let differences = compare_versions(&locked.collect(), &installed, "migrate-verify.lock");
    let mut cases = vec![Case::compared(
        id,
        differences,
        format!(
            "{} packages of the lock are installed",
            inputs.lock.locked.len()
        ),
    )];
    cases.extend(legacy_packages(project, &installed));
    cases
}

fn legacy_packages(project: &Project, installed: &BTreeMap<String, String>) -> Option<Case> {
    let list = project.legacy.as_ref()?.packages.as_ref()?;
    let id = CaseId::new(&["build", "legacy-packages"]);
    Some(match read_package_list(&project.resolve(list)) {
        Err(error) => Case::broken(id, &error),
        Ok(expected) if expected.is_empty() => Case::not_run(id, "the list is empty"),
        Ok(expected) => {
            let differences = compare_versions(&expected, installed, "the old server's list");
            Case::compared(
                id,
                differences,
                format!("{} packages of the old server", expected.len()),
            )
        }
    })
}

/// Reads `package version` a line, as `dpkg-query --show` writes it.
fn read_package_list(path: &Path) -> Result<BTreeMap<String, String>, InputError> {
    let text = read_text(path)?;
    let mut packages = BTreeMap::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let mut words = line.split_whitespace();
        let (Some(name), Some(version), None) = (words.next(), words.next(), words.next()) else {
            let error = InputError::new(path, "is not `package version`")
                .hint("write it with `dpkg-query -W -f '${Package} ${Version}\\n'`, without removed packages");
            return Err(InputError {
                place: Some((number + 1, 1)),
                ..error
            });
        };
        packages.insert(bare(name), version.to_owned());
    }
    Ok(packages)
}

/// Returns a package's name without the architecture that multi-arch adds.
fn bare(name: &str) -> String {
    name.split(':').next().unwrap_or(name).to_owned()
}

fn compare_versions(
    expected: &BTreeMap<String, String>,
    installed: &BTreeMap<String, String>,
    list: &str,
) -> Vec<Difference> {
    let differing = expected
        .iter()
        .filter(|(name, version)| installed.get(*name) != Some(version));
    differing
        .map(|(name, version)| {
            let found = installed.get(name).map_or("not installed", String::as_str);
            Difference::new(format!("package {name}"), "version", version, found).because(format!(
                "{list} has another version than the candidate's rootfs"
            ))
        })
        .collect()
}

/// Checks that this host has what this guest needs, beyond what any needs.
pub(super) async fn guest_cases(plan: &Plan, built: &Built) -> Vec<Case> {
    let read = TreeRoot::open(&built.tree)
        .map_err(|source| RecipeError::Tree {
            step: "look at the guest",
            source,
        })
        .and_then(|tree| Guest::read(&tree));
    match read {
        Err(error) => vec![Case::broken(CaseId::new(&["build", "guest"]), &error)],
        Ok(guest) => {
            preflight::for_guest("build", Some(&guest), &plan.workspace.folder, &plan.toolbox).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_and_a_missing_package_are_named() {
        let list = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let expected = list(&[
            ("apache", "1.3.34-4.1+etch1"),
            ("mysql-server", "5.0.51a-24"),
            ("zlib", "1"),
        ]);
        let installed = list(&[
            ("apache", "1.3.34-4.1+etch2"),
            ("zlib", "1"),
            ("extra", "1"),
        ]);
        let found: Vec<_> = compare_versions(&expected, &installed, "the list")
            .into_iter()
            .map(|one| (one.locus, one.actual))
            .collect();
        assert_eq!(
            found,
            [
                ("package apache".to_owned(), "1.3.34-4.1+etch2".to_owned()),
                (
                    "package mysql-server".to_owned(),
                    "not installed".to_owned()
                )
            ]
        );
    }
}
