//! The ids of sessions that no cookie carries: PHP puts them into links and forms (`session.use_trans_sid`).

use std::collections::BTreeSet;

use super::link::{Link, parameters};

/// The name under which PHP keeps its sessions as it comes.
const PHP_NAME: &str = "PHPSESSID";

/// No id is shorter.
const SHORTEST: usize = 16;

/// So many of one page are remembered.
const MOST: usize = 20;

/// What a link sends in addition to what is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SessionQuery {
    /// The whole query.
    pub(super) query: String,
    /// The parameter that holds the id.
    pub(super) name: String,
}

/// The names under which sessions are kept: PHP's, and those of cookies that hold such an id.
#[derive(Clone, Debug)]
pub(super) struct SessionNames(BTreeSet<String>);

impl SessionNames {
    /// Takes the cookies, each a name and a value.
    pub(super) fn of<'a>(cookies: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let sessions = cookies.filter(|(name, value)| !name.is_empty() && is_id(value));
        let names = sessions.map(|(name, _)| name).chain([PHP_NAME]);
        Self(names.map(str::to_owned).collect())
    }

    /// Finds ids in a page: in links, `PHPSESSID=…`, and in the hidden fields that PHP adds to forms.
    pub(super) fn ids(&self, body: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for name in &self.0 {
            for before in [format!("{name}="), format!("name=\"{name}\" value=\"")] {
                let places = memchr::memmem::find_iter(body, before.as_bytes());
                let ids = places.filter_map(|at| {
                    let rest = &body[at + before.len()..];
                    let length = rest.iter().take_while(|byte| is_of_id(**byte)).count();
                    str::from_utf8(&rest[..length]).ok()
                });
                found.extend(ids.filter(|id| is_id(id)).take(MOST).map(str::to_owned));
            }
        }
        found
    }

    /// Returns the query that links to `target` have where they have an id in addition: who follows one sends it. Nothing where one of them leads
    /// there without an id, or where they differ.
    pub(super) fn query(&self, target: &str, links: &[Link]) -> Option<SessionQuery> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let wanted: Vec<_> = parameters(query).collect();
        let mut found = BTreeSet::new();
        for link in links.iter().filter(|link| link.path == path) {
            let (sessions, others): (Vec<_>, Vec<_>) = parameters(&link.query)
                .partition(|(name, value)| self.0.contains(*name) && is_id(value));
            if others != wanted {
                continue;
            }
            let &[(name, _)] = sessions.as_slice() else {
                return None;
            };
            found.insert(SessionQuery {
                query: link.query.clone(),
                name: name.to_owned(),
            });
        }
        let one = found.pop_first();
        one.filter(|_| found.is_empty())
    }
}

/// Returns whether a value may be a session's id: letters, digits, `-` and `,` as PHP draws them.
pub(super) fn is_id(value: &str) -> bool {
    value.len() >= SHORTEST && value.bytes().all(is_of_id)
}

fn is_of_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-,".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_links_and_in_the_fields_that_php_adds() {
        let names = SessionNames::of([("skola", "0123456789abcdef"), ("lang", "sk")].into_iter());
        let page = b"<a href='?PHPSESSID=fedcba9876543210&amp;x'><a href=?lang=slovakslovakslovak>\
            <input type=\"hidden\" name=\"skola\" value=\"00112233445566778899\" /> PHPSESSID=short";
        let ids: Vec<String> = names.ids(page).into_iter().collect();
        assert_eq!(ids, ["00112233445566778899", "fedcba9876543210"]);
    }

    #[test]
    fn an_id_is_sent_where_all_links_to_a_page_have_the_same_one() {
        const ID: &str = "0123456789abcdef0123456789abcdef";
        let with = |text: &str| text.replace("SID", &format!("PHPSESSID={ID}"));
        let other = format!("PHPSESSID={}", ID.replace('0', "f"));
        let names = SessionNames::of(std::iter::empty());
        let table = [
            ("/a?SID", "/a", Some("SID")),
            ("/a?SID", "/b", None),
            ("/a?x=1&SID", "/a", None),
            ("/a?x=1&SID", "/a?x=1", Some("x=1&SID")),
            ("/a?SID&x=1", "/a?x=1", Some("SID&x=1")),
            ("/a?SID /a?SID", "/a", Some("SID")),
            ("/a?SID /a", "/a", None),
            ("/a?SID /a?OTHER", "/a", None),
            ("/a?SID", "/a?SID", None),
            ("/a?PHPSESSID=1", "/a", None),
            ("/a?lang=sk", "/a", None),
        ];
        for (addresses, target, expected) in table {
            let addresses = with(addresses).replace("OTHER", &other);
            let links = addresses.split(' ').map(|address| {
                let (path, query) = address.split_once('?').unwrap_or((address, ""));
                Link {
                    path: path.to_owned(),
                    query: query.to_owned(),
                }
            });
            let links: Vec<Link> = links.collect();
            let found = names.query(&with(target), &links).map(|found| found.query);
            assert_eq!(found, expected.map(with), "{addresses} {target}");
        }
    }
}
