//! Why trees differ: causes with evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    accounts::{Accounts, explain_owner},
    catalogue::{is_secret, known_offender},
    content::explain_bytes,
    contents::Contents,
    difference::EntryDifference,
    packages::owners,
    sentinel::{Sentinel, Traces, leak},
    variation::Variation,
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
    /// The variations that the evidence points to.
    pub suspects: BTreeSet<Variation>,
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

/// Explains differences, as far as the trees can be looked into. `traces` is what their builds saw, where they were built
/// for comparison.
pub fn explain(
    first: Contents<'_>,
    second: Contents<'_>,
    differences: Vec<EntryDifference>,
    traces: Option<&Traces>,
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
        let (cause, suspects) = cause(&both, &difference, traces)?;
        explained.push(Explained {
            package: packages.get(difference.path()).cloned(),
            cause,
            suspects,
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

/// A cause in words, and the variations that it points to.
type Cause = (Option<String>, BTreeSet<Variation>);

fn cause(
    both: &Both<'_>,
    difference: &EntryDifference,
    traces: Option<&Traces>,
) -> Result<Cause, TreeError> {
    let path = difference.path().as_bytes();
    let known = known_offender(path)
        .map(|offender| format!("{} (remedy: {})", offender.cause, offender.remedy));
    let mut suspects = BTreeSet::new();
    let detail = match difference {
        EntryDifference::Content { .. } => content_cause(both, difference, traces, &mut suspects)?,
        EntryDifference::Mtime { first, second, .. } => {
            let inside = |seconds| traces.is_some_and(|traces| traces.window.contains(&seconds));
            (inside(first.seconds) && inside(second.seconds))
                .then(|| "it was written during the build".to_owned())
        }
        EntryDifference::Owner { first, second, .. } => {
            let renumbered = explain_owner((&both.accounts.0, &both.accounts.1), *first, *second);
            if renumbered.is_some() {
                suspects.insert(Variation::InstallationOrder);
            }
            renumbered
        }
        EntryDifference::Mode { first, second, .. } => traces
            .filter(|traces| traces.follows_umask(*first, *second))
            .map(|traces| {
                suspects.insert(Variation::Umask);
                let (first, second) = traces.umasks;
                format!("the umask leaked ({first:04o} and {second:04o})")
            }),
        EntryDifference::Target { first, second, .. } => {
            leaked(traces, (first, second), &mut suspects)
        }
        EntryDifference::Xattr { first, second, .. } => {
            let bytes = |value: &Option<Vec<u8>>| value.clone().unwrap_or_default();
            leaked(traces, (&bytes(first), &bytes(second)), &mut suspects)
        }
        EntryDifference::OnlyInSecond { path, .. } => {
            leaked(traces, (b"", path.as_bytes()), &mut suspects)
        }
        EntryDifference::OnlyInFirst { .. }
        | EntryDifference::Type { .. }
        | EntryDifference::Device { .. }
        | EntryDifference::HardLink { .. } => None,
    };
    let cause = match (known, detail) {
        (Some(known), Some(detail)) => Some(format!("{known}; {detail}")),
        (known, detail) => known.or(detail),
    };
    Ok((cause, suspects))
}

/// Explains two contents; those of a secret file are searched, but never shown.
fn content_cause(
    both: &Both<'_>,
    difference: &EntryDifference,
    traces: Option<&Traces>,
    suspects: &mut BTreeSet<Variation>,
) -> Result<Option<String>, TreeError> {
    let EntryDifference::Content {
        path,
        first: (first_size, _),
        second: (second_size, _),
    } = difference
    else {
        return Ok(None);
    };
    let first = both.first.read(path, *first_size)?;
    let Some((first, second)) = first.zip(both.second.read(path, *second_size)?) else {
        return Ok(None);
    };
    let leak = leaked(traces, (&first, &second), suspects);
    let shown = if is_secret(path.as_bytes()) {
        "contents of a secret file are not shown".to_owned()
    } else {
        explain_bytes(&first, &second, traces.map(|traces| &traces.window))
    };
    Ok(Some(match leak {
        Some(leak) => format!("{leak}; {shown}"),
        None => shown,
    }))
}

/// Searches two texts for what their builds saw.
fn leaked(
    traces: Option<&Traces>,
    (first, second): (&[u8], &[u8]),
    suspects: &mut BTreeSet<Variation>,
) -> Option<String> {
    let traces = traces?;
    let found: Vec<&Sentinel> = traces.leaked(first, second);
    suspects.extend(found.iter().map(|sentinel| sentinel.variation));
    if traces.follows_clock(first, second) {
        suspects.insert(Variation::Time);
        return Some("the clock leaked: a time of the build, and one of the shifted clock".into());
    }
    leak(&found)
}
