//! Traces of a build's surroundings in what it made, found verbatim.

use std::{borrow::Cow, io::Read, ops::RangeInclusive};

use flate2::read::MultiGzDecoder;

use super::{moment::Window, numbers::FileNumbers, variation::Variation};

/// What is decompressed to be searched; more than any text of a server.
const LARGEST_INNER: u64 = 64 << 20;

/// A text that the second build saw and the first did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinel {
    /// Where it stood.
    pub variation: Variation,
    /// The text.
    pub text: String,
}

/// What two builds saw of their surroundings, to be searched for in what they made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// When they were built, in seconds since 1970.
    pub window: RangeInclusive<i64>,
    /// How many seconds the second build's clock was ahead.
    pub ahead: i64,
    /// Texts that only the second one saw.
    pub sentinels: Vec<Sentinel>,
    /// Their umasks.
    pub umasks: (u32, u32),
    /// How many processors they saw.
    pub processors: (usize, usize),
    /// The numbers of their files.
    pub files: (FileNumbers, FileNumbers),
}

impl Traces {
    /// Returns the sentinels that stand in the second text and not in the first, in gzip files as well.
    pub(super) fn leaked(&self, first: &[u8], second: &[u8]) -> Vec<&Sentinel> {
        let (first, second) = (unpacked(first), unpacked(second));
        self.sentinels
            .iter()
            .filter(|sentinel| {
                let text = sentinel.text.as_bytes();
                contains(&second, text) && !contains(&first, text)
            })
            .collect()
    }

    /// Returns whether two modes differ as the umasks do.
    pub(super) fn follows_umask(&self, first: u32, second: u32) -> bool {
        let masked = self.umasks.0 ^ self.umasks.1;
        let differing = first ^ second;
        differing != 0
            && differing & !masked == 0
            && first & self.umasks.0 == 0
            && second & self.umasks.1 == 0
    }

    /// Returns when the builds ran, each by the clock that its programs saw.
    pub(super) fn windows(&self) -> (Window, Window) {
        let (start, end) = (*self.window.start(), *self.window.end());
        (start..=end, start + self.ahead..=end + self.ahead)
    }
}

/// Returns what is in a gzip file, or the bytes themselves where they are none.
pub(super) fn unpacked(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.starts_with(&[0x1f, 0x8b, 8]) {
        return Cow::Borrowed(bytes);
    }
    let mut inner = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(LARGEST_INNER);
    match decoder.read_to_end(&mut inner) {
        Ok(_read) => Cow::Owned(inner),
        Err(_not_gzip) => Cow::Borrowed(bytes),
    }
}

/// Tells whether a text stands in bytes; looks closer only where its first byte stands.
fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let Some(&start) = text.first() else {
        return false;
    };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == start) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces() -> Traces {
        Traces {
            window: 1_700_000_000..=1_700_000_100,
            ahead: 40_000_000,
            sentinels: vec![
                Sentinel {
                    variation: Variation::HostName,
                    text: "i-capture-the-host-name-1".to_owned(),
                },
                Sentinel {
                    variation: Variation::Locale,
                    text: "sk_SK.CP1250".to_owned(),
                },
            ],
            umasks: (0o022, 0o002),
            processors: (2, 1),
            files: (FileNumbers::default(), FileNumbers::default()),
        }
    }

    #[test]
    fn a_sentinel_counts_where_only_the_second_text_has_it() {
        let traces = traces();
        let found = |first: &[u8], second: &[u8]| -> Vec<Variation> {
            let found = traces.leaked(first, second).into_iter();
            found.map(|sentinel| sentinel.variation).collect()
        };
        let second = b"built on ii-capture-the-host-name-1\0";
        assert_eq!(found(b"built on skola", second), [Variation::HostName]);
        assert_eq!(found(b"sk_SK.CP1250 1", b"sk_SK.CP1250 2"), []);
        let mut packed = Vec::new();
        flate2::GzBuilder::new()
            .buf_read(&b"LANG=sk_SK.CP1250"[..], flate2::Compression::new(9))
            .read_to_end(&mut packed)
            .unwrap();
        assert_eq!(found(b"", &packed), [Variation::Locale]);
    }

    #[test]
    fn modes_follow_the_umask_where_they_differ_in_its_bits_alone() {
        let table = [
            (0o644, 0o664, true),
            (0o755, 0o775, true),
            (0o644, 0o644, false),
            (0o664, 0o644, false),
            (0o644, 0o666, false),
            (0o644, 0o764, false),
        ];
        for (first, second, expected) in table {
            assert_eq!(traces().follows_umask(first, second), expected, "{first:o}");
        }
    }
}
