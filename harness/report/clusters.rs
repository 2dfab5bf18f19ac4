//! Differences that many cases have in common, as one finding with its members.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::{Case, Difference};

/// What stands at the end of a cause that shows characters of its own line.
const SAMPLES: &str = " (old server: ";

/// One difference and the cases that have it.
#[derive(Clone, Debug)]
pub struct Cluster<'a> {
    /// The difference as the first of them has it.
    pub difference: &'a Difference,
    /// Whether others show another text, for the same cause.
    pub is_example: bool,
    /// The cases, in their order.
    pub members: Vec<&'a Case>,
    all: Vec<&'a Difference>,
}

/// Groups the differences of cases: those that expect and find the same in the same kind of place, for the same cause, are one. Those
/// that many cases have come first.
///
/// The line of a page does not count: a new footer stands on another line of every page. Nor do the numbers beside the words that
/// differ: it tells how long each page took. An accident of charsets is one, whatever text it befell.
pub fn clusters<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<Cluster<'a>> {
    let mut found: Vec<Cluster<'a>> = Vec::new();
    let mut places = BTreeMap::new();
    for case in cases {
        for difference in case.differences() {
            let index = *places.entry(key(difference)).or_insert_with(|| {
                found.push(Cluster {
                    difference,
                    is_example: false,
                    members: Vec::new(),
                    all: Vec::new(),
                });
                found.len() - 1
            });
            let cluster = &mut found[index];
            cluster.is_example |= cluster.difference.expected != difference.expected
                || cluster.difference.actual != difference.actual;
            cluster.all.push(difference);
            if cluster.members.last().is_none_or(|last| last.id != case.id) {
                cluster.members.push(case);
            }
        }
    }
    found.sort_by_key(|cluster| std::cmp::Reverse(cluster.members.len()));
    found
}

/// Differences, each told from all others by where it lies: two cases may have equal ones.
pub(super) struct Held(BTreeSet<*const Difference>);

impl Held {
    /// Returns those of some clusters.
    pub(super) fn by(clusters: &[Cluster<'_>]) -> Self {
        let all = clusters.iter().flat_map(|cluster| &cluster.all);
        Self(all.map(|one| std::ptr::from_ref(*one)).collect())
    }

    /// Returns whether a difference is among them.
    pub(super) fn holds(&self, difference: &Difference) -> bool {
        self.0.contains(&std::ptr::from_ref(difference))
    }
}

/// What makes two differences the same: place, aspect, the two texts, cause.
type Key<'a> = (&'a str, &'a str, String, String, Option<&'a str>);

fn key(difference: &Difference) -> Key<'_> {
    let place = place(&difference.locus);
    let (mut expected, mut actual) = (difference.expected.clone(), difference.actual.clone());
    let mut cause = difference.cause.as_deref();
    let sentence = cause.and_then(|cause| cause.split_once(SAMPLES));
    if let Some((sentence, _)) = sentence.filter(|_| difference.aspect == "charset") {
        (expected, actual) = (String::new(), String::new());
        cause = Some(sentence);
    } else if place == "body line" {
        (expected, actual) = without_shared_numbers(&expected, &actual);
    }
    (place, difference.aspect.as_ref(), expected, actual, cause)
}

/// Returns two texts with `#` for the words with digits that both have, in front of what differs and behind it.
fn without_shared_numbers(expected: &str, actual: &str) -> (String, String) {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (expected.split(' ').collect(), actual.split(' ').collect());
    let same = |one: &(&&str, &&str)| one.0 == one.1;
    let before = old.iter().zip(&new).take_while(same).count();
    let rest = old[before..].iter().rev().zip(new[before..].iter().rev());
    let behind = rest.take_while(same).count();
    let plain = |words: &[&str]| {
        let differing = before..words.len() - behind;
        let word = |(place, word): (usize, &&str)| {
            let is_number = word.contains(|letter: char| letter.is_ascii_digit());
            let word = if is_number && !differing.contains(&place) {
                "#"
            } else {
                *word
            };
            word.to_owned()
        };
        let words: Vec<String> = words.iter().enumerate().map(word).collect();
        words.join(" ")
    };
    (plain(&old), plain(&new))
}

/// Returns a locus without the number at its end.
fn place(locus: &str) -> &str {
    locus
        .trim_end_matches(|character: char| character.is_ascii_digit())
        .trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::CaseId;

    #[test]
    fn equal_differences_are_one_finding_with_all_its_cases() {
        let case = |name: &str, line: u8, server: &str| {
            let footer = Difference::new(format!("body line {line}"), "text", "2009", "2010");
            let head = Difference::new("header Server", "header value", "Apache/1.3", server);
            Case::compared(CaseId::new(&["replay", name]), vec![footer, head], "x")
        };
        let cases = [
            case("a", 4, "Apache/2.2"),
            case("b", 9, "Apache/2.2"),
            case("c", 7, "nginx"),
        ];
        let shown: Vec<String> = clusters(&cases)
            .iter()
            .map(|cluster| {
                let members: Vec<&str> = cluster
                    .members
                    .iter()
                    .map(|case| case.id.as_str())
                    .collect();
                format!("{} {}", cluster.difference.actual, members.join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "2010 replay/a replay/b replay/c",
                "Apache/2.2 replay/a replay/b",
                "nginx replay/c",
            ]
        );
    }

    #[test]
    fn neither_the_numbers_of_a_page_nor_its_words_part_what_has_one_cause() {
        let case = |name: &str, differences| {
            Case::compared(CaseId::new(&["replay", name]), differences, "x")
        };
        let footer = |took: &str, token: &str, year: &str, mail: &str| {
            let text = |mail: &str| format!("<i>za {took} s {token}</i> {mail} {year}");
            Difference::new("body line 7", "text", text("webmaster"), text(mail))
        };
        let charset = |old: &str, new: &str, sample: &str| {
            let why = format!("sent as utf-8: SET NAMES (old server: {sample})");
            Difference::new("body line 2", "charset", old, new).because(why)
        };
        let cases = [
            case("own", vec![footer("0.01", "a1", "2009", "other")]),
            case(
                "a",
                vec![
                    footer("0.0123", "af01", "2009", "admin"),
                    charset("\u{17d}", "x", "8E"),
                ],
            ),
            case(
                "b",
                vec![
                    footer("0.5", "9c4b", "2010", "admin"),
                    charset("\u{e1}", "y", "E1"),
                ],
            ),
        ];
        let found = clusters(&cases);
        let shown: Vec<(&str, usize, bool)> = found
            .iter()
            .map(|one| {
                let aspect = one.difference.aspect.as_ref();
                (aspect, one.members.len(), one.is_example)
            })
            .collect();
        let expected = [("text", 2, true), ("charset", 2, true), ("text", 1, false)];
        assert_eq!(shown, expected);
        let held = Held::by(&found[..1]);
        let own = [&cases[0], &cases[1]].map(|case| held.holds(&case.differences()[0]));
        assert_eq!(own, [false, true]);
    }
}
