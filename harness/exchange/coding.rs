//! Content codings (RFC 9110, 8.4.1), undone as a browser undoes them before it reads a page: gzip (RFC 1952) and deflate (RFC 1950,
//! and RFC 1951 alone, which servers send by mistake and browsers take).
//!
//! Other codings, two at once, and streams that are damaged or inflate beyond the limit of a body are left as they came; the latter
//! are anomalies. So an answer's body is either wholly decoded or not at all.

use flate2::{Decompress, FlushDecompress, Status};

use super::answer::{Anomaly, Answer};

/// The content codings that are registered (IANA, HTTP Content Coding Registry), and the old names of two.
const CODINGS: [&[u8]; 12] = [
    b"aes128gcm",
    b"br",
    b"compress",
    b"x-compress",
    b"dcb",
    b"dcz",
    b"deflate",
    b"exi",
    b"gzip",
    b"x-gzip",
    b"pack200-gzip",
    b"zstd",
];

/// Returns whether a value of `Content-Encoding` names a content coding: scripts send `none`, `utf-8` and nothing, too.
pub fn is_coding(value: &[u8]) -> bool {
    let mut names = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    names.any(|name| CODINGS.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// What was undone: how a body was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    /// The coding and the fields of its head: `gzip (FLG 0, MTIME 0, XFL 0, OS 3)`.
    pub form: String,
    /// The coded bytes, and what stands behind them.
    pub bytes: Vec<u8>,
}

/// A content coding that is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `deflate` in zlib's format.
    Zlib,
    /// `deflate` without a head.
    Raw,
}

impl Coding {
    /// Returns the coding that a header names, and the first bytes of a body show.
    fn of(value: &[u8], body: &[u8]) -> Option<Self> {
        match value.to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(match body {
                // RFC 1950, 2.2: CM is 8, and CMF and FLG together are a multiple of 31.
                [cmf, flg, ..]
                    if cmf & 15 == 8 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31) =>
                {
                    Self::Zlib
                }
                _ => Self::Raw,
            }),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib | Self::Raw => "deflate",
        }
    }

    /// Names the coding and its head, which tells of the compressor and its level.
    fn form(self, bytes: &[u8]) -> String {
        match (self, bytes) {
            (Self::Gzip, [_, _, _, flg, time @ .., xfl, os]) => {
                let mtime = if time == [0; 4] { "0" } else { "set" };
                format!("gzip (FLG {flg}, MTIME {mtime}, XFL {xfl}, OS {os})")
            }
            (Self::Zlib, [cmf, flg, ..]) => format!("deflate (CMF {cmf:02x}, FLG {flg:02x})"),
            (Self::Gzip | Self::Zlib, _) => self.name().to_owned(),
            (Self::Raw, _) => "deflate (without zlib's head)".to_owned(),
        }
    }

    fn inflater(self) -> Decompress {
        match self {
            Self::Gzip => Decompress::new_gzip(WINDOW_BITS),
            Self::Zlib => Decompress::new(true),
            Self::Raw => Decompress::new(false),
        }
    }
}

/// The largest window, which every stream is content with.
const WINDOW_BITS: u8 = 15;

/// The length of gzip's head without what its flags announce (RFC 1952, 2.3).
const GZIP_HEAD: usize = 10;

/// Undoes the content coding of an answer whose body becomes `most` bytes at most, and names what is wrong with it.
pub(super) fn undo(answer: &mut Answer, most: usize) {
    let mut values = answer.codings();
    let (Some(value), None) = (values.next(), values.next()) else {
        return;
    };
    let coding = Coding::of(value, &answer.body);
    drop(values);
    let Some(coding) = coding.filter(|_| !answer.body.is_empty()) else {
        return;
    };
    match inflate(coding, &answer.body, most) {
        Ok((content, end)) => {
            let bytes = std::mem::replace(&mut answer.body, content);
            if end < bytes.len() {
                let surplus = bytes[end..].to_vec();
                answer.anomalies.push(Anomaly::CodedSurplus(surplus));
            }
            let head = &bytes[..bytes.len().min(GZIP_HEAD)];
            let form = coding.form(head);
            answer.coded = Some(Coded { form, bytes });
        }
        Err(flaw) => {
            let named = format!("{}: {flaw}", coding.name());
            answer.anomalies.push(Anomaly::BadContentCoding(named));
        }
    }
}

/// Inflates a stream; returns what it holds and where it ends.
fn inflate(coding: Coding, bytes: &[u8], most: usize) -> Result<(Vec<u8>, usize), String> {
    let mut inflater = coding.inflater();
    let mut content = Vec::with_capacity(bytes.len().saturating_mul(4).min(most) + 1);
    let mut end = 0;
    loop {
        let before = (end, content.len());
        let status = inflater
            .decompress_vec(&bytes[end..], &mut content, FlushDecompress::None)
            .map_err(|_damage| "the stream is damaged".to_owned())?;
        end = usize::try_from(inflater.total_in()).unwrap_or(bytes.len());
        if content.len() > most {
            return Err(format!("the stream holds more than {most} bytes"));
        }
        match status {
            Status::StreamEnd => return Ok((content, end)),
            Status::Ok | Status::BufError if content.len() == content.capacity() => {
                content.reserve(content.len().min(most - content.len() + 1).max(1));
            }
            Status::Ok | Status::BufError if (end, content.len()) == before => {
                return Err("the stream ends too early".to_owned());
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write};

    use super::*;
    use crate::exchange::{Framing, HeaderLine};

    const PAGE: &[u8] = b"<html>\nP\xf8\xed\xb9ern\xec \x9elu\x9dou\xe8k\xfd\n</html>\n";

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(content: &[u8]) -> Vec<u8> {
        let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(content: &[u8]) -> Vec<u8> {
        let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Returns an answer with one `Content-Encoding` for each value, after its coding was undone.
    fn undone(values: &[&str], body: &[u8]) -> Answer {
        let headers = values.iter().map(|value| HeaderLine {
            name: b"content-encoding".to_vec(),
            value: value.as_bytes().to_vec(),
        });
        let mut answer = Answer {
            status_line: b"HTTP/1.1 200 OK".to_vec(),
            headers: headers.collect(),
            framing: Framing::Length,
            wire_length: body.len(),
            body: body.to_vec(),
            coded: None,
            anomalies: Vec::new(),
        };
        undo(&mut answer, 1 << 20);
        answer
    }

    #[test]
    fn the_codings_that_browsers_know_are_undone() {
        for (value, body, form) in [
            ("gzip", gzip(PAGE), "gzip (FLG 0, MTIME 0, XFL 0, OS 255)"),
            ("X-GZip", gzip(PAGE), "gzip (FLG 0, MTIME 0, XFL 0, OS 255)"),
            ("deflate", zlib(PAGE), "deflate (CMF 78, FLG 9c)"),
            ("deflate", raw(PAGE), "deflate (without zlib's head)"),
        ] {
            let answer = undone(&[value], &body);
            assert_eq!(
                (answer.body.as_slice(), &answer.anomalies[..]),
                (PAGE, &[][..]),
                "{value}"
            );
            let coded = answer.coded.unwrap();
            assert_eq!((coded.form.as_str(), coded.bytes), (form, body));
        }
    }

    #[test]
    fn what_is_not_known_is_left_as_it_came() {
        for values in [
            &["none"][..],
            &["utf-8"],
            &[""],
            &["br"],
            &["gzip", "gzip"],
            &["gzip, gzip"],
            &["identity"],
            &[],
        ] {
            let answer = undone(values, &gzip(PAGE));
            assert_eq!(
                (answer.body, answer.coded),
                (gzip(PAGE), None),
                "{values:?}"
            );
            assert_eq!(answer.anomalies, []);
        }
        let answer = undone(&["gzip"], b"");
        assert_eq!((answer.body, answer.anomalies), (Vec::new(), Vec::new()));
    }

    #[test]
    fn damage_at_any_byte_is_named_and_nothing_is_half_undone() {
        for (value, body) in [("gzip", gzip(PAGE)), ("deflate", zlib(PAGE))] {
            for end in 1..body.len() {
                let answer = undone(&[value], &body[..end]);
                assert_eq!(answer.body, body[..end], "{value} {end}");
                let named = answer.anomalies[0].to_string();
                assert!(named.starts_with("content coding "), "{named}");
            }
            let mut damaged = body.clone();
            let last = damaged.len() - 1;
            damaged[last] ^= 1;
            let named = undone(&[value], &damaged).anomalies[0].to_string();
            let expected = format!("content coding {value}: the stream is damaged");
            assert_eq!(named, expected);
        }
        let cut = raw(PAGE);
        let named = undone(&["deflate"], &cut[..cut.len() - 1]).anomalies[0].to_string();
        assert_eq!(named, "content coding deflate: the stream ends too early");
    }

    #[test]
    fn what_a_script_prints_behind_its_compressed_page_is_named() {
        let body = [gzip(PAGE), b"<b>Warning</b>".to_vec()].concat();
        let answer = undone(&["gzip"], &body);
        assert_eq!(answer.body, PAGE);
        let named = answer.anomalies[0].to_string();
        assert_eq!(named, "14 bytes behind the coded body: `<b>Warning</b>`");
        assert_eq!(answer.coded.unwrap().bytes, body);
    }

    #[test]
    fn a_bomb_is_left_as_it_came_and_named() {
        let zeros = vec![0; (1 << 20) + 1];
        for (value, bomb) in [("gzip", gzip(&zeros)), ("deflate", raw(&zeros))] {
            let answer = undone(&[value], &bomb);
            assert_eq!((answer.body, answer.coded), (bomb, None));
            let named = answer.anomalies[0].to_string();
            let expected =
                format!("content coding {value}: the stream holds more than 1048576 bytes");
            assert_eq!(named, expected);
        }
        let fits = undone(&["gzip"], &gzip(&zeros[1..]));
        assert_eq!((fits.body.len(), fits.anomalies), (1 << 20, Vec::new()));
    }
}
