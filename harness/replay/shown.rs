//! The page that is shown, and what a browser or its user takes from it for the next request.

use std::collections::BTreeSet;

use scraper::{Html, Selector};
use url::Url;

use super::{
    form::{self, Form, is_hidden},
    link::{Link, links, parameters},
};
use crate::charset::{Charset, as_browser, form as encoding};

/// A page, with its body where a later request may need it.
#[derive(Clone, Debug)]
pub(super) struct ShownPage {
    pub(super) url: Url,
    body: Vec<u8>,
    pub(super) charset: Charset,
    pub(super) step: String,
    /// Whether it holds ids of sessions.
    pub(super) holds_ids: bool,
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
    /// Takes notice of a page; without its body where no later step asks for something that is on it.
    pub(super) fn new(
        url: Url,
        charset: Charset,
        step: &str,
        body: Option<&[u8]>,
        holds_ids: bool,
    ) -> Self {
        Self {
            url,
            body: body.unwrap_or_default().to_owned(),
            charset,
            step: step.to_owned(),
            holds_ids,
        }
    }

    /// Reads the page as a browser does.
    fn document(&self) -> Html {
        Html::parse_document(&as_browser(&self.body, self.charset))
    }

    /// Returns the form whose action is `target`.
    pub(super) fn form(&self, target: &Url, given: &[String]) -> Form {
        form::form(&self.document(), &self.url, target, self.charset, given)
    }

    /// Looks for the value of `name` for a request of `target`: in links to its path that have its other parameters, in all links to
    /// its path, then in hidden fields.
    pub(super) fn value(&self, name: &str, target: &str) -> Found {
        let document = self.document();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let there: Vec<Link> = links(&document, &self.url, self.charset, true)
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
        let fields = Selector::parse("input").expect("the selector is constant");
        let hidden = document
            .select(&fields)
            .filter(|field| is_hidden(field) && field.value().attr("name") == Some(name));
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

    /// Returns where the links and frames of the page lead; nowhere where its body was not kept.
    pub(super) fn links(&self) -> Vec<Link> {
        links(&self.document(), &self.url, self.charset, false)
    }
}
