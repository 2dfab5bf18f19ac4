//! Paths below a root: bytes, relative, without `.` and `..`.

use std::fmt;

/// The kernel takes no longer path in one call.
const LONGEST_PATH: usize = 4095;
/// No Linux file system keeps a longer name.
const LONGEST_NAME: usize = 255;

/// A path below the root of a tree: raw bytes, relative, parts joined with `/`; the root itself is `.` and sorts first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct RootfsPath(Box<[u8]>);

/// Why bytes are no path below a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is a `..` in it.
    #[error("it has a `..`")]
    Parent,
    /// There is a NUL byte in it.
    #[error("it has a NUL byte")]
    Nul,
    /// It, or one name of it, is too long for any Linux file system.
    #[error("it is too long")]
    TooLong,
}

impl RootfsPath {
    /// Returns the root.
    pub fn root() -> Self {
        Self(Box::default())
    }

    /// Parses bytes: slashes at the start and the end, doubled ones and `.` are dropped; `..` is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        if bytes.contains(&0) {
            return Err(PathError::Nul);
        }
        let mut path = Vec::with_capacity(bytes.len());
        for name in bytes.split(|&byte| byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => return Err(PathError::Parent),
                name if name.len() > LONGEST_NAME => return Err(PathError::TooLong),
                name => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(name);
                }
            }
        }
        if path.len() > LONGEST_PATH {
            return Err(PathError::TooLong);
        }
        Ok(Self(path.into_boxed_slice()))
    }

    /// Returns whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the bytes; the root's are `.`.
    pub fn as_bytes(&self) -> &[u8] {
        if self.0.is_empty() { b"." } else { &self.0 }
    }

    /// Returns the names from the top down; none for the root.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
    }

    /// Returns how many names it has.
    pub fn depth(&self) -> usize {
        self.names().count()
    }

    /// Returns the directory it is in and its last name; `None` for the root.
    pub fn split(&self) -> Option<(Self, &[u8])> {
        if self.is_root() {
            return None;
        }
        Some(match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (Self(self.0[..slash].into()), &self.0[slash + 1..]),
            None => (Self::root(), &self.0),
        })
    }

    /// Returns the directory it is in; the root is in itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        self.split().map(|(parent, _)| parent).unwrap_or_default()
    }

    /// Returns its last name; the root's is `.`.
    pub fn name(&self) -> &[u8] {
        self.split().map_or(b".", |_| {
            let start = self.0.iter().rposition(|&byte| byte == b'/');
            &self.0[start.map_or(0, |slash| slash + 1)..]
        })
    }

    /// Returns the path of a name in it; the name is one that a directory or another path gave.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        // Exactly what is needed: there are many, and they are kept.
        let slash = usize::from(!self.0.is_empty());
        let mut path = Vec::with_capacity(self.0.len() + slash + name.len());
        path.extend_from_slice(&self.0);
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Self(path.into_boxed_slice())
    }

    /// Returns its bytes with one more: a bound for ranges, and no path of an entry.
    pub(super) fn with_suffix(&self, byte: u8) -> Self {
        Self([&*self.0, &[byte][..]].concat().into_boxed_slice())
    }

    /// Returns whether it lies below `directory`.
    pub fn is_below(&self, directory: &Self) -> bool {
        if directory.is_root() {
            return !self.is_root();
        }
        self.0
            .strip_prefix(&*directory.0)
            .is_some_and(|rest| rest.first() == Some(&b'/'))
    }
}

impl fmt::Display for RootfsPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&escape(self.as_bytes()))
    }
}

impl fmt::Debug for RootfsPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", escape(self.as_bytes()))
    }
}

/// Returns bytes of a tree as text: what is UTF-8 and printable as it is, every other byte, and `%`, as `%XX`.
pub fn escape(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    let percent = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            write!(text, "%{byte:02X}").expect("a String takes every text");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '%' || character.is_control() || is_invisible(character) {
                percent(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        percent(&mut text, chunk.invalid());
    }
    text
}

/// Characters that turn or hide what stands beside them in a terminal or a browser.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_and_never_leave_the_root() {
        type Row = (&'static [u8], Result<&'static [u8], PathError>);
        let table: [Row; 8] = [
            (b"", Ok(b".")),
            (b"./", Ok(b".")),
            (b"/etc//passwd", Ok(b"etc/passwd")),
            (b"./etc/./", Ok(b"etc")),
            (b"etc/../x", Err(PathError::Parent)),
            (b"..", Err(PathError::Parent)),
            (b"a\0b", Err(PathError::Nul)),
            (&[b'a'; 256], Err(PathError::TooLong)),
        ];
        for (input, expected) in table {
            let parsed = RootfsPath::parse(input);
            assert_eq!(
                parsed.as_ref().map(RootfsPath::as_bytes),
                expected.as_ref().copied()
            );
        }
    }

    #[test]
    fn the_root_sorts_first_and_holds_everything() {
        let root = RootfsPath::root();
        let path = RootfsPath::parse(b"!a/b").unwrap();
        assert!(root < path && path.is_below(&root) && !root.is_below(&root));
        assert!(!path.is_below(&RootfsPath::parse(b"!").unwrap()));
        assert_eq!(path.parent().join(path.name()), path);
        assert_eq!(root.name(), b".");
    }

    #[test]
    fn what_is_no_printable_text_is_percent_escaped() {
        assert_eq!(escape(b"u\xe8ite\xbe"), "u%E8ite%BE");
        assert_eq!(
            escape("učiteľ 100%\u{1b}[2J\u{202e}".as_bytes()),
            "učiteľ 100%25%1B[2J%E2%80%AE"
        );
    }
}
