//! `rootfs diff`: what differs, grouped by cause, package and directory, and on which level two images are the same.

use std::{collections::BTreeMap, thread};

use migrate_verify::{
    image::Image,
    outcome::Verdict,
    reproducibility::{Aspect, EntryDifference, Explained, compare, explain},
    rootfs::{self, Listing},
};
use serde_json::json;

use super::{failure::Failure, output, rootfs_subject::Subject};

/// Differences by cause, by package or directory.
type Groups<'a> = BTreeMap<(bool, &'a str), BTreeMap<String, Vec<&'a Explained>>>;

/// Two trees as far as they differ.
struct Pair {
    first: Listing,
    second: Listing,
    /// How many entries the whole trees have.
    entries: (usize, usize),
}

/// Compares two trees or images.
pub(super) fn diff(json: bool, first: &str, second: &str) -> Result<Verdict, Failure> {
    let (first, second) = (Subject::open(first)?, Subject::open(second)?);
    let pair = list(&first, &second)?;
    let differences = compare(&pair.first, &pair.second);
    let level = level(&first, &second, &differences);
    let files = (first.files(&differences)?, second.files(&differences)?);
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
            "{verdict}: {} differences in {} and {} entries{level}",
            explained.len(),
            pair.entries.0,
            pair.entries.1,
        ));
    }
    Ok(verdict)
}

/// Lists both; of a tree on disk only what the other one does not have, because two whole listings are twice the memory.
fn list(first: &Subject, second: &Subject) -> Result<Pair, Failure> {
    match (first, second) {
        (Subject::Image(_), Subject::Image(_)) => {
            let (first, second) = thread::scope(|scope| {
                let second = scope.spawn(|| second.list());
                let first = first.list();
                (first, second.join().expect("listing does not panic"))
            });
            let (first, second) = (first?, second?);
            Ok(Pair {
                entries: (first.entries.len(), second.entries.len()),
                first,
                second,
            })
        }
        (Subject::Tree(first, _), Subject::Tree(second, _)) => {
            let beside = rootfs::walk_beside(first, second)
                .map_err(|error| Failure::inconclusive(&error))?;
            Ok(Pair {
                first: beside.first,
                second: beside.second,
                entries: beside.entries,
            })
        }
        (known, Subject::Tree(path, _)) => {
            let known = known.list()?;
            let against = rootfs::walk_against(path, &known)
                .map_err(|error| Failure::inconclusive(&error))?;
            Ok(Pair {
                entries: (known.entries.len(), against.len()),
                first: against.to_compare(&known),
                second: against.other,
            })
        }
        (Subject::Tree(..), known) => {
            let pair = list(known, first)?;
            Ok(Pair {
                first: pair.second,
                second: pair.first,
                entries: (pair.entries.1, pair.entries.0),
            })
        }
    }
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

/// Prints differences by cause, and what has no known cause last; by package, or by directory where no package owns a path.
fn print_differences(explained: &[Explained]) {
    let mut groups = Groups::new();
    for one in explained {
        let place = match &one.package {
            Some(package) => format!("package {package}"),
            None => format!("directory {}", one.difference.path().parent()),
        };
        let class = (one.class.is_none(), one.class.unwrap_or("not known"));
        let places = groups.entry(class).or_default();
        places.entry(place).or_default().push(one);
    }
    for ((_, class), places) in groups {
        output::line(&format!("cause: {class}"));
        for (place, members) in places {
            output::line(&format!("  {place}:"));
            for one in members {
                let (first, second) = one.difference.values();
                let (path, aspect) = (one.difference.path(), one.difference.aspect());
                output::line(&format!("    {path}: {aspect}: {first} -> {second}"));
                if let Some(cause) = &one.cause {
                    output::line(&format!("      {cause}"));
                }
            }
        }
    }
}

/// Says on which level two subjects are the same: blobs, layer tars, merged tree, contents.
fn level(first: &Subject, second: &Subject, differences: &[EntryDifference]) -> &'static str {
    let trees = differences.is_empty();
    let contents = differences
        .iter()
        .all(|difference| match difference.aspect() {
            Aspect::Mode | Aspect::Owner | Aspect::Mtime | Aspect::HardLink | Aspect::Xattr => true,
            Aspect::OnlyInFirst
            | Aspect::OnlyInSecond
            | Aspect::Type
            | Aspect::Content
            | Aspect::Target
            | Aspect::Device => false,
        });
    if let (Subject::Image(first), Subject::Image(second)) = (first, second) {
        let blobs = |image: &Image| -> Vec<_> {
            let digests = image.layers.iter().map(|layer| layer.descriptor.digest);
            digests.collect()
        };
        let tars =
            |image: &Image| -> Vec<_> { image.layers.iter().map(|layer| layer.diff_id).collect() };
        if first.manifest_digest == second.manifest_digest {
            return ", the same manifest";
        }
        if tars(first) == tars(second) {
            return if blobs(first) == blobs(second) {
                ", the same layers: only the configuration or the manifest differs"
            } else {
                ", the same layer tars: their blobs are packed differently"
            };
        }
        if trees {
            return ", the same tree, packed differently: other layers";
        }
    }
    match (trees, contents) {
        (true, _) => ", the same tree",
        (false, true) => ", the same contents: only what is around them differs",
        (false, false) => "",
    }
}
