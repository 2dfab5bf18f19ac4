//! Which charset a browser would read a page in, and who declared it.

use std::fmt;

use super::label::Charset;

/// How far browsers look for `<meta>`; pages of old editors have it later, so that more is read here.
const PRESCAN: usize = 4096;

/// Who declared the charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The `Content-Type` header.
    Header,
    /// A byte order mark.
    ByteOrderMark,
    /// `<meta charset>` or `<meta http-equiv>`.
    Meta,
    /// Nobody: the project's default.
    Default,
}

impl Source {
    /// Returns the word that stands in snapshots.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::ByteOrderMark => "bom",
            Self::Meta => "meta",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The charset of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detection {
    /// What a browser would use.
    pub charset: Charset,
    /// Why.
    pub source: Source,
}

impl fmt::Display for Detection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.charset, self.source)
    }
}

/// Finds the charset of a page in the order in which browsers look; an unknown label counts as none.
pub fn detect(content_type: Option<&str>, body: &[u8], default: Charset) -> Detection {
    let found = |charset, source| Detection { charset, source };
    if let Some(charset) = content_type
        .and_then(header_charset)
        .and_then(Charset::for_label)
    {
        return found(charset, Source::Header);
    }
    if body.starts_with(&[0xef, 0xbb, 0xbf]) {
        return found(Charset::UTF_8, Source::ByteOrderMark);
    }
    match meta_charset(body).and_then(|label| Charset::for_label(&label)) {
        Some(charset) => found(charset, Source::Meta),
        None => found(default, Source::Default),
    }
}

/// Returns the label in a `Content-Type`.
pub fn header_charset(content_type: &str) -> Option<&str> {
    content_type
        .split(';')
        .skip(1)
        .find_map(|parameter| label_of(parameter.trim()))
}

/// Returns the label that the page's first `<meta>` with a charset declares.
pub fn meta_charset(body: &[u8]) -> Option<String> {
    let head = &body[..body.len().min(PRESCAN)];
    tags(head).find_map(|rest| {
        let (name, rest) = rest.split_at_checked(4)?;
        if !name.eq_ignore_ascii_case(b"meta") {
            return None;
        }
        let tag: String = rest
            .iter()
            .take_while(|&&byte| byte != b'>')
            .map(|&byte| {
                if byte.is_ascii() {
                    char::from(byte.to_ascii_lowercase())
                } else {
                    ' '
                }
            })
            .collect();
        let (_, value) = tag.split_once("charset")?;
        let value = value.trim_start().strip_prefix('=')?.trim_start();
        let value = value
            .strip_prefix(['"', '\''])
            .unwrap_or(value)
            .trim_start();
        let end = value
            .find([' ', '\t', '\r', '\n', ';', '"', '\'', '/'])
            .unwrap_or(value.len());
        (end > 0).then(|| value[..end].to_owned())
    })
}

fn label_of(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    let value = value.trim().trim_matches(['"', '\'']).trim();
    (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
}

/// Returns what follows each `<` that is not in a comment.
fn tags(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        loop {
            let open = rest.iter().position(|&byte| byte == b'<')?;
            rest = &rest[open + 1..];
            let Some(comment) = rest.strip_prefix(b"!--") else {
                return Some(rest);
            };
            let end = comment.windows(3).position(|window| window == b"-->")?;
            rest = &comment[end + 3..];
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_are_found_in_the_order_of_browsers() {
        let meta =
            b"<html><meta http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1250\">";
        let table: [(Option<&str>, &[u8], &str); 10] = [
            (Some("text/html; charset=UTF-8"), meta, "utf-8 (header)"),
            (Some("text/html"), meta, "windows-1250 (meta)"),
            (Some("text/html"), b"\xef\xbb\xbfx", "utf-8 (bom)"),
            (None, b"<META CHARSET='utf-8'>", "utf-8 (meta)"),
            (None, b"<meta charset=\"utf-8\" />", "utf-8 (meta)"),
            (None, b"<meta charset = \"utf-8\">", "utf-8 (meta)"),
            (
                None,
                b"<!-- <meta charset=utf-8> -->x",
                "iso-8859-2 (default)",
            ),
            (None, b"<meta name=x>", "iso-8859-2 (default)"),
            (
                Some("text/html; charset=nonsense"),
                b"",
                "iso-8859-2 (default)",
            ),
            (
                Some("text/html;charset=\"cp1250\""),
                b"",
                "windows-1250 (header)",
            ),
        ];
        let default = Charset::for_label("latin2").unwrap();
        for (content_type, body, expected) in table {
            let found = detect(content_type, body, default).to_string();
            assert_eq!(found, expected, "{content_type:?} {body:?}");
        }
    }
}
