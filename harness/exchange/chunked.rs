//! Chunks, taken apart as they come.

use super::answer::Anomaly;
use crate::charset::visible;

/// No chunk head is longer.
const LONGEST_LINE: usize = 4096;

/// A body with more kinds of extensions and trailers is none that a server of pages sends: it is compared as it came.
const MOST_NAMED: usize = 16;

/// How far a chunked body was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More bytes are needed.
    More,
    /// The body is complete and ends at this offset.
    Complete(usize),
    /// What stands there is no chunk.
    Bad,
}

/// Takes chunks off a growing buffer.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// The offset of the first byte that isn't taken yet.
    position: usize,
    /// What the chunks held.
    pub(super) body: Vec<u8>,
    /// What stands where usually nothing does.
    pub(super) anomalies: Vec<Anomaly>,
    /// Whether the last chunk was seen.
    in_trailer: bool,
}

impl Chunks {
    /// Takes every complete chunk off `buffer`.
    pub(super) fn advance(&mut self, buffer: &[u8]) -> Progress {
        loop {
            if self.anomalies.len() > MOST_NAMED {
                return Progress::Bad;
            }
            let rest = buffer.get(self.position..).unwrap_or_default();
            let window = &rest[..rest.len().min(LONGEST_LINE)];
            let Some(feed) = window.iter().position(|&byte| byte == b'\n') else {
                return if rest.len() >= LONGEST_LINE {
                    Progress::Bad
                } else {
                    Progress::More
                };
            };
            let line = rest[..feed].trim_ascii();
            if self.in_trailer {
                self.position += feed + 1;
                if line.is_empty() {
                    return Progress::Complete(self.position);
                }
                self.anomalies.push(Anomaly::Trailer(visible(line)));
                continue;
            }
            let Some(size) = size_of(line) else {
                return Progress::Bad;
            };
            if size == 0 {
                self.name_extension(line);
                self.position += feed + 1;
                self.in_trailer = true;
                continue;
            }
            let Some(end) = size.checked_add(feed + 1) else {
                return Progress::Bad;
            };
            let (Some(data), Some(after)) = (rest.get(feed + 1..end), rest.get(end..)) else {
                return Progress::More;
            };
            let separator = match after {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                [] | [b'\r'] => return Progress::More,
                _ => return Progress::Bad,
            };
            self.name_extension(line);
            self.body.extend_from_slice(data);
            self.position += end + separator;
        }
    }

    fn name_extension(&mut self, line: &[u8]) {
        if let Some(semicolon) = line.iter().position(|&byte| byte == b';') {
            let shown = Anomaly::ChunkExtension(visible(&line[semicolon..]));
            if !self.anomalies.contains(&shown) {
                self.anomalies.push(shown);
            }
        }
    }

    /// Returns what a truncated body held: the complete chunks and the begun one.
    pub(super) fn into_partial(mut self, buffer: &[u8]) -> Vec<u8> {
        let rest = buffer.get(self.position..).unwrap_or_default();
        if let Some(feed) = rest.iter().position(|&byte| byte == b'\n')
            && !self.in_trailer
        {
            let size = size_of(rest[..feed].trim_ascii()).unwrap_or_default();
            let data = &rest[feed + 1..];
            self.body.extend_from_slice(&data[..data.len().min(size)]);
        }
        self.body
    }
}

fn size_of(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_taken_apart_wherever_the_buffer_is_cut() {
        let wire = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: t\r\n\r\n";
        let mut chunks = Chunks::default();
        for end in 0..wire.len() {
            assert_eq!(chunks.advance(&wire[..end]), Progress::More, "{end}");
        }
        assert_eq!(chunks.advance(wire), Progress::Complete(wire.len()));
        assert_eq!(chunks.body, b"abc0123456789");
        let named: Vec<String> = chunks.anomalies.iter().map(ToString::to_string).collect();
        assert_eq!(named, ["chunk extension `;x=y`", "trailer `T: t`"]);
        for bad in [&b"x\r\n"[..], b"\r\n", b"2\r\nabc", b"ffffffffffffffff\r\n"] {
            assert_eq!(Chunks::default().advance(bad), Progress::Bad, "{bad:?}");
        }
    }

    #[test]
    fn what_a_hostile_server_puts_between_chunks_is_bounded() {
        let trailers = format!("0\r\n{}", "a\r\n".repeat(1_000_000));
        let mut extensions = String::new();
        for number in 0..1_000_000 {
            extensions.extend(["1;", &number.to_string(), "\r\nx\r\n"]);
        }
        for wire in [trailers, extensions] {
            let mut chunks = Chunks::default();
            assert_eq!(chunks.advance(wire.as_bytes()), Progress::Bad);
            assert!(chunks.anomalies.len() <= MOST_NAMED + 1);
        }
    }
}
