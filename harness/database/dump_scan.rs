//! Where quotes and comments of SQL begin and end, and what stands in comments for versions: `/*!50003 CREATE*/`.

/// What a byte of SQL stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// In no quotes and no comment.
    Code,
    /// In quotes of this kind.
    Quote(u8),
    /// In a comment up to the line's end.
    Line,
    /// In a comment up to `*/`.
    Block,
}

impl Inside {
    /// Returns what comes after the byte at `at`, and how many bytes were passed. Bodies of triggers and routines have comments;
    /// nothing else that mysqldump writes has.
    pub(super) fn advance(self, text: &[u8], at: usize, comments: bool) -> (Self, usize) {
        match (self, text[at]) {
            (Self::Quote(b'\'' | b'"'), b'\\') => (self, 2),
            (Self::Quote(open), byte) if open == byte => (Self::Code, 1),
            (Self::Line, b'\n') => (Self::Code, 1),
            (Self::Block, b'*') if text[at..].starts_with(b"*/") => (Self::Code, 2),
            (Self::Code, quote @ (b'\'' | b'"' | b'`')) => (Self::Quote(quote), 1),
            (Self::Code, _) if comments => comment(&text[at..]),
            (Self::Code | Self::Quote(_) | Self::Line | Self::Block, _) => (self, 1),
        }
    }
}

/// Returns the comment that begins here, if one does.
fn comment(text: &[u8]) -> (Inside, usize) {
    let spaced = text.get(2).is_none_or(u8::is_ascii_whitespace);
    match text {
        [b'#', ..] => (Inside::Line, 1),
        [b'-', b'-', ..] if spaced => (Inside::Line, 2),
        [b'/', b'*', b'!', ..] | [b'/', b'*', b'M', b'!', ..] => (Inside::Code, 2),
        [b'/', b'*', ..] => (Inside::Block, 2),
        _ => (Inside::Code, 1),
    }
}

/// Returns a statement without the comments for versions that stand around its parts; those in a body stay.
pub(super) fn unversioned(text: &[u8]) -> Vec<u8> {
    let text = text.trim_ascii();
    if opening(text).is_none() {
        return text.to_vec();
    }
    let mut plain = Vec::with_capacity(text.len());
    let (mut inside, mut at) = (Inside::Code, 0);
    // How many comments for versions are open: the first is mysqldump's, others are of the body.
    let mut depth = 0;
    while at < text.len() {
        let rest = &text[at..];
        if let (Inside::Code, Some(length)) = (inside, opening(rest)) {
            depth += 1;
            if depth == 1 {
                if !plain.is_empty() {
                    plain.push(b' ');
                }
                at += length;
                continue;
            }
        } else if inside == Inside::Code && rest.starts_with(b"*/") {
            depth -= 1;
            if depth <= 0 {
                depth = 0;
                plain.truncate(plain.trim_ascii_end().len());
                at += 2;
                continue;
            }
        }
        let (next, length) = inside.advance(text, at, true);
        let end = text.len().min(at + length);
        if depth > 0 || !text[at].is_ascii_whitespace() {
            plain.extend_from_slice(&text[at..end]);
        }
        (inside, at) = (next, end);
    }
    plain.truncate(plain.trim_ascii_end().len());
    plain
}

/// Returns SQL with one space where it has white space outside of quotes.
pub(super) fn one_space(text: &str) -> String {
    rewritten(text, |written, rest, _before| {
        let spaces = rest.len() - rest.trim_ascii_start().len();
        if spaces > 0 {
            written.push(b' ');
        }
        spaces
    })
    .trim()
    .to_owned()
}

/// Returns SQL without a name in backticks where that stands outside of quotes and is no part of another name.
pub(super) fn without_name(text: &str, name: &str) -> String {
    rewritten(text, |_written, rest, before| {
        if before != Some(b'`') && rest.starts_with(name.as_bytes()) {
            name.len()
        } else {
            0
        }
    })
}

/// Returns SQL in which `change` was asked at each byte outside of quotes; it returns how many bytes it took.
fn rewritten(text: &str, change: impl Fn(&mut Vec<u8>, &[u8], Option<u8>) -> usize) -> String {
    let bytes = text.as_bytes();
    let mut written = Vec::with_capacity(bytes.len());
    let (mut inside, mut at) = (Inside::Code, 0);
    while at < bytes.len() {
        if inside == Inside::Code {
            let before = at.checked_sub(1).map(|before| bytes[before]);
            let taken = change(&mut written, &bytes[at..], before);
            if taken > 0 {
                at += taken;
                continue;
            }
        }
        let (next, length) = inside.advance(bytes, at, false);
        let end = bytes.len().min(at + length);
        written.extend_from_slice(&bytes[at..end]);
        (inside, at) = (next, end);
    }
    String::from_utf8(written).unwrap_or_else(|_cut| text.to_owned())
}

/// Returns how long the opening of a comment for versions is, with the space after it.
fn opening(text: &[u8]) -> Option<usize> {
    let rest = text
        .strip_prefix(b"/*!")
        .or_else(|| text.strip_prefix(b"/*M!"))?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let spaces = rest[digits..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    Some(text.len() - rest.len() + digits + spaces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_quotes_is_rewritten() {
        assert_eq!(
            one_space(" select  'a  b'\n\tas `c  d`, \"e  f\" "),
            "select 'a  b' as `c  d`, \"e  f\""
        );
        assert_eq!(
            without_name("`one`.`t`, '`one`.x', `a``one`.`b`, (`one`.`c`)", "`one`."),
            "`t`, '`one`.x', `a``one`.`b`, (`c`)"
        );
    }

    #[test]
    fn comments_for_versions_go_and_those_of_a_body_stay() {
        let table = [
            ("SELECT 1 /*!40000 x*/", "SELECT 1 /*!40000 x*/"),
            (
                "/*!50003 CREATE */ /*!50017 DEFINER=`a*/`@`b` */ /*!50003 TRIGGER `t` BEGIN\n  -- don't */\n  SELECT '*/'; /* \" */ SELECT /*!50000 1 */;\nEND \n*/",
                "CREATE DEFINER=`a*/`@`b` TRIGGER `t` BEGIN\n  -- don't */\n  SELECT '*/'; /* \" */ SELECT /*!50000 1 */;\nEND",
            ),
            (
                "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50001 VIEW `v` AS select 1 */\n/*!50002 WITH CASCADED CHECK OPTION */",
                "CREATE ALGORITHM=UNDEFINED VIEW `v` AS select 1 WITH CASCADED CHECK OPTION",
            ),
            (
                "/*!50003 SET sql_mode              = '' */ ",
                "SET sql_mode              = ''",
            ),
        ];
        for (text, expected) in table {
            let found = unversioned(text.as_bytes());
            assert_eq!(str::from_utf8(&found), Ok(expected));
        }
    }
}
