//! Forms: the hidden fields of the page before, and bodies as browsers write them.

use std::fs;

use scraper::{ElementRef, Html, Selector};
use url::Url;

use super::error::ReplayError;
use crate::{
    charset::{Charset, form as encoding},
    scenario::{Part, PartContent},
};

/// No upload of a scenario is larger.
const LARGEST_UPLOAD: u64 = 32 << 20;

/// What a form adds to the fields that a scenario gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Its hidden fields.
    pub(super) hidden: Vec<(String, String)>,
    /// The names of its controls, in the order of the document, in which browsers send them.
    order: Vec<String>,
}

impl Form {
    /// Returns where a field stands in the form; one that the form lacks comes last.
    pub(super) fn place(&self, name: &str) -> usize {
        let place = self.order.iter().position(|known| known == name);
        place.unwrap_or(self.order.len())
    }
}

/// Finds the form on a page whose action is `target`; hidden fields with names in `given` are left out.
///
/// Of several forms with this action, as the search and the login of a page that is its own script, it is the one that has most
/// of the fields that are given, then the one whose action has the same query, then the first.
pub(super) fn form(document: &Html, page_url: &Url, target: &Url, given: &[String]) -> Form {
    let forms = Selector::parse("form").expect("the selector is constant");
    let inputs = Selector::parse("input").expect("the selector is constant");
    let fitting = document.select(&forms).filter_map(|form| {
        let action = form.value().attr("action").unwrap_or_default();
        let action = page_url.join(action).ok()?;
        let same_query = action.query() == target.query();
        (action.path() == target.path()).then(|| ((fields_of(form, given), same_query), form))
    });
    // `max_by_key` takes the last of equals, a browser's user the first.
    let best = fitting.fold(
        None,
        |best: Option<((usize, bool), ElementRef<'_>)>, next| match best {
            Some(known) if known.0 >= next.0 => Some(known),
            Some(_) | None => Some(next),
        },
    );
    let Some((_, form)) = best else {
        return Form::default();
    };
    let hidden = form
        .select(&inputs)
        .filter(|input| {
            input
                .value()
                .attr("type")
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("hidden"))
        })
        .filter_map(|input| {
            let name = input.value().attr("name")?;
            let value = input.value().attr("value").unwrap_or_default();
            Some((name.to_owned(), value.to_owned()))
        })
        .filter(|(name, _)| !given.contains(name))
        .collect();
    Form {
        hidden,
        order: controls(form).map(str::to_owned).collect(),
    }
}

/// Counts the given fields that a form has.
fn fields_of(form: ElementRef<'_>, given: &[String]) -> usize {
    let names: Vec<&str> = controls(form).collect();
    given
        .iter()
        .filter(|name| names.contains(&name.as_str()))
        .count()
}

/// Returns the names of a form's controls.
fn controls(form: ElementRef<'_>) -> impl Iterator<Item = &str> {
    let controls =
        Selector::parse("input, select, textarea, button").expect("the selector is constant");
    let names: Vec<&str> = form
        .select(&controls)
        .filter_map(|control| control.value().attr("name"))
        .collect();
    names.into_iter()
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
            &["given".to_owned()],
        );
        assert_eq!(fields.hidden, [("token".to_owned(), "a&b".to_owned())]);
        let places = ["token", "given", "meno", "heslo"].map(|name| fields.place(name));
        assert_eq!(places, [0, 1, 2, 3]);
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
