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
    /// Returns where an address leads that is resolved against `base`, if that is on `server` and not on the page itself.
    pub(super) fn of(address: &str, base: &Url, server: &Url, charset: Charset) -> Option<Self> {
        // As browsers read it (WHATWG URL, 4.4).
        let address = address.trim().replace(['\t', '\n', '\r'], "");
        let url = base.join(&address).ok()?;
        let (address, _) = address.split_once('#').unwrap_or((&address, ""));
        let encoded = target(address, charset);
        let query = match encoded.split_once('?') {
            Some((_, query)) => query,
            // Without an address it is the base's.
            None if address.is_empty() => base.query().unwrap_or_default(),
            None => "",
        };
        (url.origin() == server.origin()).then(|| Self {
            path: url.path().to_owned(),
            query: query.to_owned(),
        })
    }

    /// Returns the value of a parameter, percent-encoded; one without a value is none.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = parameters(&self.query).filter(|(_, value)| !value.is_empty());
        parameters.find_map(|(known, value)| (known == name).then_some(value))
    }
}

/// Returns the parameters of a query.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Returns the address against which those of a page are resolved: its first `<base href>`, or its own.
pub(super) fn base(document: &Html, page: &Url) -> Url {
    let selector = Selector::parse("base[href]").expect("the selector is constant");
    let first = document.select(&selector).next();
    let address = first.and_then(|base| base.value().attr("href"));
    let base = address.and_then(|address| page.join(address.trim()).ok());
    base.unwrap_or_else(|| page.clone())
}

/// Returns where the links and frames of a page lead on its own server, in the order of the document; with `forms` also where its
/// forms do. What leads to a place on the page itself is none.
pub(super) fn links(document: &Html, page: &Url, charset: Charset, forms: bool) -> Vec<Link> {
    let base = base(document, page);
    let elements = if forms {
        "a, area, frame, iframe, form"
    } else {
        "a, area, frame, iframe"
    };
    let selector = Selector::parse(elements).expect("the selector is constant");
    let address = |element: ElementRef<'_>| {
        let attribute = match element.value().name() {
            "form" => "action",
            "frame" | "iframe" => "src",
            _ => "href",
        };
        let address = element.value().attr(attribute)?;
        if address.trim().starts_with('#') {
            return None;
        }
        Link::of(address, &base, page, charset)
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
        let found = links(
            &Html::parse_document(page),
            &url,
            Charset::WINDOWS_1250,
            true,
        );
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

    #[test]
    fn addresses_are_resolved_against_the_base_and_a_place_on_the_page_is_no_link() {
        let page = "<base href=/skola/><base href=/nie/><a href='#dole'>a</a><a href=''>b</a><a href='a.php?id=1\n7'>c</a>\
            <a href='?x=1'>d</a><form action='?x='></form>";
        let url = Url::parse("http://x/skola/admin/b.php?y=2").unwrap();
        let document = Html::parse_document(page);
        let found = links(&document, &url, Charset::WINDOWS_1250, false);
        let shown: Vec<String> = found
            .iter()
            .map(|link| format!("{}?{}", link.path, link.query))
            .collect();
        assert_eq!(shown, ["/skola/?", "/skola/a.php?id=17", "/skola/?x=1"]);
        let all = links(&document, &url, Charset::WINDOWS_1250, true);
        assert_eq!((all.len(), all[3].parameter("x")), (4, None));
        let own = links(
            &Html::parse_document("<a href>"),
            &url,
            Charset::UTF_8,
            false,
        );
        assert_eq!(
            (own[0].path.as_str(), own[0].query.as_str()),
            ("/skola/admin/b.php", "y=2")
        );
    }
}
