//! One build: from the image to the finished tree, step by step, each step written down.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    disk::Disk,
    edit::Edit,
    error::RecipeError,
    guest::{GuestScript, script_call},
    installation_order,
    locking::Inputs,
    normalise, packages, probe, state,
    surroundings::{Ignored, Surroundings},
    sysvinit, touched,
};
use crate::{
    image,
    input::InputError,
    progress::{Event, Observer},
    project::{Project, Recipe},
    rootfs::{self, Budget, Listing, TreeRoot},
    tool::{ToolCall, ToolOutput, Toolbox},
};

/// What invoke-rc.d asks before it starts a service.
const POLICY: &str = "usr/sbin/policy-rc.d";

/// The answer no, while packages are installed.
const FORBID_SERVICES: &[u8] = b"#!/bin/sh\nexit 101\n";

/// Everything that a build needs.
#[derive(Clone, Debug)]
pub struct BuildPlan {
    /// The project.
    pub project: Project,
    /// The image, the lock, the packages.
    pub inputs: Inputs,
    /// A folder for files that only the build needs; made, and removed by the caller with the rest of the workspace.
    pub scratch: PathBuf,
    /// The name of the machine that runs scripts of the build.
    pub machine: String,
    /// How the build is called in progress and reports: `first build`.
    pub name: String,
    /// What the build sees of where, when and for whom it runs.
    pub surroundings: Surroundings,
    /// The file system on which the tree is made, where it has one of its own: `target` is then a name on it.
    pub disk: Option<Arc<Disk>>,
}

/// One step of a build, for the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// What it did, a line each.
    pub done: Vec<String>,
}

/// A finished rootfs.
#[derive(Clone, Debug)]
pub struct Built {
    /// The tree.
    pub tree: PathBuf,
    /// All that is in it.
    pub listing: Listing,
    /// What was done.
    pub steps: Vec<Step>,
    /// What the guest's programs did not follow of their surroundings.
    pub ignored: BTreeSet<Ignored>,
}

impl Built {
    /// Returns what was done, a line each.
    pub fn log(&self) -> impl Iterator<Item = String> {
        self.steps.iter().flat_map(|step| {
            step.done
                .iter()
                .map(move |line| format!("{}: {line}", step.name))
        })
    }
}

/// Builds the rootfs at `target`, which must not exist.
pub async fn build(
    plan: &BuildPlan,
    target: &Path,
    toolbox: &Toolbox,
    observer: &Arc<dyn Observer>,
) -> Result<Built, RecipeError> {
    fs::create_dir_all(&plan.scratch).map_err(RecipeError::file("create", &plan.scratch))?;
    let tree = match &plan.disk {
        None => target.to_owned(),
        Some(disk) => disk.outside(&target.display().to_string()),
    };
    let mut build = Build {
        plan,
        target: &tree,
        inside: match &plan.disk {
            None => target.to_owned(),
            Some(disk) => disk.inside(&target.display().to_string()),
        },
        surroundings: plan.surroundings.clone(),
        toolbox,
        observer,
    };
    let mut steps = vec![build.unpack().await?];
    let mut ignored = build.look().await?;
    steps.push(build.install().await?);
    steps.push(build.overlay().await?);
    steps.push(build.scripts().await?);
    if ignored.contains(&Ignored::Locale) {
        // A package may have brought what makes locales.
        ignored.retain(|one| *one != Ignored::Locale);
        ignored.extend(build.look().await?);
    }
    let root = TreeRoot::open(&tree).map_err(RecipeError::tree("open the tree"))?;
    if plan.project.rootfs.recipe == Recipe::Sysvinit {
        let edits = sysvinit::edits(&root, &plan.project.container.machine)
            .map_err(RecipeError::tree("sysvinit edits"))?;
        steps.push(apply("sysvinit edits", &root, &edits)?);
    }
    let edits =
        state::edits(&root, &plan.project.rootfs.state).map_err(RecipeError::tree("state"))?;
    steps.push(apply("state", &root, &edits)?);
    let (listing, step) = build.normalise(root).await?;
    steps.push(step);
    Ok(Built {
        tree,
        listing,
        steps,
        ignored,
    })
}

struct Build<'a> {
    plan: &'a BuildPlan,
    target: &'a Path,
    /// The tree as the mount namespace sees it in which it is.
    inside: PathBuf,
    surroundings: Surroundings,
    toolbox: &'a Toolbox,
    observer: &'a Arc<dyn Observer>,
}

impl Build<'_> {
    fn started(&self, step: &str) {
        self.observer.observe(Event::Started {
            what: format!("{}: {step}", self.plan.name),
        });
    }

    async fn unpack(&self) -> Result<Step, RecipeError> {
        self.started("unpack");
        let (reference, target) = (self.plan.inputs.image.clone(), self.target.to_owned());
        let name = self.plan.inputs.lock.image.source.clone();
        let locked = self.plan.inputs.lock.image.digest.clone();
        let observer = Arc::clone(self.observer);
        let unpacked = blocking(move || {
            let image = image::open(&reference).map_err(|source| RecipeError::Image {
                image: name.clone(),
                source,
            })?;
            let actual = image.manifest_digest.to_string();
            if actual != locked {
                return Err(RecipeError::ImageChanged {
                    image: name,
                    locked,
                    actual,
                });
            }
            rootfs::unpack(&image, &target, &Budget::default(), observer.as_ref()).map_err(
                |source| RecipeError::Unpack {
                    image: name,
                    source,
                },
            )
        })
        .await?;
        let mut done = vec![format!(
            "{} entries, {} bytes",
            unpacked.listing.entries.len(),
            unpacked.listing.bytes()
        )];
        done.extend(unpacked.findings.iter().map(ToString::to_string));
        Ok(Step {
            name: "unpack",
            done,
        })
    }

    async fn install(&self) -> Result<Step, RecipeError> {
        let lock = &self.plan.inputs.lock;
        if lock.actions.is_empty() {
            return Ok(Step {
                name: "packages",
                done: Vec::new(),
            });
        }
        self.started("packages");
        let tree = TreeRoot::open(self.target).map_err(RecipeError::tree("packages"))?;
        let failed = || RecipeError::tree("packages");
        let before = tree.read(POLICY).map_err(failed())?;
        tree.write(POLICY, FORBID_SERVICES, 0o755)
            .map_err(failed())?;
        let debs = self.plan.scratch.join("debs");
        fs::create_dir_all(&debs).map_err(RecipeError::file("create", &debs))?;
        for package in &lock.locked {
            let link = debs.join(&package.file);
            let from = self.plan.inputs.cache.path(package);
            fs::hard_link(&from, &link)
                .or_else(|_| fs::copy(&from, &link).map(drop))
                .map_err(RecipeError::file("link", &from))?;
        }
        let actions = match self.surroundings.installation_order {
            None => lock.actions.clone(),
            Some(seed) => installation_order::shuffled(&lock.actions, seed),
        };
        let files = format!("{}/files", self.surroundings.folder);
        let script = packages::install_script(&lock.locked, &actions, &files);
        let path = self.plan.scratch.join("install.sh");
        fs::write(&path, script).map_err(RecipeError::file("write", &path))?;
        self.run_script("packages", &path, Some(debs)).await?;
        match before {
            Some(content) => tree.write(POLICY, &content, 0o755).map_err(failed())?,
            None => tree.remove_file(POLICY).map(drop).map_err(failed())?,
        }
        let done = lock
            .locked
            .iter()
            .map(|package| format!("{} {}", package.name, package.version))
            .collect();
        Ok(Step {
            name: "packages",
            done,
        })
    }

    async fn overlay(&self) -> Result<Step, RecipeError> {
        let project = &self.plan.project;
        let folders: Vec<PathBuf> = project
            .rootfs
            .overlay
            .iter()
            .map(|path| project.resolve(path))
            .collect();
        for folder in &folders {
            if !folder.is_dir() {
                return Err(InputError::new(
                    project.config_path(),
                    format!("names the overlay {}, which is no folder", folder.display()),
                )
                .into());
            }
        }
        let target = self.target.to_owned();
        let done = blocking(move || {
            let mut done = Vec::new();
            for folder in folders {
                done.extend(super::overlay::lay(&folder, &target)?);
            }
            Ok(done)
        })
        .await?;
        Ok(Step {
            name: "overlay",
            done,
        })
    }

    async fn scripts(&self) -> Result<Step, RecipeError> {
        let project = &self.plan.project;
        let mut done = Vec::new();
        for script in &project.rootfs.scripts {
            let path = project.resolve(script);
            if !path.is_file() {
                return Err(InputError::new(
                    project.config_path(),
                    format!("names the script {}, which is no file", path.display()),
                )
                .into());
            }
            self.started(&script.display().to_string());
            self.run_script("scripts", &path, None).await?;
            done.push(script.display().to_string());
        }
        Ok(Step {
            name: "scripts",
            done,
        })
    }

    async fn run_script(
        &self,
        step: &'static str,
        script: &Path,
        files: Option<PathBuf>,
    ) -> Result<ToolOutput, RecipeError> {
        // Copied, because a project may be below /tmp, which the guest's mount namespace hides.
        let copy = self.plan.scratch.join("script");
        fs::copy(script, &copy).map_err(RecipeError::file("copy", script))?;
        let bound = self.plan.scratch.join("tree");
        fs::create_dir_all(&bound).map_err(RecipeError::file("create", &bound))?;
        let script = GuestScript {
            tree: &self.inside,
            namespace: self.plan.disk.as_ref().map(|disk| disk.namespace()),
            bound: &bound,
            machine: &self.plan.machine,
            surroundings: &self.surroundings,
            script: &copy,
            files,
            source_date_epoch: self.plan.project.rootfs.source_date_epoch,
        };
        self.toolbox
            .run(&script_call(&script))
            .await
            .map_err(RecipeError::tool(step))
    }

    /// Looks what the guest's programs ignore of their surroundings. A clock that they don't follow is taken back: its library
    /// would only make each of them complain.
    async fn look(&mut self) -> Result<BTreeSet<Ignored>, RecipeError> {
        let varied = self.surroundings.clock.is_some()
            || self.surroundings.locale.made_of.is_some()
            || self.surroundings.time_zone.starts_with('<');
        let runs_programs = !self.plan.inputs.lock.actions.is_empty()
            || !self.plan.project.rootfs.scripts.is_empty();
        if !varied || !runs_programs {
            return Ok(BTreeSet::new());
        }
        let path = self.plan.scratch.join("questions.sh");
        fs::write(&path, probe::QUESTIONS).map_err(RecipeError::file("write", &path))?;
        let host = ToolCall::new("date").arg("+%s");
        let host = self.toolbox.run(&host).await;
        let host = host.map_err(RecipeError::tool("look at the clock"))?;
        let now = host.text().trim().parse().unwrap_or_default();
        let step = "look at the surroundings";
        let mut ignored = BTreeSet::new();
        let answers = match self.run_script(step, &path, None).await {
            // A libc that is too old for the library does not start any program with it.
            Err(_cannot_load) if self.surroundings.clock.is_some() => {
                self.surroundings.clock = None;
                ignored.insert(Ignored::Clock);
                self.run_script(step, &path, None).await?
            }
            answers => answers?,
        };
        ignored.extend(probe::ignored(&self.surroundings, &answers.text(), now));
        if ignored.contains(&Ignored::Clock) {
            self.surroundings.clock = None;
        }
        Ok(ignored)
    }

    async fn normalise(&self, tree: TreeRoot) -> Result<(Listing, Step), RecipeError> {
        self.started("normalise");
        let rootfs = &self.plan.project.rootfs;
        let (epoch, target) = (rootfs.source_date_epoch, self.target.to_owned());
        let normalisers = rootfs.normalisers();
        blocking(move || {
            let failed = || RecipeError::tree("normalise");
            let mut done = Vec::new();
            for normaliser in normalisers {
                for edit in normalise::edits(normaliser, &tree, epoch).map_err(failed())? {
                    let line = touched::apply(&tree, &edit).map_err(failed())?;
                    done.push(format!("{normaliser}: {line}"));
                }
            }
            let mut listing = rootfs::walk(&target).map_err(failed())?;
            let clamped = normalise::clamp_times(&tree, &mut listing, epoch).map_err(failed())?;
            done.push(format!("{clamped} times newer than {epoch} set to it"));
            let name = "normalise";
            Ok((listing, Step { name, done }))
        })
        .await
    }
}

fn apply(name: &'static str, tree: &TreeRoot, edits: &[Edit]) -> Result<Step, RecipeError> {
    for edit in edits {
        edit.apply(tree).map_err(RecipeError::tree(name))?;
    }
    Ok(Step {
        name,
        done: edits.iter().map(ToString::to_string).collect(),
    })
}

/// Runs work that hashes and writes files on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RecipeError> + Send + 'static,
) -> Result<T, RecipeError> {
    tokio::task::spawn_blocking(work)
        .await
        .expect("the work does not panic and is not cancelled")
}
