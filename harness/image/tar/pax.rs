//! PAX extended headers: records of `LENGTH KEY=VALUE\n`, the length counting itself.

use std::collections::BTreeMap;

use super::error::TarError;

/// What PAX records say of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: SparseRecords,
}

/// The records of GNU's three ways to write a sparse file with PAX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SparseRecords {
    pub(super) version: (Option<u64>, Option<u64>),
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// Offsets and lengths in turn.
    pub(super) map: Vec<u64>,
}

impl Records {
    /// Reads records over those that are there; a later one of the same key wins, as POSIX says.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), TarError> {
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes)?;
            self.take(key, value)?;
            bytes = rest;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarError> {
        let number = || decimal(value).ok_or(TarError::Pax { what: "a number" });
        let signed = || {
            number().and_then(|number| {
                i64::try_from(number).map_err(|_| TarError::Pax { what: "a number" })
            })
        };
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number()?),
            b"uid" => self.uid = Some(signed()?),
            b"gid" => self.gid = Some(signed()?),
            b"mtime" => {
                self.mtime = Some(time(value).ok_or(TarError::Pax { what: "a time" })?);
            }
            b"GNU.sparse.major" => self.sparse.version.0 = Some(number()?),
            b"GNU.sparse.minor" => self.sparse.version.1 = Some(number()?),
            b"GNU.sparse.name" => self.sparse.name = Some(value.to_vec()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(number()?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.map.push(number()?),
            b"GNU.sparse.map" => {
                let numbers = value.split(|&byte| byte == b',').map(decimal);
                self.sparse.map = numbers
                    .collect::<Option<_>>()
                    .ok_or(TarError::Pax { what: "a map" })?;
            }
            key => self.take_xattr(key, value)?,
        }
        Ok(())
    }

    /// Takes an xattr record; whatever else there is (comment, atime, uname) is no part of a tree.
    fn take_xattr(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarError> {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.insert(checked_name(name)?, value.to_vec());
        } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
            let malformed = TarError::Pax { what: "an xattr" };
            let name = percent_decoded(name);
            let value = base64(value).ok_or(malformed)?;
            // libarchive writes both forms; the plain one is exact.
            self.xattrs.entry(checked_name(&name)?).or_insert(value);
        }
        Ok(())
    }
}

fn checked_name(name: &[u8]) -> Result<Vec<u8>, TarError> {
    if name.is_empty() || name.len() > 255 || name.contains(&0) {
        return Err(TarError::Pax {
            what: "an xattr's name",
        });
    }
    Ok(name.to_vec())
}

type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Splits off the first record: key, value, rest.
fn record(bytes: &[u8]) -> Result<Record<'_>, TarError> {
    let malformed = |what| TarError::Pax { what };
    let blank = bytes
        .iter()
        .take(20)
        .position(|&byte| byte == b' ')
        .ok_or(malformed("a record without a length"))?;
    let length = decimal(&bytes[..blank])
        .and_then(|length| usize::try_from(length).ok())
        .filter(|&length| length > blank + 2 && length <= bytes.len())
        .ok_or(malformed("a record's length"))?;
    let (record, rest) = bytes.split_at(length);
    let body = record[blank + 1..]
        .strip_suffix(b"\n")
        .ok_or(malformed("a record without an end"))?;
    let equals = body
        .iter()
        .position(|&byte| byte == b'=')
        .ok_or(malformed("a record without `=`"))?;
    Ok((&body[..equals], &body[equals + 1..], rest))
}

/// Parses decimal digits alone.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Parses seconds with a fraction; what is finer than a nanosecond is cut off, downwards.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0'));
    let nanoseconds = digits
        .take(9)
        .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    match (negative, nanoseconds) {
        (false, _) => Some((seconds, nanoseconds)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanoseconds)),
    }
}

fn percent_decoded(name: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(name).collect()
}

/// Decodes base64 with or without padding, as libarchive writes it.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for &character in text.iter().filter(|byte| **byte != b'=') {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("eight bits"));
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_nanoseconds_downwards() {
        type Row = (&'static [u8], Option<(i64, u32)>);
        let table: [Row; 7] = [
            (b"1332979200", Some((1_332_979_200, 0))),
            (b"1.5", Some((1, 500_000_000))),
            (b"1.0000000019", Some((1, 1))),
            (b"-1.5", Some((-2, 500_000_000))),
            (b"-2", Some((-2, 0))),
            (b"1.-5", None),
            (b"", None),
        ];
        for (text, expected) in table {
            assert_eq!(time(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn records_are_split_by_their_length_and_not_by_lines() {
        let mut records = Records::default();
        records
            .read(b"14 path=a\nb=c\n30 SCHILY.xattr.user.x=\x00\n=\xff12\n13 uid=12345\n")
            .unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"a\nb=c"[..]));
        assert_eq!(records.uid, Some(12345));
        assert_eq!(records.xattrs[&b"user.x"[..]], b"\x00\n=\xff12");
        for malformed in [
            &b"5 a=b"[..],
            b"99 a=b\n",
            b"x",
            b"0 a=b\n",
            b"6 abc\n",
            b"9 uid=-1\n",
        ] {
            let result = Records::default().read(malformed);
            assert!(result.is_err(), "{}", malformed.escape_ascii());
        }
    }

    #[test]
    fn base64_is_read_with_or_without_padding() {
        assert_eq!(base64(b"AQAAAg==").unwrap(), [1, 0, 0, 2]);
        assert_eq!(base64(b"AQAAAg").unwrap(), [1, 0, 0, 2]);
        assert_eq!(base64(b"A!"), None);
    }
}
