//! Message catalogues of gettext (`.mo`): pairs of a text and its translation; that of the empty text is a header.

use std::collections::BTreeMap;

use super::bytes::at;
use crate::rootfs::escape;

const MAGIC: u32 = 0x9504_12de;
/// Bytes of a text that are shown.
const SHOWN: usize = 60;

/// Says which field of the header, or which translation, differs.
pub(in super::super) fn explain_gettext(first: &[u8], second: &[u8]) -> Option<String> {
    let (first, second) = (messages(first)?, messages(second)?);
    let (first_header, second_header) = (header(&first), header(&second));
    let texts: Vec<&[u8]> = first
        .keys()
        .chain(second.keys())
        .filter(|text| first.get(*text) != second.get(*text))
        .copied()
        .collect();
    match texts.iter().find(|text| !text.is_empty()) {
        Some(text) => Some(format!(
            "gettext catalogue: the translation of `{}` differs",
            escape(&text[..text.len().min(SHOWN)])
        )),
        None if texts.is_empty() => {
            Some("gettext catalogue: the same translations, packed differently".to_owned())
        }
        None => {
            let names = first_header.keys().chain(second_header.keys());
            let mut differing: Vec<&[u8]> = names
                .filter(|name| first_header.get(*name) != second_header.get(*name))
                .copied()
                .collect();
            differing.dedup();
            let name = *differing.first()?;
            let value = |header: &BTreeMap<&[u8], &[u8]>| {
                header
                    .get(name)
                    .map_or("nothing".to_owned(), |value| escape(value))
            };
            let (first, second) = (value(&first_header), value(&second_header));
            Some(format!(
                "gettext catalogue: the header's {} differs: {first} and {second}",
                escape(name)
            ))
        }
    }
}

fn messages(bytes: &[u8]) -> Option<BTreeMap<&[u8], &[u8]>> {
    let start = at(bytes, 0)?;
    let read = if u32::from_le_bytes(start) == MAGIC {
        u32::from_le_bytes
    } else if u32::from_be_bytes(start) == MAGIC {
        u32::from_be_bytes
    } else {
        return None;
    };
    let number = |offset| usize::try_from(read(at(bytes, offset)?)).ok();
    let (count, texts, translations) = (number(8)?, number(12)?, number(16)?);
    let text = |table: usize, index: usize| {
        let entry = table.checked_add(index.checked_mul(8)?)?;
        let (length, offset) = (number(entry)?, number(entry + 4)?);
        bytes.get(offset..offset.checked_add(length)?)
    };
    (0..count)
        .map(|index| Some((text(texts, index)?, text(translations, index)?)))
        .collect()
}

fn header<'a>(messages: &BTreeMap<&[u8], &'a [u8]>) -> BTreeMap<&'a [u8], &'a [u8]> {
    let header = messages.get(&b""[..]).copied().unwrap_or_default();
    let field = |line: &'a [u8]| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    };
    header
        .split(|&byte| byte == b'\n')
        .filter_map(field)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(messages: &[(&str, &str)]) -> Vec<u8> {
        let count = u32::try_from(messages.len()).unwrap();
        let mut tables = vec![MAGIC, 0, count, 28, 28 + 8 * count, 0, 0];
        let mut texts = Vec::new();
        let start = 28 + 16 * count;
        let originals = messages.iter().map(|message| message.0);
        for text in originals.chain(messages.iter().map(|message| message.1)) {
            tables.push(u32::try_from(text.len()).unwrap());
            tables.push(start + u32::try_from(texts.len()).unwrap());
            texts.extend_from_slice(text.as_bytes());
        }
        let mut bytes: Vec<u8> = tables
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        bytes.extend(texts);
        bytes
    }

    #[test]
    fn a_catalogue_is_told_by_its_header_or_a_translation() {
        let header =
            |day: u8| format!("Project-Id-Version: x\nPOT-Creation-Date: 2009-02-{day} 10:11\n");
        let plain = catalogue(&[("", &header(14)), ("school", "škola")]);
        let table = [
            (
                catalogue(&[("", &header(15)), ("school", "škola")]),
                "gettext catalogue: the header's POT-Creation-Date differs: 2009-02-14 10:11 and 2009-02-15 10:11",
            ),
            (
                catalogue(&[("", &header(14)), ("school", "Schule")]),
                "gettext catalogue: the translation of `school` differs",
            ),
            (
                [&plain[..], b"\0"].concat(),
                "gettext catalogue: the same translations, packed differently",
            ),
        ];
        for (other, expected) in table {
            assert_eq!(explain_gettext(&plain, &other).as_deref(), Some(expected));
        }
        assert_eq!(explain_gettext(&plain[..30], &plain), None);
    }
}
