//! Where a page leads: what its links, frames and forms hold, as a browser sends it.

use scraper::{ElementRef, Html, Selector};
use url::Url;

use crate::charset::{Charset, form::target};

/// An address on the server of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The path, resolved.
    pub(super) path: String,
    /// The query, percent-encoded in the page's charset.
    pub(super) query: String,
}

/// A parameter of a query, percent-encoded; one without `=` has no value.
pub(super) type Parameter<'a> = (&'a str, &'a str);

impl Link {
    /// Returns where an address on a page leads, if it is on the page's own server.
    pub(super) fn of(address: &str, page: &Url, charset: Charset) -> Option<Self> {
        let url = page.join(address.trim()).ok()?;
        let without_fragment = address.trim().split('#').next()?;
        let encoded = target(without_fragment, charset);
        let query = encoded.split_once('?').map(|(_, query)| query);
        (url.origin() == page.origin()).then(|| Self {
            path: url.path().to_owned(),
            query: query.unwrap_or_default().to_owned(),
        })
    }

    /// Returns the value of a parameter, percent-encoded.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = parameters(&self.query);
        parameters.find_map(|(known, value)| (known == name).then_some(value))
    }
}

/// Returns the parameters of a query.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Returns the addresses to which a page leads on its own server, in the order of the document.
pub(super) fn links(document: &Html, page: &Url, charset: Charset) -> Vec<Link> {
    let selector =
        Selector::parse("a, area, form, frame, iframe").expect("the selector is constant");
    let address = |element: ElementRef<'_>| {
        let attribute = match element.value().name() {
            "form" => "action",
            "frame" | "iframe" => "src",
            _ => "href",
        };
        Link::of(element.value().attr(attribute)?, page, charset)
    };
    document.select(&selector).filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_forms_and_frames_lead_somewhere_on_their_own_server() {
        let page = r#"<a href="detail.php?id=17&amp;t=1.A#top">x</a><a href=http://elsewhere/a.php?id=1>y</a>
            <form action="/uprav.php?S=ab"></form><iframe src="../m.php"></iframe><a>z</a><a href="mailto:x@y">m</a>
            <a href="/m.php?q=ď ž">q</a>"#;
        let url = Url::parse("http://x:8080/skola/zoznam.php").unwrap();
        let found = links(&Html::parse_document(page), &url, Charset::WINDOWS_1250);
        let shown: Vec<String> = found
            .iter()
            .map(|link| format!("{}?{}", link.path, link.query))
            .collect();
        let expected = [
            "/skola/detail.php?id=17&t=1.A",
            "/uprav.php?S=ab",
            "/m.php?",
            "/m.php?q=%EF%20%9E",
        ];
        assert_eq!(shown, expected);
        assert_eq!(found[0].parameter("id"), Some("17"));
        assert_eq!(found[0].parameter("i"), None);
    }
}
