//! What every command is given: the project, the tools, the progress display.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use migrate_verify::{
    input::InputError,
    progress::{Event, Observer, Silent},
    project::Project,
    replay::Clock,
    tool::Toolbox,
    verification::{Comparison, Plan, tolerances},
    workspace::{RunId, Workspace, WorkspaceError, remove_dead},
};

use super::{
    arguments::{Format, Global},
    clock, database,
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
    /// The command's workspace; it outlives every task, so that nothing writes into it while it is removed.
    workspace: OnceLock<Arc<Workspace>>,
}

/// Where workspaces and inputs are kept: the system administrator's places (hier(7)).
const STATE: &str = "/var/lib/migrate-verify";
const CACHE: &str = "/var/cache/migrate-verify";

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
            workspace: OnceLock::new(),
        }
    }

    /// Returns whether results are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.global.format == Format::Json
    }

    /// Returns where workspaces are.
    pub(crate) fn state_folder() -> &'static Path {
        Path::new(STATE)
    }

    /// Makes what a command needs that builds or boots: first removes what dead runs left, then makes a workspace.
    pub(crate) fn plan(&self, project: Project) -> Result<Plan, Failure> {
        let tolerances = tolerances(&project)?;
        let workspace = self.workspace()?;
        Ok(Plan {
            tolerances,
            project,
            cache: CACHE.into(),
            toolbox: self.toolbox.marked(workspace.id.as_str()),
            observer: Arc::clone(&self.observer),
            clock: Clock::new(clock::now),
            comparison: Comparison::new(clock::random().into()),
            database_password: database::password(),
            started_at: clock::rfc3339(clock::now()),
            workspace,
        })
    }

    /// Removes what dead runs left, then makes a workspace.
    pub(crate) fn workspace(&self) -> Result<Arc<Workspace>, Failure> {
        let failed = |error: WorkspaceError| {
            Failure::inconclusive(&error).hint("building and booting need root: run it with sudo")
        };
        let (removed, _alive) = remove_dead(Self::state_folder()).map_err(failed)?;
        for leftover in removed {
            self.observer.observe(Event::Note(format!(
                "removed {} of the dead run {}",
                leftover.what, leftover.run
            )));
        }
        let now = clock::now();
        let id = RunId::new(&clock::compact(now), clock::random());
        let workspace = Arc::new(Workspace::create(Self::state_folder(), id).map_err(failed)?);
        self.observer
            .observe(Event::Note(format!("run {}", workspace.id)));
        self.workspace
            .set(Arc::clone(&workspace))
            .expect("a command makes one workspace");
        Ok(workspace)
    }

    /// Returns whether the current folder is in a project.
    pub(crate) fn is_in_project() -> bool {
        env::current_dir().is_ok_and(|here| Project::find(&here).is_some())
    }

    /// Loads the project: the one that was named, or the nearest one upwards.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        Ok(Project::load(&self.project_folder()?)?)
    }

    /// Returns the folder of the project, whatever its files say.
    pub(crate) fn project_folder(&self) -> Result<PathBuf, Failure> {
        if let Some(folder) = &self.global.project {
            return Ok(folder.clone());
        }
        let here = env::current_dir().map_err(|error| Failure::inconclusive(&error))?;
        Project::find(&here).ok_or_else(|| {
            InputError::new(
                here,
                "is in no project: there is no migrate-verify.toml here or above",
            )
            .hint("go to the project, or name it with --project DIR")
            .into()
        })
    }
}
