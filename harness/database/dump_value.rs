//! Values of a dump as a server gives them: text in the column's charset, numbers as the binary protocol has them, bits as bytes.

use encoding_rs::{Encoding, ISO_8859_2, WINDOWS_1250, WINDOWS_1252};

use super::cell::CellEncoding;

/// Returns the table of a charset with one byte a character.
pub(super) fn table_of(charset: &str) -> Option<&'static Encoding> {
    match charset {
        "cp1250" => Some(WINDOWS_1250),
        "latin1" => Some(WINDOWS_1252),
        "latin2" => Some(ISO_8859_2),
        _ => None,
    }
}

/// Converts text from the dump's charset to the column's, as the server did the other way round.
pub(super) fn convert(
    value: Vec<u8>,
    charset: &str,
    column: CellEncoding,
) -> Result<Vec<u8>, &'static str> {
    let from_utf8 = ["utf8", "utf8mb3", "utf8mb4"].contains(&charset);
    let from = table_of(charset);
    if from_utf8 && str::from_utf8(&value).is_err() {
        return Err(
            "the dump says that it is UTF-8, and this is not: it was written with another charset than its SET NAMES says",
        );
    }
    let to = match column {
        CellEncoding::Windows1250 => Some(WINDOWS_1250),
        CellEncoding::Windows1252 => Some(WINDOWS_1252),
        CellEncoding::Latin2 => Some(ISO_8859_2),
        CellEncoding::Utf8 => None,
        CellEncoding::Bytes => return Ok(value),
    };
    if charset == "binary" || value.is_ascii() || from == to && (from.is_some() || from_utf8) {
        return Ok(value);
    }
    let text = match from {
        Some(table) => table.decode_without_bom_handling(&value).0.into_owned(),
        None => String::from_utf8(value).map_err(|_not_utf8| "the dump's charset is not known")?,
    };
    let Some(to) = to else {
        return Ok(text.into_bytes());
    };
    let (encoded, _used, unmappable) = to.encode(&text);
    if unmappable {
        return Err(
            "the dump holds a character that its column can't hold: it was written with another charset than its SET NAMES says",
        );
    }
    Ok(encoded.into_owned())
}

/// Writes a number as the binary protocol gives it.
pub(super) fn float(text: &[u8], kind: &str) -> Option<Vec<u8>> {
    let text = str::from_utf8(text).ok()?;
    Some(if kind.starts_with("float") {
        format!("{:?}", text.parse::<f32>().ok()?).into_bytes()
    } else {
        format!("{:?}", text.parse::<f64>().ok()?).into_bytes()
    })
}

/// Writes `101` of a `bit(10)` as two bytes.
pub(super) fn bytes_of(bits: &[u8], kind: &str) -> Result<Vec<u8>, &'static str> {
    let wrong = "bits can't be read";
    let width = kind
        .strip_prefix("bit(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|width| width.parse::<usize>().ok())
        .ok_or(wrong)?;
    let text = str::from_utf8(bits).map_err(|_not_utf8| wrong)?;
    let number = u64::from_str_radix(text, 2).map_err(|_no_bits| wrong)?;
    Ok(number.to_be_bytes()[8 - width.div_ceil(8).min(8)..].to_vec())
}
