//! How a snapshot's file tells pages that are not in the charset that a browser uses for them: `read_as: "windows-1250"` for another
//! charset, `stray: 3` for bytes of no charset, each of which stands in the page as `\xe8`.

use std::borrow::Cow;

use super::{model::Body, template::Template};
use crate::charset::{Charset, Reading};

/// Returns a page as its file shows it.
pub(super) fn shown(template: &Template, reading: Reading) -> Cow<'_, Template> {
    match reading {
        Reading::Declared | Reading::Other(_) => Cow::Borrowed(template),
        Reading::Stray => Cow::Owned(template.map(|text| reading.show(text).into_owned())),
    }
}

/// Returns the line of the front matter, where there is one.
pub(super) fn line(reading: Reading, body: &Body) -> Option<String> {
    match (reading, body) {
        (Reading::Other(charset), _) => Some(format!("  read_as: \"{charset}\"")),
        (Reading::Stray, Body::Text(template)) => {
            Some(format!("  stray: {}", stray_bytes(template)))
        }
        (Reading::Declared, _) | (Reading::Stray, Body::Binary { .. }) => None,
    }
}

/// Returns how a page is read.
pub(super) fn reading(read_as: Option<&str>, stray: Option<usize>) -> Result<Reading, String> {
    match (read_as, stray) {
        (None, None) => Ok(Reading::Declared),
        (None, Some(_)) => Ok(Reading::Stray),
        (Some(name), None) => Charset::for_label(name)
            .map(Reading::Other)
            .ok_or_else(|| format!("`{name}` is no charset")),
        (Some(_), Some(_)) => Err("it is read in two ways".to_owned()),
    }
}

/// Takes a page from how its file shows it.
pub(super) fn read(body: Body, reading: Reading, stray: Option<usize>) -> Result<Body, String> {
    match (reading, body) {
        (Reading::Stray, Body::Text(shown)) => {
            let page = shown.map(|text| Reading::Stray.parse(text).into_owned());
            if stray != Some(stray_bytes(&page)) {
                return Err("it has not the stray bytes that it says".to_owned());
            }
            Ok(Body::Text(page))
        }
        (Reading::Other(_) | Reading::Stray, Body::Binary { .. }) => {
            Err("its bytes are no text that could be read".to_owned())
        }
        (Reading::Declared | Reading::Other(_), body) => Ok(body),
    }
}

/// Counts the stray bytes of a page that is read with them.
fn stray_bytes(template: &Template) -> usize {
    let segments = template.segments().iter();
    segments.map(|text| Reading::Stray.stray_bytes(text)).sum()
}
