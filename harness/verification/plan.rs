//! What a run is given.

use std::{path::PathBuf, sync::Arc};

use super::variations::Comparison;
use crate::{
    database::{Password, Tolerance},
    progress::{Event, Observer},
    project::Project,
    recipe::Store,
    replay::Clock,
    tool::Toolbox,
    workspace::Workspace,
};

/// Everything that a run is given; time and places come from outside.
#[derive(Debug)]
pub struct Plan {
    /// The project.
    pub project: Project,
    /// The run's own folder and id.
    pub workspace: Arc<Workspace>,
    /// A folder that is kept: images of registries, packages.
    pub cache: PathBuf,
    /// External programs, marked with the run's id.
    pub toolbox: Toolbox,
    /// Progress.
    pub observer: Arc<dyn Observer>,
    /// The clock.
    pub clock: Clock,
    /// How builds are compared.
    pub comparison: Comparison,
    /// What columns of the database may differ by.
    pub tolerances: Vec<Tolerance>,
    /// The password of databases whose address holds none.
    pub database_password: Option<Password>,
    /// When the run started: RFC 3339, UTC.
    pub started_at: String,
}

impl Plan {
    /// Returns where inputs are kept.
    pub fn store(&self) -> Store<'_> {
        Store {
            cache: &self.cache,
            scratch: &self.workspace.folder,
            toolbox: &self.toolbox,
            observer: &self.observer,
        }
    }

    /// Returns the image's name, which is what the run is about.
    pub fn subject(&self) -> String {
        self.project
            .image
            .as_ref()
            .map_or_else(|| "no image".to_owned(), |image| image.source.clone())
    }

    /// Tells that something begins.
    pub(super) fn started(&self, what: &str) {
        self.observer.observe(Event::Started {
            what: what.to_owned(),
        });
    }
}
