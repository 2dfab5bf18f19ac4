//! What every command is given: the project, the tools, the progress display.

use std::{env, path::PathBuf, sync::Arc};

use migrate_verify::{
    input::InputError,
    progress::{Observer, Silent},
    project::Project,
    tool::Toolbox,
};

use super::{
    arguments::{Format, Global},
    failure::Failure,
    terminal::Terminal,
};

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct Context {
    /// What every command takes.
    pub(crate) global: Global,
    /// External programs, found in PATH and the folders of the system administrator.
    pub(crate) toolbox: Toolbox,
    /// Sees progress: a terminal's bars, plain lines with -v, or nothing.
    pub(crate) observer: Arc<dyn Observer>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Self {
        let mut search_path: Vec<PathBuf> = env::var_os("PATH")
            .iter()
            .flat_map(env::split_paths)
            .collect();
        for folder in ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"] {
            if !search_path.iter().any(|known| known.as_os_str() == folder) {
                search_path.push(folder.into());
            }
        }
        let observer: Arc<dyn Observer> = if global.quiet {
            Arc::new(Silent)
        } else {
            Arc::new(Terminal::new(global.verbose))
        };
        Self {
            global: global.clone(),
            toolbox: Toolbox::new(search_path),
            observer,
        }
    }

    /// Returns whether results are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.global.format == Format::Json
    }

    /// Loads the project: the one that was named, or the nearest one upwards.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        let folder = match &self.global.project {
            Some(folder) => folder.clone(),
            None => {
                let here = env::current_dir().map_err(|error| Failure::inconclusive(&error))?;
                Project::find(&here).ok_or_else(|| {
                    InputError::new(
                        here,
                        "is in no project: there is no migrate-verify.toml here or above",
                    )
                    .hint("go to the project, or name it with --project DIR")
                })?
            }
        };
        Ok(Project::load(&folder)?)
    }
}
