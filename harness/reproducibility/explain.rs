//! Why trees differ: causes with evidence.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::{
    catalogue::{is_secret, known_offender},
    content::explain_bytes,
    difference::EntryDifference,
    packages::owners,
};
use crate::{
    outcome::Difference,
    rootfs::{RootfsPath, TreeError, TreeRoot},
};

/// Larger files are not looked into.
const LARGEST_FILE: u64 = 32 << 20;

/// A difference, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What differs.
    pub difference: EntryDifference,
    /// Why, in one sentence, where there is evidence.
    pub cause: Option<String>,
    /// The Debian package that the path belongs to.
    pub package: Option<String>,
}

impl From<&Explained> for Difference {
    fn from(explained: &Explained) -> Self {
        Self {
            cause: explained.cause.clone(),
            ..Self::from(&explained.difference)
        }
    }
}

/// Explains differences; a tree that is not on disk can't be looked into. `window` is when the trees were built, in
/// seconds since 1970.
pub fn explain(
    first: Option<&TreeRoot>,
    second: Option<&TreeRoot>,
    differences: Vec<EntryDifference>,
    window: Option<&RangeInclusive<i64>>,
) -> Result<Vec<Explained>, TreeError> {
    let paths: BTreeSet<&RootfsPath> = differences
        .iter()
        .map(EntryDifference::path)
        .filter(|path| !path.is_root())
        .collect();
    let packages = match first.or(second) {
        Some(tree) if !paths.is_empty() => owners(tree, &paths)?,
        Some(_) | None => std::collections::BTreeMap::new(),
    };
    let mut explained = Vec::with_capacity(differences.len());
    for difference in differences {
        let cause = cause(first, second, &difference, window)?;
        explained.push(Explained {
            package: packages.get(difference.path()).cloned(),
            cause,
            difference,
        });
    }
    Ok(explained)
}

fn cause(
    first: Option<&TreeRoot>,
    second: Option<&TreeRoot>,
    difference: &EntryDifference,
    window: Option<&RangeInclusive<i64>>,
) -> Result<Option<String>, TreeError> {
    let path = difference.path().as_bytes();
    let known = known_offender(path)
        .map(|offender| format!("{} (remedy: {})", offender.cause, offender.remedy));
    let detail = match difference {
        EntryDifference::Content {
            first: (first_size, _),
            second: (second_size, _),
            ..
        } => {
            if is_secret(path) {
                Some("contents of a secret file are not shown".to_owned())
            } else if *first_size.max(second_size) > LARGEST_FILE {
                None
            } else if let (Some(first), Some(second)) = (first, second) {
                let bytes = (first.read(path)?, second.read(path)?);
                bytes
                    .0
                    .zip(bytes.1)
                    .map(|(first, second)| explain_bytes(&first, &second, window))
            } else {
                None
            }
        }
        EntryDifference::Mtime { first, second, .. } => {
            let inside = |seconds| window.is_some_and(|window| window.contains(&seconds));
            if inside(first.seconds) && inside(second.seconds) {
                Some("it was written during the build".to_owned())
            } else {
                None
            }
        }
        EntryDifference::OnlyInFirst { .. }
        | EntryDifference::OnlyInSecond { .. }
        | EntryDifference::Type { .. }
        | EntryDifference::Mode { .. }
        | EntryDifference::Owner { .. }
        | EntryDifference::Target { .. }
        | EntryDifference::Device { .. }
        | EntryDifference::HardLink { .. }
        | EntryDifference::Xattr { .. } => None,
    };
    Ok(match (known, detail) {
        (Some(known), Some(detail)) => Some(format!("{known}; {detail}")),
        (known, detail) => known.or(detail),
    })
}
