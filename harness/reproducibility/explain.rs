//! Why trees differ: causes with evidence.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use super::{
    accounts::{Accounts, explain_owner},
    catalogue::{is_secret, known_offender},
    cause::class,
    content::explain_bytes,
    contents::Contents,
    difference::EntryDifference,
    packages::owners,
};
use crate::{
    outcome::Difference,
    rootfs::{RootfsPath, TreeError},
};

/// A difference, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What differs.
    pub difference: EntryDifference,
    /// Why, in one sentence, where there is evidence.
    pub cause: Option<String>,
    /// The class of that cause, for grouping.
    pub class: Option<&'static str>,
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

/// Explains differences, as far as the trees can be looked into. `window` is when the trees were built, in
/// seconds since 1970.
pub fn explain(
    first: Contents<'_>,
    second: Contents<'_>,
    differences: Vec<EntryDifference>,
    window: Option<&RangeInclusive<i64>>,
) -> Result<Vec<Explained>, TreeError> {
    let paths: BTreeSet<&RootfsPath> = differences
        .iter()
        .map(EntryDifference::path)
        .filter(|path| !path.is_root())
        .collect();
    let packages = if paths.is_empty() {
        BTreeMap::new()
    } else {
        let mut packages = owners(first, &paths)?;
        if packages.is_empty() {
            packages = owners(second, &paths)?;
        }
        packages
    };
    let both = Both {
        first,
        second,
        accounts: (Accounts::read(first)?, Accounts::read(second)?),
    };
    let mut explained = Vec::with_capacity(differences.len());
    for difference in differences {
        let cause = cause(&both, &difference, window)?;
        explained.push(Explained {
            class: class(&difference, cause.as_deref()),
            package: packages.get(difference.path()).cloned(),
            cause,
            difference,
        });
    }
    Ok(explained)
}

/// The two trees, as far as they can be looked into.
struct Both<'a> {
    first: Contents<'a>,
    second: Contents<'a>,
    accounts: (Accounts, Accounts),
}

fn cause(
    both: &Both<'_>,
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
            } else {
                let path = difference.path();
                let bytes = (
                    both.first.read(path, *first_size)?,
                    both.second.read(path, *second_size)?,
                );
                bytes
                    .0
                    .zip(bytes.1)
                    .map(|(first, second)| explain_bytes(&first, &second, window))
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
        EntryDifference::Owner { first, second, .. } => {
            explain_owner((&both.accounts.0, &both.accounts.1), *first, *second)
        }
        EntryDifference::OnlyInFirst { .. }
        | EntryDifference::OnlyInSecond { .. }
        | EntryDifference::Type { .. }
        | EntryDifference::Mode { .. }
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
