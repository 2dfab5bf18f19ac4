//! `rootfs`: build, unpack, digest, diff, verify.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use migrate_verify::{
    image::{self, Image, ImageError, ImageReference},
    outcome::Verdict,
    progress::Observer,
    reproducibility::{Aspect, Contents, EntryDifference, Explained, compare, explain, is_needed},
    rootfs::{
        self, Budget, Finding, FindingKind, Listing, Profile, RootfsPath, TreeError, TreeRoot,
        UnpackError,
    },
};
use serde_json::json;

use super::{
    arguments::{ProfileName, RootfsCommand},
    build,
    context::Context,
    failure::Failure,
    output,
};

/// Works on root file systems.
pub(crate) async fn rootfs(context: &Context, command: RootfsCommand) -> Result<Verdict, Failure> {
    let json = context.json();
    let observer = Arc::clone(&context.observer);
    match command {
        RootfsCommand::Build { output } => build::build(context, &output).await,
        RootfsCommand::Verify(arguments) => build::verify(context, arguments).await,
        RootfsCommand::Unpack { image, directory } => {
            blocking(move || unpack(json, observer.as_ref(), &image, &directory)).await
        }
        RootfsCommand::Digest {
            tree_or_image,
            profile,
        } => blocking(move || digest(json, &tree_or_image, profile)).await,
        RootfsCommand::Diff { first, second } => {
            blocking(move || diff(json, &first, &second)).await
        }
    }
}

/// Keeps work that hashes and writes for seconds away from the tasks.
async fn blocking(
    work: impl FnOnce() -> Result<Verdict, Failure> + Send + 'static,
) -> Result<Verdict, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::inconclusive(&error)),
    }
}

fn unpack(
    json: bool,
    observer: &dyn Observer,
    image: &str,
    directory: &Path,
) -> Result<Verdict, Failure> {
    let image = open(image)?;
    let unpacked = rootfs::unpack(&image, directory, &Budget::default(), observer)
        .map_err(|error| unpack_failure(&error))?;
    let digest = unpacked.listing.digest(Profile::Strict);
    let entries = unpacked.listing.entries.len();
    if json {
        let findings: Vec<String> = unpacked.findings.iter().map(ToString::to_string).collect();
        output::json(&json!({
            "schema_version": 1,
            "digest": digest.to_string(),
            "profile": Profile::Strict.as_str(),
            "entries": entries,
            "bytes": unpacked.listing.bytes(),
            "findings": findings,
        }));
    } else {
        output::line(&digest.to_string());
        output::line(&format!(
            "{entries} entries, {} bytes in {}",
            unpacked.listing.bytes(),
            directory.display()
        ));
        for finding in &unpacked.findings {
            output::line(&format!("finding: {finding}"));
        }
    }
    let kept = |finding: &Finding| !matches!(finding.kind, FindingKind::NotKept { .. });
    // A tree that lacks something of its image must not pass for it.
    Ok(if unpacked.findings.iter().all(kept) {
        Verdict::Verified
    } else {
        Verdict::Inconclusive
    })
}

fn digest(json: bool, name: &str, profile: ProfileName) -> Result<Verdict, Failure> {
    let profile = match profile {
        ProfileName::Strict => Profile::Strict,
        ProfileName::Oci => Profile::Oci,
        ProfileName::Content => Profile::Content,
    };
    let subject = Subject::open(name)?;
    let listing = subject.list()?;
    let digest = listing.digest(profile);
    if json {
        output::json(&json!({
            "schema_version": 1,
            "digest": digest.to_string(),
            "profile": profile.as_str(),
            "entries": listing.entries.len(),
            "bytes": listing.bytes(),
        }));
    } else {
        output::line(&digest.to_string());
    }
    Ok(Verdict::Verified)
}

fn diff(json: bool, first: &str, second: &str) -> Result<Verdict, Failure> {
    let (first, second) = (Subject::open(first)?, Subject::open(second)?);
    let (first_listing, second_listing) = thread::scope(|scope| {
        let second = scope.spawn(|| second.list());
        let first = first.list();
        (first, second.join().expect("listing does not panic"))
    });
    let (first_listing, second_listing) = (first_listing?, second_listing?);
    let differences = compare(&first_listing, &second_listing);
    let files = (
        first.files(&differences, &first_listing)?,
        second.files(&differences, &second_listing)?,
    );
    let contents = (first.contents(&files.0), second.contents(&files.1));
    let explained = explain(contents.0, contents.1, differences, None)
        .map_err(|error| Failure::inconclusive(&error))?;
    let verdict = if explained.is_empty() {
        Verdict::Verified
    } else {
        Verdict::Different
    };
    if json {
        let differences: Vec<_> = explained.iter().map(json_difference).collect();
        output::json(&json!({
            "schema_version": 1,
            "verdict": verdict.as_str(),
            "differences": differences,
        }));
    } else {
        print_differences(&explained);
        output::line(&format!(
            "{verdict}: {} differences in {} and {} entries{}",
            explained.len(),
            first_listing.entries.len(),
            second_listing.entries.len(),
            level(&first, &second, (&first_listing, &second_listing))
        ));
    }
    Ok(verdict)
}

fn json_difference(explained: &Explained) -> serde_json::Value {
    let (first, second) = explained.difference.values();
    json!({
        "path": explained.difference.path().to_string(),
        "aspect": explained.difference.aspect().as_str(),
        "first": first,
        "second": second,
        "cause": explained.cause,
    })
}

/// Prints differences grouped by package, or by directory where no package owns the path.
fn print_differences(explained: &[Explained]) {
    let mut groups: BTreeMap<String, Vec<&Explained>> = BTreeMap::new();
    for one in explained {
        let group = match &one.package {
            Some(package) => format!("package {package}"),
            None => format!("directory {}", one.difference.path().parent()),
        };
        groups.entry(group).or_default().push(one);
    }
    for (group, members) in groups {
        output::line(&format!("{group}:"));
        for one in members {
            let (first, second) = one.difference.values();
            output::line(&format!(
                "  {}: {}: {first} -> {second}",
                one.difference.path(),
                one.difference.aspect()
            ));
            if let Some(cause) = &one.cause {
                output::line(&format!("    {cause}"));
            }
        }
    }
}

/// Says on which level two subjects are the same: blobs, layers, trees, contents.
fn level(first: &Subject, second: &Subject, listings: (&Listing, &Listing)) -> &'static str {
    if let (Subject::Image(first), Subject::Image(second)) = (first, second) {
        if first.manifest_digest == second.manifest_digest {
            return ", the same manifest";
        }
        let diff_ids =
            |image: &Image| -> Vec<_> { image.layers.iter().map(|layer| layer.diff_id).collect() };
        if diff_ids(first) == diff_ids(second) {
            return ", the same layers, packed differently";
        }
        if listings.0 == listings.1 {
            return ", the same tree, other layers";
        }
    }
    if listings.0 == listings.1 {
        ", the same tree"
    } else if listings.0.digest(Profile::Content) == listings.1.digest(Profile::Content) {
        ", the same contents"
    } else {
        ""
    }
}

/// A tree on disk, or an image.
enum Subject {
    /// A directory.
    Tree(PathBuf, TreeRoot),
    /// An image.
    Image(Box<Image>),
}

impl Subject {
    fn open(name: &str) -> Result<Self, Failure> {
        if ImageReference::looks_like(name) {
            return Ok(Self::Image(Box::new(open(name)?)));
        }
        let path = PathBuf::from(name);
        match TreeRoot::open(&path) {
            Ok(tree) => Ok(Self::Tree(path, tree)),
            Err(error) => Err(Failure::input(&error).hint(
                "name a directory, or an image as oci:DIR[:REF], oci-archive:FILE or docker-archive:FILE",
            )),
        }
    }

    fn list(&self) -> Result<Listing, Failure> {
        match self {
            Self::Tree(path, _) => {
                rootfs::walk(path).map_err(|error: TreeError| Failure::inconclusive(&error))
            }
            Self::Image(image) => {
                let (listing, findings) = rootfs::stream(image, &Budget::default())
                    .map_err(|error| unpack_failure(&error))?;
                for finding in findings {
                    output::message("finding", &finding.to_string());
                }
                Ok(listing)
            }
        }
    }

    /// Returns the files of an image that are needed to explain differences.
    fn files(
        &self,
        differences: &[EntryDifference],
        listing: &Listing,
    ) -> Result<BTreeMap<RootfsPath, Vec<u8>>, Failure> {
        let image = match self {
            Self::Image(image) if !differences.is_empty() => image,
            Self::Image(_) | Self::Tree(..) => return Ok(BTreeMap::new()),
        };
        let differing = differences
            .iter()
            .filter(|difference| difference.aspect() == Aspect::Content)
            .map(EntryDifference::path);
        let lists = listing.entries.keys().filter(|path| is_needed(path));
        let wanted = differing.chain(lists).cloned().collect();
        rootfs::read_files(image, &wanted, &Budget::default())
            .map_err(|error| unpack_failure(&error))
    }

    fn contents<'a>(&'a self, files: &'a BTreeMap<RootfsPath, Vec<u8>>) -> Contents<'a> {
        match self {
            Self::Tree(_, tree) => Contents::Tree(tree),
            Self::Image(_) => Contents::Files(files),
        }
    }
}

fn open(name: &str) -> Result<Image, Failure> {
    let failed = |error: ImageError| {
        if matches!(error, ImageError::Read { .. }) {
            Failure::inconclusive(&error)
        } else {
            Failure::input(&error)
        }
    };
    let reference = ImageReference::parse(name).map_err(failed)?;
    image::open(&reference).map_err(failed)
}

fn unpack_failure(error: &UnpackError) -> Failure {
    if error.is_input() {
        Failure::input(error)
    } else {
        Failure::inconclusive(error)
    }
}
