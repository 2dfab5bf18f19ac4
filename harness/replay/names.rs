//! Names of values: the same name for the same value, wherever it stands in a scenario.

use std::collections::{BTreeMap, BTreeSet};

/// What is drawn anew for every answer, or every second, is called.
pub(super) const NONCE: &str = "nonce";

/// Names of values, the same for the same value wherever it stands in a scenario.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<Vec<String>, String>,
    /// What was seen in which round.
    seen: BTreeSet<(usize, String)>,
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    /// Returns whether a value of these rounds has a name.
    pub(super) fn is_known(&self, values: &[&str]) -> bool {
        let key: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        self.known.contains_key(&key)
    }

    /// Names a value by what it was in each round. Values that are equal in one round and differ in another are neither the same
    /// nor always apart, as what is drawn once a second: the later one gets a name that says nothing of others.
    pub(super) fn identity(&mut self, word: &'static str, values: &[&str]) -> String {
        let key: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        let places: Vec<(usize, String)> = key.iter().cloned().enumerate().collect();
        let at_times = places.iter().any(|place| self.seen.contains(place));
        let is_drawn = ["token", "session"].contains(&word);
        let name = self.fresh(if at_times && is_drawn { NONCE } else { word });
        self.seen.extend(places);
        self.known.insert(key, name.clone());
        name
    }

    /// Returns a name that no other value has.
    pub(super) fn fresh(&mut self, word: &'static str) -> String {
        let count = self.counts.entry(word).or_default();
        *count += 1;
        format!("{word}-{count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_equal_in_one_round_only_have_names_that_say_nothing_of_each_other() {
        let mut names = Names::default();
        let mut name = |first: &str, second: &str| names.identity("token", &[first, second]);
        assert_eq!(name("a", "x"), "token-1");
        assert_eq!(name("a", "x"), "token-1");
        assert_eq!(name("b", "y"), "token-2");
        assert_eq!(name("a", "z"), "nonce-1");
        assert_eq!(name("a", "z"), "nonce-1");
        assert!(names.is_known(&["b", "y"]) && !names.is_known(&["b", "x"]));
    }
}
