//! What a browser sends: text in the page's charset, percent-encoded or in the parts of a multipart body.

use std::fmt::Write;

use percent_encoding::percent_decode_str;

use super::{label::Charset, text::decode_exactly};

/// Encodes text; a character that the charset lacks becomes `&#N;`, which is what browsers send.
pub fn encode(text: &str, charset: Charset) -> Vec<u8> {
    charset.0.encode(text).0.into_owned()
}

/// Encodes text; `None` where the charset lacks a character.
pub fn encode_exactly(text: &str, charset: Charset) -> Option<Vec<u8>> {
    let (bytes, _, unmappable) = charset.0.encode(text);
    (!unmappable).then(|| bytes.into_owned())
}

/// Encodes fields as `application/x-www-form-urlencoded`.
pub fn urlencoded(fields: &[(String, String)], charset: Charset) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        push_form(&mut body, &encode(name, charset));
        body.push('=');
        push_form(&mut body, &encode(value, charset));
    }
    body
}

/// Encodes one value as it stands in a query.
pub fn component(value: &str, charset: Charset) -> String {
    let mut encoded = String::new();
    push_form(&mut encoded, &encode(value, charset));
    encoded
}

/// Decodes one value of a query; `None` where its bytes are not what the charset says.
pub fn decode(value: &str, charset: Charset) -> Option<String> {
    let blanks = value.replace('+', " ");
    let bytes: Vec<u8> = percent_decode_str(&blanks).collect();
    decode_exactly(&bytes, charset)
        .ok()
        .map(|decoded| decoded.text)
}

/// Percent-encodes what may not stand in a request target: spaces, controls, quotes and everything beyond ASCII (the
/// query in the page's charset, the path in UTF-8, as browsers do). What is percent-encoded already stays.
pub fn target(target: &str, charset: Charset) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut encoded = String::new();
    push_target(&mut encoded, path.as_bytes());
    if let Some(query) = query {
        encoded.push('?');
        push_target(&mut encoded, &encode(query, charset));
    }
    encoded
}

fn push_target(output: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'#') {
            output.push(char::from(byte));
        } else {
            push_percent(output, byte);
        }
    }
}

fn push_form(output: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b' ' => output.push('+'),
            b'*' | b'-' | b'.' | b'_' => output.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => output.push(char::from(byte)),
            _ => push_percent(output, byte),
        }
    }
}

fn push_percent(output: &mut String, byte: u8) {
    write!(output, "%{byte:02X}").expect("writing to a string can't fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_in_the_charset_of_the_page() {
        let fields = [
            ("meno".to_owned(), "učiteľ a*".to_owned()),
            ("x".to_owned(), "ж".to_owned()),
        ];
        insta::assert_snapshot!(urlencoded(&fields, Charset::WINDOWS_1250), @"meno=u%E8ite%BE+a*&x=%26%231078%3B");
    }

    #[test]
    fn queries_are_encoded_in_the_charset_of_the_page_and_paths_in_utf8() {
        insta::assert_snapshot!(target("/škola/x.php?q=ď %41&r", Charset::WINDOWS_1250), @"/%C5%A1kola/x.php?q=%EF%20%41&r");
    }
}
