//! What the project must hold for a whole run.

use std::path::Path;

use crate::{
    image::ImageReference,
    outcome::{Case, CaseId, Outcome},
    project::Project,
    scenario,
};

/// Checks the files that the project names.
pub fn project(project: &Project) -> Vec<Case> {
    let mut cases = vec![image(project), scenarios(project)];
    let rootfs = &project.rootfs;
    let named = rootfs
        .overlay
        .iter()
        .map(|path| ("rootfs.overlay", path, true));
    let named = named.chain(
        rootfs
            .scripts
            .iter()
            .map(|path| ("rootfs.scripts", path, false)),
    );
    let named = named.chain(
        project
            .candidate
            .database_dump
            .iter()
            .map(|path| ("candidate.database_dump", path, false)),
    );
    let packages = project
        .legacy
        .as_ref()
        .and_then(|legacy| legacy.packages.as_ref());
    let named = named.chain(packages.map(|path| ("legacy.packages", path, false)));
    let log = project
        .legacy
        .as_ref()
        .and_then(|legacy| legacy.log.as_ref());
    let named = named.chain(log.map(|path| ("legacy.log", path, false)));
    cases.extend(named.map(|(key, path, folder)| file(project, key, path, folder)));
    cases
}

fn id(name: &str) -> CaseId {
    CaseId::new(&["preflight", name])
}

fn broken(name: &str, reason: String) -> Case {
    Case {
        id: id(name),
        outcome: Outcome::Broken,
        reason,
    }
}

fn image(project: &Project) -> Case {
    let Some(image) = &project.image else {
        return broken("image", "the project has no image.source".to_owned());
    };
    match ImageReference::parse(&image.source) {
        Ok(_reference) => Case::same(id("image"), image.source.clone()),
        Err(error) => Case::broken(id("image"), &error),
    }
}

fn scenarios(project: &Project) -> Case {
    match scenario::load(&project.folder.join("scenarios")) {
        Ok(scenarios) if scenarios.is_empty() => broken(
            "scenarios",
            "scenarios/ is empty: no page would be compared".to_owned(),
        ),
        Ok(scenarios) => Case::same(id("scenarios"), format!("{} scenarios", scenarios.len())),
        Err(error) => Case::broken(id("scenarios"), &error),
    }
}

fn file(project: &Project, key: &str, path: &Path, folder: bool) -> Case {
    let name = format!("{key} {}", path.display());
    let full = project.resolve(path);
    let exists = if folder {
        full.is_dir()
    } else {
        full.is_file()
    };
    if exists {
        Case::same(id(&name), "exists")
    } else {
        broken(&name, format!("{} does not exist", full.display()))
    }
}
