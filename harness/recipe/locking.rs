//! From a project to everything a build needs: the fetched image, the lock, the packages in the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::RecipeError,
    fetch::fetch_image,
    lock::{Lock, LockedImage},
    packages::{self, PackageCache},
    turn::Turn,
};
use crate::{
    image::{self, Image, ImageReference},
    progress::{Event, Observer},
    project::Project,
    rootfs::{self, Budget},
    tool::Toolbox,
};

/// Everything that two builds share.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The image, fetched.
    pub image: ImageReference,
    /// What is installed.
    pub lock: Lock,
    /// Where the packages are.
    pub cache: PackageCache,
}

/// Where inputs are kept, and who tells about it.
#[derive(Clone, Debug)]
pub struct Store<'a> {
    /// A folder that is kept: images of registries, packages.
    pub cache: &'a Path,
    /// A folder that is removed with the run.
    pub scratch: &'a Path,
    /// External programs.
    pub toolbox: &'a Toolbox,
    /// Progress.
    pub observer: &'a Arc<dyn Observer>,
}

impl Store<'_> {
    fn packages(&self) -> PackageCache {
        PackageCache {
            folder: self.cache.join("packages"),
        }
    }
}

/// Resolves the project's image and packages as they are now, and writes the lock.
pub async fn lock(project: &Project, store: &Store<'_>) -> Result<Inputs, RecipeError> {
    let _turn = Turn::take(store).await?;
    lock_in_turn(project, store).await
}

async fn lock_in_turn(project: &Project, store: &Store<'_>) -> Result<Inputs, RecipeError> {
    let inputs = resolve(project, store, true).await?;
    inputs.lock.save(&project.folder)?;
    Ok(inputs)
}

/// Returns what the lock says, with the packages fetched; a project without a lock is locked.
pub async fn prepare(project: &Project, store: &Store<'_>) -> Result<Inputs, RecipeError> {
    let _turn = Turn::take(store).await?;
    let Some(locked) = Lock::load(project)? else {
        store.observer.observe(Event::Note(
            "no lock yet: resolving image and packages".to_owned(),
        ));
        return lock_in_turn(project, store).await;
    };
    let image = fetch_image(
        &locked.image.source,
        &project.folder,
        store.cache,
        false,
        store.toolbox,
    )
    .await?;
    let cache = store.packages();
    if cache.missing(&locked.locked)?.is_empty() {
        return Ok(Inputs {
            image,
            lock: locked,
            cache,
        });
    }
    store.observer.observe(Event::Note(
        "packages of the lock are missing: fetching them".to_owned(),
    ));
    let now = resolve(project, store, false).await?;
    if let Some(package) = cache.missing(&locked.locked)?.first() {
        let found = now
            .lock
            .locked
            .iter()
            .find(|other| other.name == package.name);
        return Err(RecipeError::PackageChanged {
            package: format!("{} {}", package.name, package.version),
            locked: package.digest.clone(),
            actual: found.map_or_else(
                || "none: it is no longer served".to_owned(),
                |other| format!("{} ({})", other.digest, other.version),
            ),
        });
    }
    Ok(Inputs {
        image,
        lock: locked,
        cache,
    })
}

async fn resolve(project: &Project, store: &Store<'_>, fresh: bool) -> Result<Inputs, RecipeError> {
    let source = project
        .image
        .as_ref()
        .ok_or_else(|| project.missing("image.source"))?
        .source
        .clone();
    let started = |what: &str| {
        store.observer.observe(Event::Started {
            what: format!("lock: {what}"),
        });
    };
    started("image");
    let reference =
        fetch_image(&source, &project.folder, store.cache, fresh, store.toolbox).await?;
    let failed = |error| RecipeError::Image {
        image: source.clone(),
        source: error,
    };
    let opened = image::open(&reference).map_err(failed)?;
    let locked_image = LockedImage {
        source: source.clone(),
        digest: opened.manifest_digest.to_string(),
    };
    let cache = store.packages();
    let wanted = &project.rootfs.packages;
    let (locked, actions) = if wanted.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        started("packages");
        let tree = unpack_scratch(opened, &source, store).await?;
        let apt = store.scratch.join("apt");
        let sources = &project.rootfs.sources;
        let resolved =
            packages::resolve(&tree, wanted, sources, &apt, &cache, store.toolbox).await?;
        for folder in [&tree, &apt] {
            fs::remove_dir_all(folder).map_err(RecipeError::file("remove", folder))?;
        }
        resolved
    };
    let lock = Lock::new(project, locked_image, locked, actions);
    Ok(Inputs {
        image: reference,
        lock,
        cache,
    })
}

/// Unpacks the image where apt can read its dpkg status; the caller removes the tree.
async fn unpack_scratch(
    image: Image,
    source: &str,
    store: &Store<'_>,
) -> Result<PathBuf, RecipeError> {
    let tree = store.scratch.join("resolve");
    let (target, observer) = (tree.clone(), Arc::clone(store.observer));
    let unpacked = tokio::task::spawn_blocking(move || {
        rootfs::unpack(&image, &target, &Budget::default(), observer.as_ref()).map(drop)
    });
    let unpacked = unpacked
        .await
        .expect("unpacking does not panic and is not cancelled");
    unpacked.map_err(|error| RecipeError::Unpack {
        image: source.to_owned(),
        source: error,
    })?;
    Ok(tree)
}
