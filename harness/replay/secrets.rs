//! What a scenario sends that is nobody's business: the values of password fields.

use std::fmt::Write as _;

use super::session::is_id;
use crate::{
    charset::{Charset, Reading, form},
    outcome::Difference,
    scenario::{PartContent, Scenario, Sent},
};

/// A shorter value stands in pages by chance.
pub(super) const SHORTEST: usize = 6;

/// Parts of the names that password fields have.
const NAMES: [&str; 7] = [
    "pass", "heslo", "pwd", "passwd", "password", "secret", "kennwort",
];

/// Returns the values of a scenario's password fields, the longest first, and what pages make of them where they show them: escaped for
/// HTML, scripts and links.
pub(super) fn passwords(scenario: &Scenario) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for step in &scenario.steps {
        let mut add = |name: &str, value: &str| {
            if is_password(name) && value.len() >= SHORTEST && !value.contains("${") {
                found.extend(forms(value));
            }
        };
        let (_, query) = step.target.split_once('?').unwrap_or_default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            add(name, value);
            for charset in [Charset::UTF_8, Charset::WINDOWS_1250] {
                add(name, &form::decode(value, charset).unwrap_or_default());
            }
        }
        match &step.sent {
            Sent::Form(fields) => fields.iter().for_each(|(name, value)| add(name, value)),
            Sent::Multipart(parts) => {
                for part in parts {
                    if let PartContent::Text(value) = &part.content {
                        add(&part.name, value);
                    }
                }
            }
            Sent::Nothing | Sent::Body(_) => {}
        }
    }
    found.sort_by(|one, other| (other.len(), other).cmp(&(one.len(), one)));
    found.dedup();
    found
}

/// Takes passwords and ids of sessions out of what is reported.
pub(super) fn masked(differences: &mut [Difference], passwords: &[String], known: &[String]) {
    let ids = known.iter().filter(|value| is_id(value));
    for secret in passwords.iter().chain(ids) {
        for difference in &mut *differences {
            for text in [&mut difference.expected, &mut difference.actual] {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "****");
                }
            }
        }
    }
}

/// Returns a target whose query shows no password.
pub(super) fn without_passwords(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_password(name) && !value.contains("${") => format!("{name}=****"),
        Some(_) | None => pair.to_owned(),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// Returns a value as it is, and as pages write it.
fn forms(value: &str) -> Vec<String> {
    let html = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let mut forms = vec![
        value.to_owned(),
        html.replace('\'', "&#039;"),
        html.replace('\'', "&#39;"),
        html,
        value.replace('\'', "\\'").replace('"', "\\\""),
        in_script(value),
    ];
    for charset in [Charset::WINDOWS_1250, Charset::UTF_8] {
        let encoded = form::component(value, charset);
        forms.push(encoded.replace('+', "%20"));
        forms.push(encoded);
    }
    let misread: Vec<String> = forms.iter().flat_map(|form| misread(form)).collect();
    forms.extend(misread);
    forms
}

/// Returns what stands for a text on a page that is not in its charset: in CP1250 where the page is in UTF-8, and the other way round.
fn misread(text: &str) -> impl Iterator<Item = String> {
    let bytes = form::encode(text, Charset::WINDOWS_1250);
    let stray = Reading::Stray.decode(&bytes, Charset::UTF_8);
    let other = Reading::Other(Charset::WINDOWS_1250).decode(text.as_bytes(), Charset::UTF_8);
    let is_other = !text.is_ascii();
    stray.into_iter().chain(other).filter(move |_| is_other)
}

/// Writes a value as PHP's `json_encode` does, without the quotes around it.
fn in_script(value: &str) -> String {
    let mut written = String::new();
    for unit in value.encode_utf16() {
        match u8::try_from(unit).map(char::from) {
            Ok(letter @ ('"' | '\\' | '/')) => {
                written.push('\\');
                written.push(letter);
            }
            Ok(letter) if letter.is_ascii() => written.push(letter),
            Ok(_) | Err(_) => {
                let _infallible = write!(written, "\\u{unit:04x}");
            }
        }
    }
    written
}

/// Tells by its name whether a field holds a password.
fn is_password(name: &str) -> bool {
    let name = name.to_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_query_is_not_shown() {
        for (target, shown) in [
            ("/x?heslo=moje+heslo7&a=1", "/x?heslo=****&a=1"),
            ("/x?a=1&new_pwd=", "/x?a=1&new_pwd=****"),
            ("/x?heslo=${heslo}", "/x?heslo=${heslo}"),
            ("/x?a", "/x?a"),
            ("/heslo=x", "/heslo=x"),
        ] {
            assert_eq!(without_passwords(target), shown);
        }
    }

    #[test]
    fn a_password_is_known_in_every_form_that_pages_give_it() {
        let known = forms("tajn\u{e9} <Heslo>\"9");
        for form in [
            "tajn\u{e9} <Heslo>\"9",
            "tajn\u{e9} &lt;Heslo&gt;&quot;9",
            "tajn%E9+%3CHeslo%3E%229",
            "tajn%C3%A9%20%3CHeslo%3E%229",
            "tajn\\u00e9 <Heslo>\\\"9",
            "tajn\u{f7e9} <Heslo>\"9",
            "tajn\u{f7e9} &lt;Heslo&gt;&quot;9",
            "tajnĂ© <Heslo>\"9",
        ] {
            assert!(known.iter().any(|known| known == form), "{form}: {known:?}");
        }
    }
}
