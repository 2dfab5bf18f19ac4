//! Differences that many cases have in common, as one finding with its members.

use crate::outcome::{Case, Difference, Outcome};

/// One difference and the cases that have it.
#[derive(Clone, Debug)]
pub struct Cluster<'a> {
    /// The difference as the first of them has it.
    pub difference: &'a Difference,
    /// The cases, in their order.
    pub members: Vec<&'a Case>,
}

/// Groups the differences of cases: those that expect and find the same in the same kind of place, for the same cause, are one.
///
/// The line of a page does not count: a new footer stands on another line of every page.
pub fn clusters<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<Cluster<'a>> {
    let mut found: Vec<Cluster<'a>> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for case in cases {
        let Outcome::Different(differences) = &case.outcome else {
            continue;
        };
        for difference in differences {
            let index = *places.entry(key(difference)).or_insert_with(|| {
                found.push(Cluster {
                    difference,
                    members: Vec::new(),
                });
                found.len() - 1
            });
            let members = &mut found[index].members;
            if members.last().is_none_or(|last| last.id != case.id) {
                members.push(case);
            }
        }
    }
    found
}

impl Cluster<'_> {
    /// Returns whether a case's difference is this one.
    pub fn holds(&self, case: &Case, difference: &Difference) -> bool {
        key(self.difference) == key(difference)
            && self.members.iter().any(|member| member.id == case.id)
    }
}

/// What makes two differences the same.
fn key(difference: &Difference) -> (&str, &str, &str, &str, Option<&str>) {
    (
        place(&difference.locus),
        difference.aspect.as_ref(),
        difference.expected.as_str(),
        difference.actual.as_str(),
        difference.cause.as_deref(),
    )
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
}
