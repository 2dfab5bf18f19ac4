//! The surroundings of the second build, chosen by a seed: the same seed chooses the same.
//!
//! Every value that can be one is a sentinel: a text that no honest file holds, so that it is found where it leaked.

use std::{collections::BTreeSet, path::PathBuf};

use super::{sentinel::Sentinel, variation::Variation};
use crate::{
    digest::Sha256Digest,
    recipe::{Locale, ShiftedClock, Surroundings},
};

/// Locales of CP1250, as localedef(1) makes them: what the old servers of the region had.
const LOCALES: [&str; 4] = ["sk_SK", "cs_CZ", "pl_PL", "hu_HU"];

/// Both ends of the world, in the notation of POSIX, where the sign is that of the way back to UTC.
const TIME_ZONES: [&str; 2] = ["-14", "+12"];

/// More than a year, so that the year differs, too.
const FEWEST_DAYS: u64 = 400;

/// The variable that is added.
const VARIABLE: &str = "CAPTURE_ENVIRONMENT";

/// What a choice is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Decides everything.
    pub seed: u64,
    /// The surroundings of the first build.
    pub usual: Surroundings,
    /// Where libfaketime is on the host, if it is.
    pub clock_library: Option<PathBuf>,
    /// The processors that may be used.
    pub processors: Vec<usize>,
}

impl Choice {
    /// Returns the surroundings that differ from the usual ones in these variations.
    pub fn surroundings(&self, varied: &BTreeSet<Variation>) -> Surroundings {
        let mut chosen = self.usual.clone();
        for variation in varied {
            match variation {
                Variation::BuildPath => {
                    chosen.folder = format!("/run/{}", self.captured("build-path"));
                }
                Variation::HostName => chosen.hostname = self.captured("host-name"),
                Variation::Time => chosen.clock = self.clock(),
                Variation::TimeZone => {
                    let offset = TIME_ZONES[self.pick("time-zone", TIME_ZONES.len())];
                    chosen.time_zone = format!("<{}>{offset}", self.captured("time-zone"));
                }
                Variation::Locale => chosen.locale = self.locale(),
                Variation::Umask => chosen.umask = 0o002,
                Variation::Environment => chosen
                    .variables
                    .push((VARIABLE.to_owned(), self.captured("environment"))),
                Variation::User => {
                    chosen.user = self.captured("user");
                    chosen.home = format!("/{}", self.captured("home"));
                }
                // The disk is chosen by `disk_seed`: it is not a property of the surroundings alone.
                Variation::ReaddirOrder => {}
                Variation::Processors => {
                    let pick = self.pick("processors", self.processors.len().max(1));
                    chosen.processor = self.processors.get(pick).copied();
                }
                Variation::InstallationOrder => {
                    chosen.installation_order = Some(self.number("installation-order"));
                }
            }
        }
        chosen
    }

    /// Returns what decides the order of names in the directories of a file system of its own.
    pub fn disk_seed(&self) -> u64 {
        self.number("readdir-order")
    }

    /// Returns the texts that can be searched for.
    pub fn sentinels(&self, varied: &BTreeSet<Variation>) -> Vec<Sentinel> {
        let texts = |variation: &Variation| match variation {
            Variation::BuildPath => vec![self.captured("build-path")],
            Variation::HostName => vec![self.captured("host-name")],
            Variation::TimeZone => vec![self.captured("time-zone")],
            Variation::Locale => vec![self.locale().name],
            Variation::Environment => vec![self.captured("environment")],
            Variation::User => vec![self.captured("user"), self.captured("home")],
            Variation::Time
            | Variation::Umask
            | Variation::ReaddirOrder
            | Variation::Processors
            | Variation::InstallationOrder => Vec::new(),
        };
        let sentinels = varied.iter().flat_map(|variation| {
            texts(variation).into_iter().map(|text| Sentinel {
                variation: *variation,
                text,
            })
        });
        sentinels.collect()
    }

    /// Returns the two values of a variation, for people.
    pub fn values(&self, variation: Variation) -> (String, String) {
        let other = self.surroundings(&BTreeSet::from([variation]));
        let usual = &self.usual;
        let pair = |first: &str, second: &str| (first.to_owned(), second.to_owned());
        match variation {
            Variation::BuildPath => pair(&usual.folder, &other.folder),
            Variation::HostName => pair(&usual.hostname, &other.hostname),
            Variation::Time => {
                let days = other.clock.map_or(0, |clock| clock.days);
                pair("now", &format!("{days} days from now"))
            }
            Variation::TimeZone => (
                format!("TZ={}", usual.time_zone),
                format!("TZ={}", other.time_zone),
            ),
            Variation::Locale => (
                format!("LC_ALL={}", usual.locale.name),
                format!("LC_ALL={}", other.locale.name),
            ),
            Variation::Umask => (
                format!("{:04o}", usual.umask),
                format!("{:04o}", other.umask),
            ),
            Variation::Environment => (
                format!("no {VARIABLE}"),
                format!("{VARIABLE}={}", self.captured("environment")),
            ),
            Variation::User => (
                format!("{} at {}", usual.user, usual.home),
                format!("{} at {}", other.user, other.home),
            ),
            Variation::ReaddirOrder => (
                "that of the run's file system".to_owned(),
                format!("ext4 with hash seed {:016x}", self.disk_seed()),
            ),
            Variation::Processors => (
                format!("{} processors", self.processors.len()),
                format!("processor {} alone", other.processor.unwrap_or_default()),
            ),
            Variation::InstallationOrder => (
                "the lock's".to_owned(),
                format!(
                    "shuffled by {:016x}",
                    other.installation_order.unwrap_or_default()
                ),
            ),
        }
    }

    fn locale(&self) -> Locale {
        let source = LOCALES[self.pick("locale", LOCALES.len())];
        Locale {
            name: format!("{source}.CP1250"),
            made_of: Some((source.to_owned(), "CP1250".to_owned())),
        }
    }

    fn clock(&self) -> Option<ShiftedClock> {
        let days = FEWEST_DAYS + self.number("time") % FEWEST_DAYS;
        self.clock_library.clone().map(|library| ShiftedClock {
            library,
            days: u32::try_from(days).unwrap_or(u32::MAX),
        })
    }

    /// Returns a text that is in no honest file. A host name may have 63 characters.
    fn captured(&self, what: &str) -> String {
        format!("i-capture-the-{what}-{:08x}", self.number("token") >> 32)
    }

    fn pick(&self, what: &str, choices: usize) -> usize {
        let choices = u64::try_from(choices).unwrap_or(1);
        usize::try_from(self.number(what) % choices).unwrap_or_default()
    }

    /// Returns a number for a purpose: the digest of seed and purpose.
    fn number(&self, what: &str) -> u64 {
        let digest = Sha256Digest::of(format!("{} {what}", self.seed).as_bytes()).to_string();
        let digits = digest.rsplit(':').next().unwrap_or_default();
        u64::from_str_radix(digits.get(..16).unwrap_or_default(), 16).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(seed: u64) -> Choice {
        Choice {
            seed,
            usual: Surroundings::usual("skola"),
            clock_library: Some("/lib/libfaketime.so.1".into()),
            processors: vec![0, 1],
        }
    }

    #[test]
    fn a_seed_chooses_the_same_again_and_every_variation_another_value() {
        let all = BTreeSet::from(Variation::ALL);
        let chosen = choice(7).surroundings(&all);
        assert_eq!(chosen, choice(7).surroundings(&all));
        assert_ne!(chosen, choice(8).surroundings(&all));
        for variation in Variation::ALL {
            let (first, second) = choice(7).values(variation);
            assert_ne!(first, second, "{variation}");
        }
        let none = choice(7).surroundings(&BTreeSet::new());
        assert_eq!(none, Surroundings::usual("skola"));
    }

    #[test]
    fn what_is_searched_for_is_in_the_surroundings() {
        let all = BTreeSet::from(Variation::ALL);
        let text = format!("{:?}", choice(7).surroundings(&all));
        for sentinel in choice(7).sentinels(&all) {
            assert!(text.contains(&sentinel.text), "{}", sentinel.text);
        }
    }

    #[test]
    fn the_values_are_told_in_words() {
        let lines: Vec<String> = Variation::ALL
            .into_iter()
            .map(|variation| {
                let (first, second) = choice(7).values(variation);
                format!("{variation}: {first} | {second}")
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        build-path: /run/migrate-verify-build | /run/i-capture-the-build-path-a8e02581
        host-name: skola | i-capture-the-host-name-a8e02581
        time: now | 472 days from now
        time-zone: TZ=UTC | TZ=<i-capture-the-time-zone-a8e02581>-14
        locale: LC_ALL=C.UTF-8 | LC_ALL=pl_PL.CP1250
        umask: 0022 | 0002
        environment: no CAPTURE_ENVIRONMENT | CAPTURE_ENVIRONMENT=i-capture-the-environment-a8e02581
        user: root at /root | i-capture-the-user-a8e02581 at /i-capture-the-home-a8e02581
        readdir-order: that of the run's file system | ext4 with hash seed 3ef2d0d3d846ef56
        processors: 2 processors | processor 0 alone
        installation-order: the lock's | shuffled by a778219b28a1cc55
        ");
    }
}
