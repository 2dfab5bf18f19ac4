//! What a scenario sends that is nobody's business: the values of password fields.

use std::fmt::Write as _;

use percent_encoding::percent_decode_str;

use crate::{
    charset::{
        Charset, Reading, decode_exactly,
        form::{encode, urlencoded},
    },
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
            let blanks = value.replace('+', " ");
            let bytes: Vec<u8> = percent_decode_str(&blanks).collect();
            let cp1250 = decode_exactly(&bytes, Charset::WINDOWS_1250);
            let utf8 = String::from_utf8(bytes);
            add(name, value);
            add(name, utf8.as_deref().unwrap_or_default());
            add(name, cp1250.as_ref().map_or("", |decoded| &decoded.text));
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
        let encoded = urlencoded(&[(String::new(), value.to_owned())], charset);
        let encoded = encoded.trim_start_matches('=').to_owned();
        forms.push(encoded.replace('+', "%20"));
        forms.push(encoded);
    }
    // In CP1250 on a page that is else in UTF-8.
    let bytes = encode(value, Charset::WINDOWS_1250);
    forms.extend(Reading::Stray.decode(&bytes, Charset::UTF_8));
    forms
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
        ] {
            assert!(known.iter().any(|known| known == form), "{form}: {known:?}");
        }
    }
}
