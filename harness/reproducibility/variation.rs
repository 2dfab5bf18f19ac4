//! In what two builds differ on purpose, and which of it is asked for: `--vary +time,-locale`.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// One way in which two builds differ on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variation {
    /// The folder in which the build works.
    BuildPath,
    /// The host name.
    HostName,
    /// The clock.
    Time,
    /// `TZ`.
    TimeZone,
    /// `LC_ALL`: a UTF-8 locale and a CP1250 one.
    Locale,
    /// The file mode creation mask.
    Umask,
    /// One more variable.
    Environment,
    /// `USER`, `LOGNAME` and `HOME`.
    User,
    /// In which order directories list their names.
    ReaddirOrder,
    /// How many processors there are.
    Processors,
    /// In which order packages are unpacked and configured.
    InstallationOrder,
}

impl Variation {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::BuildPath,
        Self::HostName,
        Self::Time,
        Self::TimeZone,
        Self::Locale,
        Self::Umask,
        Self::Environment,
        Self::User,
        Self::ReaddirOrder,
        Self::Processors,
        Self::InstallationOrder,
    ];

    /// Returns its word on the command line and in the ids of cases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuildPath => "build-path",
            Self::HostName => "host-name",
            Self::Time => "time",
            Self::TimeZone => "time-zone",
            Self::Locale => "locale",
            Self::Umask => "umask",
            Self::Environment => "environment",
            Self::User => "user",
            Self::ReaddirOrder => "readdir-order",
            Self::Processors => "processors",
            Self::InstallationOrder => "installation-order",
        }
    }

    /// Returns what it is called in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::BuildPath => "the build path",
            Self::HostName => "the host name",
            Self::Time => "the clock",
            Self::TimeZone => "the time zone",
            Self::Locale => "the locale",
            Self::Umask => "the umask",
            Self::Environment => "the environment",
            Self::User => "user or home",
            Self::ReaddirOrder => "the order of directories",
            Self::Processors => "the number of processors",
            Self::InstallationOrder => "the installation order",
        }
    }
}

impl fmt::Display for Variation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word that names no variation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// It has no sign.
    #[error("`{0}` needs a sign: `+{0}` varies it, `-{0}` does not")]
    Sign(String),
    /// It is unknown.
    #[error("there is no variation `{word}`; there are {}, and all", names())]
    Unknown {
        /// The word, without its sign.
        word: String,
    },
}

fn names() -> String {
    Variation::ALL.map(Variation::as_str).join(", ")
}

/// What is asked for beside the default, which is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Asked for by name: where nothing could vary, it is told as something that could not be done.
    pub wanted: BTreeSet<Variation>,
    /// Switched off by name.
    pub unwanted: BTreeSet<Variation>,
}

impl FromStr for Selection {
    type Err = SelectionError;

    /// Reads `+time,-locale`, from left to right; `all` stands for every variation.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut selection = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let (on, name) = match (word.strip_prefix('+'), word.strip_prefix('-')) {
                (Some(name), _) => (true, name),
                (None, Some(name)) => (false, name),
                (None, None) => return Err(SelectionError::Sign(word.to_owned())),
            };
            let named: Vec<Variation> = Variation::ALL
                .into_iter()
                .filter(|variation| name == "all" || variation.as_str() == name)
                .collect();
            if named.is_empty() {
                return Err(SelectionError::Unknown {
                    word: name.to_owned(),
                });
            }
            for variation in named {
                let (to, from) = if on {
                    (&mut selection.wanted, &mut selection.unwanted)
                } else {
                    (&mut selection.unwanted, &mut selection.wanted)
                };
                from.remove(&variation);
                to.insert(variation);
            }
        }
        Ok(selection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str) -> Vec<&'static str> {
        let selection: Selection = text.parse().unwrap();
        Variation::ALL
            .into_iter()
            .filter(|variation| !selection.unwanted.contains(variation))
            .map(Variation::as_str)
            .collect()
    }

    #[test]
    fn words_with_signs_change_the_default_from_left_to_right() {
        assert_eq!(has("").len(), Variation::ALL.len());
        assert_eq!(has("-all,+time,+locale"), ["time", "locale"]);
        assert_eq!(has("+all,-umask").len(), Variation::ALL.len() - 1);
        assert!(!has("+locale,-locale").contains(&"locale"));
    }

    #[test]
    fn a_word_that_is_no_variation_is_refused_by_name() {
        let error = |text: &str| text.parse::<Selection>().unwrap_err().to_string();
        insta::assert_snapshot!(error("time"), @"`time` needs a sign: `+time` varies it, `-time` does not");
        insta::assert_snapshot!(error("-kernel"), @"there is no variation `kernel`; there are build-path, host-name, time, time-zone, locale, umask, environment, user, readdir-order, processors, installation-order, and all");
    }
}
