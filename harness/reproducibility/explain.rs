//! Why trees differ: causes with evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    accounts::{Accounts, explain_owner},
    catalogue::{is_secret, known_offender},
    cause::{CauseClass, Evidence, class},
    content::explain_bytes,
    contents::Contents,
    difference::EntryDifference,
    evidence::{in_contents, of_sentinels},
    moment::year_of,
    numbers::Known,
    packages::owners,
    sentinel::Traces,
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
    /// The class of that cause, for grouping.
    pub class: Option<&'static str>,
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
        let (class, cause, suspects) = cause(&both, &difference, traces)?;
        explained.push(Explained {
            class,
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

/// The bytes of one file in both trees.
type TwoContents = (Vec<u8>, Vec<u8>);

/// A cause: its class, in words, and the variations that it points to.
type Cause = (Option<&'static str>, Option<String>, BTreeSet<Variation>);

fn cause(
    both: &Both<'_>,
    difference: &EntryDifference,
    traces: Option<&Traces>,
) -> Result<Cause, TreeError> {
    let mut known = known_offender(difference.path().as_bytes());
    let mut evidence = entry_evidence(both, difference, traces);
    let mut shown = None;
    if let Some((first, second)) = both.contents(difference)? {
        known = known.filter(|offender| offender.explains(&first, &second));
        if let Some(traces) = traces {
            evidence.extend(in_contents(&first, &second, traces, both.known(traces)));
        }
        shown = Some(if is_secret(difference.path().as_bytes()) {
            "contents of a secret file are not shown".to_owned()
        } else {
            explain_bytes(&first, &second, traces.map(|traces| &traces.window))
        });
    }
    let suspects = evidence.iter().filter_map(|one| one.suspect).collect();
    let secret = is_secret(difference.path().as_bytes());
    let evidence = evidence.iter().map(|one| {
        if secret {
            // What was found is a part of the secret file.
            one.class.as_str().to_owned()
        } else {
            one.to_string()
        }
    });
    let usual = known.map(|offender| format!("{} (remedy: {})", offender.cause, offender.remedy));
    let parts: Vec<String> = usual.into_iter().chain(evidence).chain(shown).collect();
    let cause = (!parts.is_empty()).then(|| parts.join("; "));
    Ok((class(known, cause.as_deref()), cause, suspects))
}

/// Lists what the entry itself says, without its content.
fn entry_evidence(
    both: &Both<'_>,
    difference: &EntryDifference,
    traces: Option<&Traces>,
) -> Vec<Evidence> {
    let evidence = |class, found: String, suspect| {
        vec![Evidence {
            class,
            found,
            suspect,
        }]
    };
    let leaked = |first: &[u8], second: &[u8]| {
        traces.map_or_else(Vec::new, |traces| {
            of_sentinels(&traces.leaked(first, second))
        })
    };
    match difference {
        EntryDifference::Mtime { first, second, .. } => {
            let written_then = traces.is_some_and(|traces| {
                let (one, other) = traces.windows();
                let inside = |seconds| one.contains(&seconds) || other.contains(&seconds);
                inside(first.seconds) && inside(second.seconds)
            });
            if !written_then {
                return Vec::new();
            }
            evidence(
                CauseClass::Time,
                "it was written during the build".to_owned(),
                None,
            )
        }
        EntryDifference::Owner { first, second, .. } => {
            match explain_owner((&both.accounts.0, &both.accounts.1), *first, *second) {
                Some(found) => evidence(
                    CauseClass::UserIds,
                    found,
                    Some(Variation::InstallationOrder),
                ),
                None => Vec::new(),
            }
        }
        EntryDifference::Mode { first, second, .. } => match traces {
            Some(traces) if traces.follows_umask(*first, *second) => {
                let (first, second) = traces.umasks;
                let found = format!("the umask leaked ({first:04o} and {second:04o})");
                evidence(CauseClass::Sentinel, found, Some(Variation::Umask))
            }
            Some(_) | None => Vec::new(),
        },
        EntryDifference::Target { first, second, .. } => leaked(first, second),
        EntryDifference::Xattr { first, second, .. } => {
            let bytes = |value: &Option<Vec<u8>>| value.clone().unwrap_or_default();
            leaked(&bytes(first), &bytes(second))
        }
        EntryDifference::OnlyInSecond { path, .. } => leaked(b"", path.as_bytes()),
        EntryDifference::Content { .. }
        | EntryDifference::OnlyInFirst { .. }
        | EntryDifference::Type { .. }
        | EntryDifference::Device { .. }
        | EntryDifference::HardLink { .. } => Vec::new(),
    }
}

impl Both<'_> {
    /// Returns the two contents of a file, as far as they can be looked into.
    fn contents(&self, difference: &EntryDifference) -> Result<Option<TwoContents>, TreeError> {
        let EntryDifference::Content {
            path,
            first: (first_size, _),
            second: (second_size, _),
        } = difference
        else {
            return Ok(None);
        };
        let first = self.first.read(path, *first_size)?;
        Ok(first.zip(self.second.read(path, *second_size)?))
    }

    /// Returns what numbers may be.
    fn known<'a>(&'a self, traces: &'a Traces) -> Known<'a> {
        let windows = traces.windows();
        Known {
            years: (year_of(&windows.0), year_of(&windows.1)),
            files: (&traces.files.0, &traces.files.1),
            processors: traces.processors,
            accounts: (&self.accounts.0, &self.accounts.1),
        }
    }
}
