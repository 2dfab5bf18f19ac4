//! Lines taken apart into what varies as a whole: moments, decimals, words, the server's address, known secrets.

use std::ops::Range;

use crate::{
    scenario::HandWrittenHole,
    snapshot::{ServerPart, moment},
};

/// A shorter cookie value is not looked for in pages: `sk` stands everywhere.
const SHORTEST_SECRET: usize = 6;

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A date or time, with the formats that fit.
    Moment(Vec<&'static str>),
    /// Digits, a separator, digits.
    Decimal,
    /// Letters and digits.
    Word,
    /// The server's own address.
    Server(ServerPart),
    /// The value of a cookie.
    Secret,
    /// What a hole that a person wrote finds; its number.
    Written(usize),
    /// Any other character.
    Other,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) kind: TokenKind,
}

/// What is recognised by its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// The server's host and port as in links.
    pub(super) authority: &'a str,
    /// Cookie values.
    pub(super) secrets: &'a [String],
    /// Holes that a person wrote.
    pub(super) written: &'a [HandWrittenHole],
}

/// Takes a line apart; the tokens' texts joined are the line.
pub(super) fn tokens<'a>(line: &'a str, known: &Known<'_>) -> Vec<Token<'a>> {
    let mut tokens: Vec<Token<'a>> = Vec::new();
    let mut position = 0;
    let mut at_boundary = true;
    let address = Address::of(known.authority);
    let written = written(line, known.written);
    while let Some(first) = line[position..].chars().next() {
        let rest = &line[position..];
        let hole = written.iter().find(|(range, _)| range.start == position);
        let (length, kind) = if let Some((range, number)) = hole {
            (range.len(), TokenKind::Written(*number))
        } else if at_boundary {
            start(rest, known, &address, &tokens)
        } else {
            (first.len_utf8(), TokenKind::Other)
        };
        let next = written
            .iter()
            .map(|(range, _)| range.start)
            .find(|start| *start > position);
        let length = next.map_or(length, |next| length.min(next - position));
        let text = &rest[..length];
        at_boundary = !text.ends_with(char::is_alphanumeric) || kind != TokenKind::Other;
        position += length;
        tokens.push(Token { text, kind });
    }
    attach(&mut tokens);
    tokens
}

/// Whether the last token but blanks is a time or a zone's name: only there `+0100` is an offset.
fn behind_moment(before: &[Token<'_>]) -> bool {
    let last = before
        .iter()
        .rev()
        .take(3)
        .find(|token| ![" ", "("].contains(&token.text));
    last.is_some_and(|token| matches!(token.kind, TokenKind::Moment(_)))
}

/// Makes days of the week of short words beside a date or time: `ut 24.11.2026`.
fn attach(tokens: &mut [Token<'_>]) {
    let has_moment = |token: &Token<'_>| matches!(token.kind, TokenKind::Moment(_));
    if !tokens.iter().any(has_moment) {
        return;
    }
    let is_gap = |token: &Token<'_>| [" ", ".", ",", "("].contains(&token.text);
    for index in 0..tokens.len() {
        if tokens[index].kind != TokenKind::Word {
            continue;
        }
        let formats = moment::short_weekday(tokens[index].text);
        if formats.is_empty() {
            continue;
        }
        let is_moment = |token: &Token<'_>| matches!(token.kind, TokenKind::Moment(_));
        let after = tokens[index + 1..]
            .iter()
            .take(4)
            .find(|token| !is_gap(token));
        let before = tokens[..index]
            .iter()
            .rev()
            .take(4)
            .find(|token| !is_gap(token));
        if after.is_some_and(is_moment) || before.is_some_and(is_moment) {
            tokens[index].kind = TokenKind::Moment(formats);
        }
    }
}

/// Finds what hand-written holes match on a line, in order and without overlap.
fn written(line: &str, holes: &[HandWrittenHole]) -> Vec<(Range<usize>, usize)> {
    let mut found: Vec<(Range<usize>, usize)> = Vec::new();
    for (number, hole) in holes.iter().enumerate() {
        for captures in hole.pattern.captures_iter(line) {
            if let Some(part) = captures.get(1).or_else(|| captures.get(0)) {
                let overlaps = found
                    .iter()
                    .any(|(range, _)| range.start < part.end() && part.start() < range.end);
                if !part.is_empty() && !overlaps {
                    found.push((part.range(), number));
                }
            }
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

fn start(
    rest: &str,
    known: &Known<'_>,
    address: &Address<'_>,
    before: &[Token<'_>],
) -> (usize, TokenKind) {
    if let Some(secret) = known
        .secrets
        .iter()
        .find(|secret| secret.len() >= SHORTEST_SECRET && is_word(rest, secret))
    {
        return (secret.len(), TokenKind::Secret);
    }
    if let Some((length, part)) = server(rest, address, before) {
        return (length, TokenKind::Server(part));
    }
    // In a link within a link: `?back=http%3A%2F%2F192.0.2.10%3A8080%2F`.
    let escaped = ["%2F", "%2f", "%3A", "%3a"].into_iter();
    for escape in escaped.filter(|escape| rest.starts_with(escape)) {
        let is_before = server(&rest[escape.len()..], address, &[]).is_some();
        if is_before || behind_host(before) {
            return (escape.len(), TokenKind::Word);
        }
    }
    if let Some((length, formats)) = moment::longest(rest) {
        return (length, TokenKind::Moment(formats));
    }
    if rest.starts_with(['+', '-'])
        && behind_moment(before)
        && let Some((length, formats)) = moment::offset(rest)
    {
        return (length, TokenKind::Moment(formats));
    }
    if let Some(length) = decimal(rest) {
        return (length, TokenKind::Decimal);
    }
    if let Some(length) = measured(rest) {
        return (length, TokenKind::Word);
    }
    let length = rest
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(rest.len());
    if length > 0 {
        (length, TokenKind::Word)
    } else {
        (
            rest.chars().next().map_or(0, char::len_utf8),
            TokenKind::Other,
        )
    }
}

/// Whether `rest` begins with `word` and the word ends there.
fn is_word(rest: &str, word: &str) -> bool {
    rest.strip_prefix(word)
        .is_some_and(|after| !after.starts_with(|next: char| next.is_alphanumeric()))
}

/// The server's address, taken apart.
struct Address<'a> {
    authority: &'a str,
    host: String,
    port: String,
    /// Whether the host says by itself that it is one: a page may have the word `www` for other reasons.
    is_telling: bool,
}

impl<'a> Address<'a> {
    fn of(authority: &'a str) -> Self {
        let host = ServerPart::Host.of(authority);
        Self {
            authority,
            port: ServerPart::Port.of(authority),
            is_telling: host.contains('.') || host.contains(':') || host.len() >= 6,
            host,
        }
    }
}

fn server(rest: &str, address: &Address<'_>, before: &[Token<'_>]) -> Option<(usize, ServerPart)> {
    let Address {
        authority,
        host,
        port,
        is_telling,
    } = address;
    if is_word(rest, authority) && (*is_telling || authority.contains(':')) {
        return Some((authority.len(), ServerPart::Authority));
    }
    if *is_telling && is_word(rest, host) {
        return Some((host.len(), ServerPart::Host));
    }
    let behind_port =
        matches!(before, [.., word, blank] if word.text == "Port" && blank.text == " ");
    let behind_colon = matches!(before, [.., colon] if colon.text.eq_ignore_ascii_case("%3A"))
        && behind_host(&before[..before.len() - 1]);
    ((behind_port || behind_colon) && is_word(rest, port)).then_some((port.len(), ServerPart::Port))
}

/// Whether the last token is the server's host.
fn behind_host(before: &[Token<'_>]) -> bool {
    matches!(before, [.., host] if host.kind == TokenKind::Server(ServerPart::Host))
}

fn decimal(rest: &str) -> Option<usize> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    let after = rest.get(whole..)?;
    if whole == 0 || !after.starts_with(['.', ',']) {
        return None;
    }
    let decimals = digits(&after[1..]);
    let end = whole + 1 + decimals;
    let next = rest[end..].chars().next();
    let ends = (next.is_none_or(|next| !next.is_alphanumeric()) || begins_with_unit(&rest[end..]))
        && !(matches!(next, Some('.' | ',')) && digits(&rest[end + 1..]) > 0);
    (decimals > 0 && ends).then_some(end)
}

/// Units that stand behind a number without a blank, of styles, times and sizes.
const UNITS: [&str; 14] = [
    "px", "em", "rem", "pt", "vh", "vw", "ms", "s", "B", "kB", "KB", "MB", "GB", "KiB",
];

/// Returns the length of the number in `76px`.
fn measured(rest: &str) -> Option<usize> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    ((1..=6).contains(&digits) && begins_with_unit(&rest[digits..])).then_some(digits)
}

fn begins_with_unit(rest: &str) -> bool {
    let end = rest
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(rest.len());
    UNITS.contains(&&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_known_in_a_link_within_a_link() {
        let known = Known {
            authority: "192.0.2.10:8080",
            secrets: &[],
            written: &[],
        };
        for (line, expected) in [
            (
                "?u=http%3A%2F%2F192.0.2.10%3A8080%2Fx",
                vec!["192.0.2.10", "8080"],
            ),
            ("?u=http%3a%2f%2f192.0.2.10%2fx", vec!["192.0.2.10"]),
            ("?u=http%3A%2F%2F192.0.2.11%3A8080%2Fx%3A8080", vec![]),
        ] {
            let found: Vec<&str> = tokens(line, &known)
                .iter()
                .filter(|token| matches!(token.kind, TokenKind::Server(_)))
                .map(|token| token.text)
                .collect();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn lines_are_taken_apart_without_losing_a_character() {
        let secrets = ["e85f31a749".to_owned()];
        let known = Known {
            authority: "192.0.2.10:8080",
            secrets: &secrets,
            written: &[],
        };
        let line = "a 24.11.2026 9:05 0,123 <a href=\"http://192.0.2.10:8080/x?s=e85f31a749\">č_1</a> at 192.0.2.10 Port 8080 1.2.3";
        let tokens = tokens(line, &known);
        let joined: String = tokens.iter().map(|token| token.text).collect();
        assert_eq!(joined, line);
        let shown: Vec<String> = tokens
            .iter()
            .filter(|token| !matches!(token.kind, TokenKind::Other | TokenKind::Word))
            .map(|token| match &token.kind {
                TokenKind::Moment(formats) => format!("{} {}", token.text, formats.join("|")),
                other @ (TokenKind::Decimal
                | TokenKind::Word
                | TokenKind::Server(_)
                | TokenKind::Secret
                | TokenKind::Written(_)
                | TokenKind::Other) => format!("{} {other:?}", token.text),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "24.11.2026 9:05 j.n.Y G:i",
                "0,123 Decimal",
                "192.0.2.10:8080 Server(Authority)",
                "e85f31a749 Secret",
                "192.0.2.10 Server(Host)",
                "8080 Server(Port)",
                "2.3 Decimal",
            ]
        );
    }
}
