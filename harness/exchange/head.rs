//! The head of an answer: read leniently, so that what is wrong with it can be named and compared.

use super::answer::{Anomaly, Framing, HeaderLine};
use crate::charset::visible;

/// A head, and what its parser met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status_line: Vec<u8>,
    pub(super) headers: Vec<HeaderLine>,
    pub(super) anomalies: Vec<Anomaly>,
}

/// How the body is marked according to the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyPlan {
    pub(super) framing: Framing,
    /// The announced length.
    pub(super) length: usize,
}

/// Finds the end of the head: the offset behind the first empty line, searching from `from`.
pub(super) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let start = from.saturating_sub(3);
    let mut index = start;
    while let Some(found) = bytes.get(index..)?.iter().position(|&byte| byte == b'\n') {
        let feed = index + found;
        match bytes.get(feed + 1..)? {
            [b'\n', ..] => return Some(feed + 2),
            [b'\r', b'\n', ..] => return Some(feed + 3),
            _ => index = feed + 1,
        }
    }
    None
}

/// Reads a head, with or without its empty line.
pub(super) fn parse(bytes: &[u8]) -> Head {
    let mut head = Head {
        status_line: Vec::new(),
        headers: Vec::new(),
        anomalies: Vec::new(),
    };
    let mut bare = false;
    for (number, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        bare |= line.ends_with(b"\n") && !content.ends_with(b"\r");
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if number == 0 {
            if status_code(content).is_none() {
                head.anomalies.push(Anomaly::BadStatusLine);
            }
            head.status_line = content.to_vec();
        } else if !content.is_empty() {
            header_line(&mut head, content);
        }
    }
    if bare {
        head.anomalies.push(Anomaly::BareLineFeed);
    }
    head
}

fn header_line(head: &mut Head, content: &[u8]) {
    let bad = |head: &mut Head| {
        let shown = content.get(..content.len().min(80)).unwrap_or_default();
        head.anomalies.push(Anomaly::BadHeaderLine(visible(shown)));
    };
    if content.starts_with(b" ") || content.starts_with(b"\t") {
        head.anomalies.push(Anomaly::FoldedHeader);
        if let Some(last) = head.headers.last_mut() {
            last.value.push(b'\n');
            last.value.extend_from_slice(content);
            return;
        }
    }
    let Some(colon) = content.iter().position(|&byte| byte == b':') else {
        bad(head);
        head.headers.push(HeaderLine {
            name: content.to_vec(),
            value: Vec::new(),
        });
        return;
    };
    let name = &content[..colon];
    let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"()<>@,;\\\"/[]?={}".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) {
        bad(head);
    }
    let raw = &content[colon + 1..];
    let value = raw.trim_ascii();
    if raw.strip_prefix(b" ") != Some(value) {
        let before = raw.len() - raw.trim_ascii_start().len();
        let (before, behind) = raw.split_at(before);
        let behind = &behind[value.len()..];
        // Without the value, which may be a secret and is compared by itself.
        let shown = [name, b":", before, b"...", behind].concat();
        head.anomalies.push(Anomaly::OddBlanks(visible(&shown)));
    }
    head.headers.push(HeaderLine {
        name: name.to_vec(),
        value: value.to_vec(),
    });
}

/// Returns the code of a status line.
pub fn status_code(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let mut words = rest.split(|&byte| byte == b' ');
    words.next()?;
    let code = words.next()?;
    if code.len() != 3 || !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(code).ok()?.parse().ok()
}

/// Decides how the body is read; names contradictions.
pub(super) fn plan(head: &mut Head, method: &str) -> BodyPlan {
    let status = status_code(&head.status_line);
    let values = |name: &str| -> Vec<Vec<u8>> {
        head.headers
            .iter()
            .filter(|line| line.is(name))
            .map(|line| line.value.clone())
            .collect()
    };
    let chunked = values("transfer-encoding")
        .iter()
        .any(|value| value.to_ascii_lowercase().ends_with(b"chunked"));
    let lengths = values("content-length");
    let mut length = None;
    for value in &lengths {
        let number = str::from_utf8(value)
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<usize>().ok());
        let is_odd = value.len() > 1 && value.starts_with(b"0");
        if number.is_none() || is_odd || lengths.len() > 1 {
            head.anomalies
                .push(Anomaly::BadContentLength(visible(value)));
        }
        length = length.or(number);
    }
    if chunked && !lengths.is_empty() {
        head.anomalies.push(Anomaly::LengthAndChunked);
    }
    let bodiless = method == "HEAD" || matches!(status, Some(204 | 304));
    let framing = match length {
        _ if bodiless => Framing::NoBody,
        _ if chunked => Framing::Chunked,
        Some(_) => Framing::Length,
        None => Framing::Close,
    };
    BodyPlan {
        framing,
        length: length.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_with_a_php_warning_between_its_headers_is_kept_and_named() {
        let bytes = b"HTTP/1.1 200 OK\nServer: Apache/2.2.3\r\nPHP Warning, no colon\r\nX-A: b\xe8\r\n folded\r\n\r\n";
        assert_eq!(end(bytes, 0), Some(bytes.len()));
        let head = parse(bytes);
        let shown: Vec<String> = head.anomalies.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "bad header line `PHP Warning, no colon`",
                "folded header line",
                "line feed without carriage return in the head"
            ]
        );
        assert_eq!(head.headers.len(), 3);
        assert_eq!(head.headers[2].value_text(), "b\\xe8\\x0a folded");
    }

    #[test]
    fn blanks_that_are_not_the_usual_ones_are_named() {
        for (line, named) in [
            ("Server: Apache", None),
            ("X-Empty: ", None),
            (
                "Server:Apache",
                Some("odd blanks in header line `Server:...`"),
            ),
            (
                "Server:  A",
                Some("odd blanks in header line `Server:  ...`"),
            ),
            (
                "Server: A ",
                Some("odd blanks in header line `Server: ... `"),
            ),
        ] {
            let head = parse(format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n").as_bytes());
            let found = head.anomalies.first().map(ToString::to_string);
            assert_eq!(found.as_deref(), named, "{line}");
        }
    }

    #[test]
    fn contradicting_lengths_are_named() {
        let mut head = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\ncontent-length: 4\r\n\r\n");
        let plan = plan(&mut head, "GET");
        assert_eq!((plan.framing, plan.length), (Framing::Length, 3));
        assert_eq!(head.anomalies.len(), 2);
        let mut head = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 03\r\n\r\n");
        assert_eq!(super::plan(&mut head, "GET").length, 3);
        assert_eq!(head.anomalies, [Anomaly::BadContentLength("03".to_owned())]);
    }
}
