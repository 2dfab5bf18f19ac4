//! Forms: the hidden fields of the page before, and bodies as browsers write them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use scraper::{ElementRef, Html, Selector};
use url::Url;

use super::{
    error::ReplayError,
    link::{Link, base},
};
use crate::{
    charset::{Charset, form as encoding},
    scenario::{Part, PartContent},
};

/// A form is looked for in so many elements around a control.
const DEEPEST: usize = 200;

/// No upload of a scenario is larger.
const LARGEST_UPLOAD: u64 = 32 << 20;

/// What a form adds to the fields that a scenario gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Its hidden fields.
    pub(super) hidden: Vec<(String, String)>,
    /// Where it leads.
    pub(super) action: Option<Link>,
    /// The names of its controls with their places in the document, in whose order browsers send them.
    places: BTreeMap<String, usize>,
}

impl Form {
    /// Returns where a field stands in the form; one that the form lacks comes last.
    pub(super) fn place(&self, name: &str) -> usize {
        self.places.get(name).copied().unwrap_or(usize::MAX)
    }
}

/// Finds the form on a page whose action is `target`; hidden fields with names in `given` are left out.
///
/// Of several forms with this action, as the search and the login of a page that is its own script, it is the one that has most
/// of the fields that are given, then the one whose action has the same query, then the first.
pub(super) fn form(
    document: &Html,
    page: &Url,
    target: &Url,
    charset: Charset,
    given: &[String],
) -> Form {
    let base = base(document, page);
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    let fitting = forms(document).into_iter().filter_map(|(form, controls)| {
        let action = form.value().attr("action").unwrap_or_default();
        let url = base.join(action).ok()?;
        let names: BTreeSet<&str> = controls.iter().filter_map(name).collect();
        let known = names.intersection(&given).count();
        let key = (known, url.query() == target.query());
        (url.path() == target.path()).then_some((key, action, controls))
    });
    // `max_by_key` takes the last of equals, a browser's user the first.
    let best = fitting.reduce(|known, next| if known.0 >= next.0 { known } else { next });
    let Some((_, action, controls)) = best else {
        return Form::default();
    };
    let mut places = BTreeMap::new();
    for (place, name) in controls.iter().filter_map(name).enumerate() {
        places.entry(name.to_owned()).or_insert(place);
    }
    let hidden = controls.iter().filter(|control| is_hidden(control));
    let hidden = hidden.filter_map(|control| {
        let value = control.value().attr("value").unwrap_or_default();
        Some((name(control)?.to_owned(), value.to_owned()))
    });
    Form {
        hidden: hidden
            .filter(|(name, _)| !given.contains(name.as_str()))
            .collect(),
        action: Link::of(action, &base, page, charset),
        places,
    }
}

fn name<'a>(control: &ElementRef<'a>) -> Option<&'a str> {
    control.value().attr("name")
}

/// Returns whether a control is a hidden field that is sent.
pub(super) fn is_hidden(control: &ElementRef<'_>) -> bool {
    let element = control.value();
    let kind = element.attr("type").unwrap_or_default().trim();
    element.name() == "input"
        && kind.eq_ignore_ascii_case("hidden")
        && element.attr("disabled").is_none()
}

/// Returns the forms of a document with their controls.
///
/// Where a form begins between rows of a table, browsers make an empty element of it, and what follows belongs to it all the same
/// (HTML, 13.2.6.4.9 and "form owner").
fn forms(document: &Html) -> Vec<(ElementRef<'_>, Vec<ElementRef<'_>>)> {
    let selector = Selector::parse("form, input, select, textarea, button");
    let selector = selector.expect("the selector is constant");
    let mut forms: Vec<(ElementRef<'_>, Vec<ElementRef<'_>>)> = Vec::new();
    for element in document.select(&selector) {
        if element.value().name() == "form" {
            forms.push((element, Vec::new()));
            continue;
        }
        let mut around = element.ancestors().take(DEEPEST);
        let around = around.find_map(|node| {
            let owner = ElementRef::wrap(node)?;
            (owner.value().name() == "form").then(|| owner.id())
        });
        let last = forms.last_mut();
        let owner = match around {
            // Forms can't stand in each other: it is the last one that began.
            Some(id) => last.filter(|(form, _)| form.id() == id),
            None => last.filter(|(form, _)| form.child_elements().next().is_none()),
        };
        if let Some((_, controls)) = owner {
            controls.push(element);
        }
    }
    forms
}

/// Writes a multipart body; returns its content type too.
pub(super) fn multipart(
    parts: &[Part],
    charset: Charset,
) -> Result<(String, Vec<u8>), ReplayError> {
    let mut encoded: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for part in parts {
        let mut head = disposition(&part.name, charset);
        match &part.content {
            PartContent::Text(text) => encoded.push((head, encoding::encode(text, charset))),
            PartContent::File {
                path,
                name,
                content_type,
            } => {
                let unreadable = |source| ReplayError::Upload {
                    path: path.clone(),
                    source,
                };
                let size = fs::metadata(path).map_err(unreadable)?.len();
                if size > LARGEST_UPLOAD {
                    return Err(ReplayError::UploadTooLarge {
                        path: path.clone(),
                        size,
                    });
                }
                head.extend_from_slice(b"; filename=\"");
                head.extend_from_slice(&quoted(name, charset));
                head.extend_from_slice(format!("\"\r\nContent-Type: {content_type}").as_bytes());
                encoded.push((head, fs::read(path).map_err(unreadable)?));
            }
        }
    }
    let boundary = boundary(&encoded);
    let mut body = Vec::new();
    for (head, content) in encoded {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(&head);
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), body))
}

/// Makes a boundary that stands nowhere in the parts, the same for the same parts.
fn boundary(parts: &[(Vec<u8>, Vec<u8>)]) -> String {
    (0_u32..=u32::MAX)
        .map(|number| format!("----migrate-verify-{number:08}"))
        .find(|boundary| {
            !parts.iter().any(|(_, content)| {
                content
                    .windows(boundary.len())
                    .any(|window| window == boundary.as_bytes())
            })
        })
        .unwrap_or_default()
}

fn disposition(name: &str, charset: Charset) -> Vec<u8> {
    let mut head = b"Content-Disposition: form-data; name=\"".to_vec();
    head.extend_from_slice(&quoted(name, charset));
    head.push(b'"');
    head
}

fn quoted(text: &str, charset: Charset) -> Vec<u8> {
    let escaped = text
        .replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    encoding::encode(&escaped, charset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_fields_of_the_matching_form_are_found() {
        let page = r#"<form action="hladaj.php"><input type=hidden name=q value=1></form>
            <FORM method=post ACTION="login.php?x=1"><input TYPE="Hidden" name="token" value="a&amp;b">
            <input type=hidden name=given value=2><input name=meno></FORM>"#;
        let url = |text: &str| Url::parse(text).unwrap();
        let fields = form(
            &Html::parse_document(page),
            &url("http://x/skola/index.php"),
            &url("http://x/skola/login.php"),
            Charset::UTF_8,
            &["given".to_owned()],
        );
        assert_eq!(fields.hidden, [("token".to_owned(), "a&b".to_owned())]);
        let places = ["token", "given", "meno", "heslo"].map(|name| fields.place(name));
        assert_eq!(places, [0, 1, 2, usize::MAX]);
    }

    #[test]
    fn of_several_forms_the_one_with_the_given_fields_is_taken() {
        let page = r#"<form action="/w.php"><input type=hidden name=do value=search><input name=q></form>
            <form action="/w.php?id=1" method=post><input type=hidden name=do value=login><input name=u><input name=p></form>
            <form action="/w.php?id=2"><input type=hidden name=do value=edit></form>"#;
        let url = |text: &str| Url::parse(text).unwrap();
        let chosen = |target: &str, given: &[&str]| {
            let given: Vec<String> = given.iter().map(|name| (*name).to_owned()).collect();
            let fields = form(
                &Html::parse_document(page),
                &url("http://x/"),
                &url(target),
                Charset::UTF_8,
                &given,
            );
            fields.hidden[0].1.clone()
        };
        assert_eq!(chosen("http://x/w.php", &["u", "p"]), "login");
        assert_eq!(chosen("http://x/w.php", &["q"]), "search");
        assert_eq!(chosen("http://x/w.php?id=2", &[]), "edit");
        assert_eq!(chosen("http://x/w.php", &[]), "search");
    }

    #[test]
    fn controls_belong_to_a_form_that_begins_between_rows_of_a_table() {
        let page = "<base href=/skola/><table><form action=a.php><tr><td><input type=hidden name=token value=k></td>\
            <td><input name=meno><input type=hidden name=no disabled></td></tr></form></table>\
            <form action=b.php><input name=q></form><input type=hidden name=lost value=x>";
        let document = Html::parse_document(page);
        let url = |text: &str| Url::parse(text).unwrap();
        let found = |target: &str| {
            let (page, target) = (url("http://x/skola/admin/c.php"), url(target));
            form(&document, &page, &target, Charset::UTF_8, &[])
        };
        let rows = found("http://x/skola/a.php");
        assert_eq!(rows.hidden, [("token".to_owned(), "k".to_owned())]);
        assert_eq!((rows.place("token"), rows.place("meno")), (0, 1));
        assert_eq!(found("http://x/skola/b.php").hidden, []);
    }

    #[test]
    fn multipart_bodies_are_written_in_the_charset_of_the_page() {
        let parts = [Part {
            name: "náz\"ov".to_owned(),
            content: PartContent::Text("ž".to_owned()),
        }];
        let (kind, body) = multipart(&parts, Charset::WINDOWS_1250).unwrap();
        assert_eq!(
            kind,
            "multipart/form-data; boundary=----migrate-verify-00000000"
        );
        assert!(body.starts_with(b"------migrate-verify-00000000\r\nContent-Disposition: form-data; name=\"n\xe1z%22ov\"\r\n\r\n\x9e\r\n"));
    }
}
