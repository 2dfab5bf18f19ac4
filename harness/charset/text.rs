//! Strict decoding, and the check that encoding gives the same bytes back.

use std::borrow::Cow;

use encoding_rs::UTF_8;

use super::label::Charset;

/// The bytes that CP1250 leaves undefined. Browsers make C1 controls of them, other programs refuse or lose them.
pub(super) const UNDEFINED_IN_CP1250: [u8; 5] = [0x81, 0x83, 0x88, 0x90, 0x98];

/// A page as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The text; encoding it gives the bytes back.
    pub text: String,
    /// Offset and value of bytes that CP1250 does not define.
    pub undefined: Vec<(usize, u8)>,
}

/// Why bytes are not text in a charset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A byte has no meaning.
    #[error("byte {byte:#04x} at offset {offset} is not valid in {charset}")]
    Invalid {
        /// The charset.
        charset: String,
        /// Where.
        offset: usize,
        /// What stands there.
        byte: u8,
    },
    /// Decoding works but does not lead back to the same bytes.
    #[error("text in {charset} does not encode to the same bytes")]
    NotReversible {
        /// The charset.
        charset: String,
    },
}

/// Returns `bytes` as text where they are UTF-8, in a fraction of the time that [`str::from_utf8`] takes for pages that are not English.
pub fn utf8(bytes: &[u8]) -> Option<Cow<'_, str>> {
    UTF_8.decode_without_bom_handling_and_without_replacement(bytes)
}

/// Decodes `bytes`; fails instead of replacing.
pub fn decode(bytes: &[u8], charset: Charset) -> Result<Decoded, DecodeError> {
    let text = charset
        .0
        .decode_without_bom_handling_and_without_replacement(bytes);
    let Some(text) = text else {
        let offset = first_invalid(bytes, charset);
        return Err(DecodeError::Invalid {
            charset: charset.name(),
            offset,
            byte: bytes.get(offset).copied().unwrap_or_default(),
        });
    };
    let undefined = if charset == Charset::WINDOWS_1250 {
        bytes
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, byte)| !byte.is_ascii() && UNDEFINED_IN_CP1250.contains(byte))
            .collect()
    } else {
        Vec::new()
    };
    Ok(Decoded {
        text: text.into_owned(),
        undefined,
    })
}

/// Decodes `bytes` and makes sure that encoding gives exactly them back.
pub fn decode_exactly(bytes: &[u8], charset: Charset) -> Result<Decoded, DecodeError> {
    let decoded = decode(bytes, charset)?;
    let (encoded, _, unmappable) = charset.0.encode(&decoded.text);
    if unmappable || encoded.as_ref() != bytes {
        return Err(DecodeError::NotReversible {
            charset: charset.name(),
        });
    }
    Ok(decoded)
}

/// Makes bytes of unknown charset printable and keeps them apart: ASCII as it is, everything else, and the backslash, as
/// `\xNN`.
pub fn visible(bytes: &[u8]) -> String {
    as_visible(bytes).into_owned()
}

/// Returns what [`visible`] does; most of what is shown needs nothing, and is lent.
pub fn as_visible(bytes: &[u8]) -> Cow<'_, str> {
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
    if let (true, Ok(text)) = (
        bytes.iter().all(|&byte| is_plain(byte)),
        str::from_utf8(bytes),
    ) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str("\\x");
            for nibble in [byte >> 4, byte & 15] {
                text.push(
                    char::from_digit(u32::from(nibble), 16).expect("a nibble is a hex digit"),
                );
            }
        }
    }
    Cow::Owned(text)
}

/// Finds the offset of the first byte that can't be decoded, by halving.
fn first_invalid(bytes: &[u8], charset: Charset) -> usize {
    let mut decoder = charset.0.new_decoder_without_bom_handling();
    let mut output = [0_u8; 4096];
    let mut offset = 0;
    loop {
        let (result, read, _) = decoder.decode_to_utf8_without_replacement(
            bytes.get(offset..).unwrap_or_default(),
            &mut output,
            true,
        );
        offset += read;
        match result {
            encoding_rs::DecoderResult::InputEmpty => return offset.min(bytes.len()),
            encoding_rs::DecoderResult::OutputFull => {}
            encoding_rs::DecoderResult::Malformed(length, extra) => {
                return offset.saturating_sub(usize::from(length) + usize::from(extra));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_cp1250_and_the_undefined_ones_are_listed() {
        let bytes: Vec<u8> = (0..=255).collect();
        let decoded = decode_exactly(&bytes, Charset::WINDOWS_1250).unwrap();
        let undefined: Vec<u8> = decoded.undefined.iter().map(|(_, byte)| *byte).collect();
        assert_eq!(undefined, UNDEFINED_IN_CP1250);
        assert!(decoded.text.contains('š'));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_at_their_offset() {
        let error = decode_exactly(b"u\xe8ite\xbe", Charset::UTF_8).unwrap_err();
        insta::assert_snapshot!(error, @"byte 0xe8 at offset 1 is not valid in utf-8");
    }

    #[test]
    fn unknown_bytes_are_shown_without_ambiguity() {
        assert_eq!(visible(b"a\\\xe8\r"), "a\\x5c\\xe8\\x0d");
    }
}
