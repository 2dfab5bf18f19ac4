//! The search for the variation that makes a path differ: builds again, with fewer variations, until one is left.
//!
//! First a control: what differs between two builds without any variation is no variation's fault. Then each variation that
//! is suspected, alone; then halves of the rest, as long as paths are unexplained. [`Search`] decides and never builds: it
//! says which sets of variations it wants to see, and learns which paths differed.

use std::collections::{BTreeMap, BTreeSet};

use super::variation::Variation;
use crate::rootfs::RootfsPath;

/// A set of variations.
type Set = BTreeSet<Variation>;

/// Paths that differ from the first build.
type Paths = BTreeSet<RootfsPath>;

/// What makes a path differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// Nothing that was varied: two builds without any variation differ there, too.
    None,
    /// Each of these alone.
    Confirmed(Set),
    /// Only several of these together.
    Together(Set),
    /// It did not differ again, with any of them.
    NotSeenAgain,
}

/// The search, as far as it has come.
#[derive(Clone, Debug)]
pub struct Search {
    varied: Set,
    differing: Paths,
    suspects: Set,
    seen: BTreeMap<Set, Paths>,
}

impl Search {
    /// Begins a search: these variations made these paths differ, and some are suspected.
    pub fn new(varied: Set, differing: Paths, suspects: &Set) -> Self {
        Self {
            suspects: suspects.intersection(&varied).copied().collect(),
            varied,
            differing,
            seen: BTreeMap::new(),
        }
    }

    /// Takes notice of the paths that differ when only this set is varied.
    pub fn learn(&mut self, varied: Set, differing: Paths) {
        self.seen.insert(varied, differing);
    }

    /// Returns the sets that are to be built next; none where the search has ended.
    pub fn next(&self) -> Vec<Set> {
        let mut first: Vec<Set> = vec![Set::new()];
        first.extend(self.suspects.iter().map(|one| Set::from([*one])));
        first.retain(|set| !self.seen.contains_key(set));
        if !first.is_empty() {
            return first;
        }
        let mut missing = Vec::new();
        self.halve(&self.rest(), &self.unexplained(), &mut missing);
        missing
    }

    /// Returns what makes each path differ, as far as it is known.
    pub fn culprits(&self) -> BTreeMap<RootfsPath, Culprit> {
        let culprit = |path: &RootfsPath| {
            if self.differs(&Set::new(), path) {
                return Culprit::None;
            }
            let alone: Set = self
                .varied
                .iter()
                .filter(|one| self.differs(&Set::from([**one]), path))
                .copied()
                .collect();
            if !alone.is_empty() {
                return Culprit::Confirmed(alone);
            }
            let smallest = self
                .seen
                .iter()
                .filter(|(_, paths)| paths.contains(path))
                .map(|(set, _)| set)
                .min_by_key(|set| set.len());
            smallest.map_or(Culprit::NotSeenAgain, |set| Culprit::Together(set.clone()))
        };
        self.differing
            .iter()
            .map(|path| (path.clone(), culprit(path)))
            .collect()
    }

    fn differs(&self, set: &Set, path: &RootfsPath) -> bool {
        self.seen.get(set).is_some_and(|paths| paths.contains(path))
    }

    /// Returns the variations that were not suspected.
    fn rest(&self) -> Set {
        self.varied.difference(&self.suspects).copied().collect()
    }

    /// Returns the paths that neither the control nor a suspect explains.
    fn unexplained(&self) -> Paths {
        let explained = |path: &RootfsPath| {
            self.differs(&Set::new(), path)
                || self
                    .suspects
                    .iter()
                    .any(|one| self.differs(&Set::from([*one]), path))
        };
        self.differing
            .iter()
            .filter(|path| !explained(path))
            .cloned()
            .collect()
    }

    /// Halves a set that makes paths differ; collects the halves that were not yet seen.
    fn halve(&self, set: &Set, paths: &Paths, missing: &mut Vec<Set>) {
        if paths.is_empty() || set.is_empty() {
            return;
        }
        if set.len() == 1 {
            if !self.seen.contains_key(set) {
                missing.push(set.clone());
            }
            return;
        }
        let ordered: Vec<Variation> = set.iter().copied().collect();
        let (left, right) = ordered.split_at(ordered.len() / 2);
        for half in [left, right] {
            let half: Set = half.iter().copied().collect();
            match self.seen.get(&half) {
                None => missing.push(half),
                Some(differing) => {
                    let here = paths.intersection(differing).cloned().collect();
                    self.halve(&half, &here, missing);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Paths {
        names
            .iter()
            .map(|name| RootfsPath::parse(name.as_bytes()).unwrap())
            .collect()
    }

    /// A path, and whether it differs with a set of variations.
    type Rule<'a> = (&'a str, &'a dyn Fn(&Set) -> bool);

    /// Searches in a world in which each path differs by its rule; returns the culprits and how many builds it took.
    fn search(suspects: &Set, rules: &[Rule<'_>]) -> (BTreeMap<RootfsPath, Culprit>, usize) {
        let all = Set::from(Variation::ALL);
        let differing = |set: &Set| -> Paths {
            let names: Vec<&str> = rules
                .iter()
                .filter(|(_, rule)| rule(set))
                .map(|(name, _)| *name)
                .collect();
            paths(&names)
        };
        let mut search = Search::new(all.clone(), differing(&all), suspects);
        let mut builds = 0;
        loop {
            let next = search.next();
            if next.is_empty() {
                return (search.culprits(), builds);
            }
            for set in next {
                builds += 1;
                let seen = differing(&set);
                search.learn(set, seen);
            }
        }
    }

    fn of(culprits: &BTreeMap<RootfsPath, Culprit>, name: &str) -> Culprit {
        culprits[&RootfsPath::parse(name.as_bytes()).unwrap()].clone()
    }

    #[test]
    fn one_guilty_variation_is_confirmed_in_few_builds() {
        for guilty in Variation::ALL {
            let (culprits, builds) =
                search(&Set::new(), &[("file", &|set: &Set| set.contains(&guilty))]);
            let expected = Culprit::Confirmed(Set::from([guilty]));
            assert_eq!(of(&culprits, "file"), expected);
            assert!(builds <= 9, "{builds}");
        }
    }

    #[test]
    fn a_suspect_is_tried_first_and_what_it_does_not_explain_is_searched_for() {
        let suspects = Set::from([Variation::HostName]);
        let (culprits, _builds) = search(
            &suspects,
            &[
                ("host", &|set: &Set| set.contains(&Variation::HostName)),
                ("either", &|set: &Set| {
                    set.contains(&Variation::Locale) || set.contains(&Variation::Processors)
                }),
                ("random", &|_set: &Set| true),
                ("both", &|set: &Set| {
                    set.contains(&Variation::BuildPath) && set.contains(&Variation::Umask)
                }),
            ],
        );
        assert_eq!(of(&culprits, "host"), Culprit::Confirmed(suspects));
        assert_eq!(
            of(&culprits, "either"),
            Culprit::Confirmed(Set::from([Variation::Locale, Variation::Processors]))
        );
        assert_eq!(of(&culprits, "random"), Culprit::None);
        assert!(matches!(of(&culprits, "both"), Culprit::Together(set) if set.len() == 5));
    }

    #[test]
    fn a_suspect_alone_takes_two_builds() {
        let suspects = Set::from([Variation::HostName]);
        let (_culprits, builds) = search(
            &suspects,
            &[("host", &|set: &Set| set.contains(&Variation::HostName))],
        );
        assert_eq!(builds, 2);
    }
}
