//! Pages compared as documents: parsed as a browser does, without regard to how the markup is written.

use std::collections::BTreeMap;

use scraper::{ElementRef, Html, Node, Selector};

/// Larger pages are not parsed: their bytes say enough.
const LARGEST: usize = 2 << 20;

/// Elements nested deeper than this take a parser quadratic time: no page of people is like that.
const DEEPEST: usize = 1_000;

/// Elements that pages leave open without nesting what follows.
const FLAT: [&str; 21] = [
    "area", "base", "br", "col", "dd", "dt", "frame", "hr", "img", "input", "li", "link", "meta",
    "option", "p", "param", "td", "th", "tr", "tbody", "thead",
];

/// What agrees of two pages whose bytes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// The documents: elements, attributes and text.
    Document,
    /// The visible text.
    Text,
    /// Nothing, and the page that came asks for a password.
    SessionLost,
    /// Nothing.
    Nothing,
}

/// Compares two pages as documents.
pub(super) fn compare(expected: &str, actual: &str) -> Agreement {
    let is_fit = |page: &str| page.len() <= LARGEST && is_page(page) && depth(page) <= DEEPEST;
    if !is_fit(expected) || !is_fit(actual) {
        return Agreement::Nothing;
    }
    let (old, new) = (Html::parse_document(expected), Html::parse_document(actual));
    if outline(&old) == outline(&new) {
        Agreement::Document
    } else if visible(&old) == visible(&new) {
        Agreement::Text
    } else if !asks_for_password(&old) && asks_for_password(&new) {
        Agreement::SessionLost
    } else {
        Agreement::Nothing
    }
}

fn is_page(text: &str) -> bool {
    let start: String = text.chars().take(4096).collect();
    let start = start.to_ascii_lowercase();
    start.contains("<html") || start.contains("<body") || start.contains("<!doctype html")
}

/// Estimates how deep elements are nested, from above.
fn depth(page: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for tag in page.split('<').skip(1) {
        if tag.starts_with('/') {
            open = open.saturating_sub(1);
            continue;
        }
        let end = tag
            .find(|character: char| !character.is_ascii_alphanumeric())
            .unwrap_or(tag.len());
        let name = tag[..end].to_ascii_lowercase();
        if !name.is_empty() && !FLAT.contains(&name.as_str()) {
            open += 1;
            deepest = deepest.max(open);
        }
    }
    deepest
}

/// Lists nodes with the number of their parents: elements with sorted attributes, text with collapsed blanks, comments.
fn outline(page: &Html) -> Vec<(usize, String)> {
    let mut numbers = BTreeMap::new();
    let mut lines: Vec<(usize, String)> = Vec::new();
    for node in page.tree.root().descendants() {
        let parent = node.parent();
        let above = parent
            .and_then(|parent| numbers.get(&parent.id()).copied())
            .unwrap_or_default();
        let line = match node.value() {
            Node::Element(element) => {
                let attributes: BTreeMap<&str, &str> = element.attrs().collect();
                format!("<{} {attributes:?}", element.name())
            }
            Node::Text(text) => {
                let verbatim = parent.is_some_and(|parent| is_verbatim(parent.value()));
                let text = if verbatim {
                    text.to_string()
                } else {
                    collapsed(text)
                };
                if text.is_empty() {
                    continue;
                }
                text
            }
            Node::Comment(comment) => format!("!{}", &**comment),
            Node::Doctype(doctype) => format!(
                "doctype {} {:?} {:?}",
                doctype.name(),
                doctype.public_id(),
                doctype.system_id()
            ),
            Node::Document | Node::Fragment | Node::ProcessingInstruction(_) => String::new(),
        };
        lines.push((above, line));
        numbers.insert(node.id(), lines.len());
    }
    lines
}

/// Whether blanks in such an element mean something.
fn is_verbatim(node: &Node) -> bool {
    node.as_element()
        .is_some_and(|element| ["pre", "textarea", "script", "style"].contains(&element.name()))
}

/// Returns what a reader sees, with collapsed blanks.
fn visible(page: &Html) -> String {
    let mut seen = String::new();
    for node in page.tree.root().descendants() {
        let Node::Text(text) = node.value() else {
            continue;
        };
        let is_hidden = node
            .parent()
            .and_then(|parent| parent.value().as_element())
            .is_some_and(|element| ["script", "style"].contains(&element.name()));
        if !is_hidden {
            seen.push_str(text);
            seen.push(' ');
        }
    }
    collapsed(&seen)
}

fn collapsed(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn asks_for_password(page: &Html) -> bool {
    let fields = Selector::parse("input").expect("the selector is constant");
    page.select(&fields).any(|field: ElementRef<'_>| {
        let kind = field.value().attr("type").unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("password")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_compared_as_a_browser_reads_them() {
        let page = "<html><body><p class=a id=\"b\">\u{e1} &amp; b</p></body></html>";
        let table = [
            (
                "<html><body><p id='b' class=\"a\">\n &aacute;  &amp; b</p></body></html>",
                Agreement::Document,
            ),
            (
                "<html><body><p id='b' class=\"c\">\u{e1} &amp; b</p></body></html>",
                Agreement::Text,
            ),
            (
                "<html><body><h1>\u{e1} &amp; b</h1></body></html>",
                Agreement::Text,
            ),
            (
                "<html><body><p class=a id=b>x</p></body></html>",
                Agreement::Nothing,
            ),
            (
                "<html><body><input type=Password></body></html>",
                Agreement::SessionLost,
            ),
            ("no page", Agreement::Nothing),
        ];
        for (other, expected) in table {
            assert_eq!(compare(page, other), expected, "{other}");
        }
        let deep = format!("<html>{}", "<div>".repeat(50_000));
        assert_eq!(compare(&deep, &deep), Agreement::Nothing);
    }
}
