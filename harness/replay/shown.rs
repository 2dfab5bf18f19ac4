//! The page that is shown, and what a browser or its user takes from it for the next request.

use std::collections::BTreeSet;

use scraper::{Html, Selector};
use url::Url;

use super::{
    form::{self, Form},
    link::{Link, links, parameters},
};
use crate::{
    charset::{Charset, decode_exactly, form as encoding},
    exchange::Answer,
};

/// The name under which PHP keeps its sessions as it comes.
const PHP_SESSION: &str = "PHPSESSID";

/// No session id is shorter.
const SHORTEST_ID: usize = 16;

/// A page, with its body where a later request may need it.
#[derive(Clone, Debug)]
pub(super) struct ShownPage {
    pub(super) url: Url,
    body: Vec<u8>,
    pub(super) charset: Charset,
    pub(super) step: String,
    /// Parameters that hold a session's id where links have them.
    sessions: Vec<String>,
}

/// What was found on a page under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// One value, percent-encoded in the page's charset, and what it is.
    One {
        value: String,
        what: &'static str,
    },
    /// So many values: nobody knows which one is meant.
    Several(usize),
}

impl ShownPage {
    /// Takes notice of an answer; `keeps_body` where a later step asks for something that is on the page.
    pub(super) fn new(
        url: Url,
        charset: Charset,
        step: &str,
        answer: &Answer,
        keeps_body: bool,
    ) -> Self {
        let sessions = sessions(answer);
        Self {
            url,
            body: if keeps_body || !sessions.is_empty() {
                answer.body.clone()
            } else {
                Vec::new()
            },
            charset,
            step: step.to_owned(),
            sessions,
        }
    }

    /// Decodes the page; nothing where its bytes are not what its charset says.
    fn document(&self) -> Option<Html> {
        let decoded = decode_exactly(&self.body, self.charset).ok()?;
        Some(Html::parse_document(&decoded.text))
    }

    /// Returns the form whose action is `target`.
    pub(super) fn form(&self, target: &Url, given: &[String]) -> Form {
        self.document().map_or_else(Form::default, |document| {
            form::form(&document, &self.url, target, given)
        })
    }

    /// Looks for the value of `name` for a request of `target`: in links to its path that have its other parameters, in all links to
    /// its path, then in hidden fields.
    pub(super) fn value(&self, name: &str, target: &str) -> Found {
        let Some(document) = self.document() else {
            return Found::Nothing;
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let there: Vec<Link> = links(&document, &self.url, self.charset)
            .into_iter()
            .filter(|link| link.path == path && link.parameter(name).is_some())
            .collect();
        let known: Vec<_> = parameters(query)
            .filter(|(_, value)| !value.contains("${"))
            .collect();
        let fits = |link: &&Link| {
            let mut known = known.iter();
            known.all(|(name, value)| link.parameter(name) == Some(*value))
        };
        let values = |links: &mut dyn Iterator<Item = &Link>| -> BTreeSet<String> {
            let values = links.filter_map(|link| link.parameter(name));
            values.map(str::to_owned).collect()
        };
        let fields = Selector::parse("input[type=hidden i]").expect("the selector is constant");
        let hidden = document
            .select(&fields)
            .filter(|field| field.value().attr("name") == Some(name));
        let hidden = hidden.filter_map(|field| field.value().attr("value"));
        let hidden = hidden.map(|value| encoding::component(value, self.charset));
        let layers = [
            (values(&mut there.iter().filter(fits)), "link parameter"),
            (values(&mut there.iter()), "link parameter"),
            (hidden.collect(), "hidden field"),
        ];
        let first = layers.into_iter().find(|(values, _)| !values.is_empty());
        first.map_or(Found::Nothing, |(values, what)| {
            let count = values.len();
            match values.into_iter().next() {
                Some(value) if count == 1 => Found::One { value, what },
                Some(_) | None => Found::Several(count),
            }
        })
    }

    /// Returns the query that the page's own links to `target` have, where they have a session's id in addition, with the parameter
    /// and the id: who follows a link sends it. Nothing where the page also leads there without one, or with several.
    pub(super) fn session_query(&self, target: &str) -> Option<(String, String, String)> {
        if self.sessions.is_empty() {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let wanted: Vec<_> = parameters(query).collect();
        let mut found = BTreeSet::new();
        for link in links(&self.document()?, &self.url, self.charset) {
            if link.path != path {
                continue;
            }
            let (sessions, others): (Vec<_>, Vec<_>) = parameters(&link.query)
                .partition(|(name, value)| self.is_session(name) && is_id(value));
            if others != wanted {
                continue;
            }
            let &[(name, id)] = sessions.as_slice() else {
                return None;
            };
            let (name, id) = (name.to_owned(), id.to_owned());
            found.insert((link.query.clone(), name, id));
        }
        let one = found.pop_first();
        one.filter(|_| found.is_empty())
    }

    fn is_session(&self, name: &str) -> bool {
        self.sessions.iter().any(|known| known == name)
    }
}

/// Returns the parameters in which a page's links may hold a session's id, where the page has such a thing at all: PHP's, and the
/// cookies that came with it.
fn sessions(answer: &Answer) -> Vec<String> {
    let lines = answer.headers.iter().filter(|line| line.is("set-cookie"));
    let cookies = lines.filter_map(|line| {
        let text = line.value_text();
        let (name, value) = text.split(';').next()?.split_once('=')?;
        is_id(value.trim()).then(|| name.trim().to_owned())
    });
    let names = cookies.chain([PHP_SESSION.to_owned()]);
    let names: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
    let is_there = |name: &String| {
        let wanted = format!("{name}=");
        memchr::memmem::find(&answer.body, wanted.as_bytes()).is_some()
    };
    names.into_iter().filter(is_there).collect()
}

/// Returns whether a value may be a session's id: letters, digits, `-` and `,` as PHP draws them.
fn is_id(value: &str) -> bool {
    let mut bytes = value.bytes();
    value.len() >= SHORTEST_ID
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-,".contains(&byte))
}
