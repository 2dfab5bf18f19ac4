//! Programs and libraries (ELF): which sections differ, and whether it is the build-id alone.

use std::collections::BTreeMap;

use super::{
    Inside,
    bytes::{at, hex},
};
use crate::rootfs::escape;

/// Sections that hold nothing but what identifies a build.
const IDENTITIES: [&[u8]; 2] = [b".note.gnu.build-id", b".gnu_debuglink"];
/// Sections that are named in one sentence.
const MOST_NAMED: usize = 4;
/// The type of a section without bytes in the file.
const NO_BYTES: u64 = 8;
/// A note begins with three lengths and types, and `GNU` with its NUL.
const NOTE_HEADER: usize = 16;

/// Reads the numbers of one file: its class and its byte order decide how.
struct Reader<'a> {
    bytes: &'a [u8],
    is_64_bit: bool,
    is_little: bool,
}

/// The sections' bytes, by name.
type Sections<'a> = BTreeMap<&'a [u8], &'a [u8]>;

/// Says which sections of two ELF files differ.
pub(in super::super) fn explain_elf(
    first: &[u8],
    second: &[u8],
    inside: Inside<'_>,
) -> Option<String> {
    let (first, second) = (sections(first)?, sections(second)?);
    let mut names: Vec<&[u8]> = first.keys().chain(second.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| first.get(name) != second.get(name));
    let Some(&shown) = names
        .iter()
        .find(|name| !IDENTITIES.contains(name))
        .or(names.first())
    else {
        return Some("ELF: the same sections, laid out differently".to_owned());
    };
    if shown == IDENTITIES[0] {
        let id = |sections: &Sections<'_>| {
            let note = sections.get(shown).and_then(|note| note.get(NOTE_HEADER..));
            note.map_or("none".to_owned(), hex)
        };
        return Some(format!(
            "ELF: only the build-id differs: {} and {}",
            id(&first),
            id(&second)
        ));
    }
    let quoted: Vec<String> = names
        .iter()
        .take(MOST_NAMED)
        .map(|name| format!("`{}`", escape(name)))
        .collect();
    let more = match names.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (one, other) = (first.get(shown), second.get(shown));
    let detail = match (one, other) {
        (Some(one), Some(other)) => inside(one, other),
        (Some(_), None) => "only the first has it".to_owned(),
        (None, _) => "only the second has it".to_owned(),
    };
    Some(format!(
        "ELF: {}{more} differ; in `{}`: {detail}",
        quoted.join(", "),
        escape(shown)
    ))
}

fn sections(bytes: &[u8]) -> Option<Sections<'_>> {
    let [class, order] = at(bytes.strip_prefix(b"\x7fELF")?, 0)?;
    let reader = Reader {
        bytes,
        is_64_bit: class == 2,
        is_little: order == 1,
    };
    let (table, entry_size, count, names) = if reader.is_64_bit {
        (
            reader.word(0x28)?,
            reader.half(0x3a)?,
            reader.half(0x3c)?,
            reader.half(0x3e)?,
        )
    } else {
        (
            reader.word(0x20)?,
            reader.half(0x2e)?,
            reader.half(0x30)?,
            reader.half(0x32)?,
        )
    };
    let place = |index: usize| {
        usize::try_from(table)
            .ok()?
            .checked_add(index.checked_mul(entry_size)?)
    };
    let names = reader.section(place(names)?)?.1;
    let mut sections = Sections::new();
    for index in 0..count {
        let (name, bytes) = reader.section(place(index)?)?;
        let name = names.get(name..)?;
        let end = name.iter().position(|&byte| byte == 0)?;
        sections.insert(&name[..end], bytes);
    }
    Some(sections)
}

impl<'a> Reader<'a> {
    fn half(&self, offset: usize) -> Option<usize> {
        let bytes = at(self.bytes, offset)?;
        let number = if self.is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        };
        Some(usize::from(number))
    }

    fn quarter(&self, offset: usize) -> Option<u64> {
        let bytes = at(self.bytes, offset)?;
        let number = if self.is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        };
        Some(u64::from(number))
    }

    /// Reads a number that has the width of an address.
    fn word(&self, offset: usize) -> Option<u64> {
        if !self.is_64_bit {
            return self.quarter(offset);
        }
        let bytes = at(self.bytes, offset)?;
        Some(if self.is_little {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_be_bytes(bytes)
        })
    }

    /// Returns where a section's name is, and its bytes.
    fn section(&self, header: usize) -> Option<(usize, &'a [u8])> {
        let name = usize::try_from(self.quarter(header)?).ok()?;
        if self.quarter(header.checked_add(4)?)? == NO_BYTES {
            return Some((name, &[]));
        }
        let (offset, size) = if self.is_64_bit {
            (0x18, 0x20)
        } else {
            (0x10, 0x14)
        };
        let start = usize::try_from(self.word(header + offset)?).ok()?;
        let size = usize::try_from(self.word(header + size)?).ok()?;
        Some((name, self.bytes.get(start..start.checked_add(size)?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a file of 32 bits, big-endian, with an empty section, the names and others.
    fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut names = b"\0.shstrtab\0".to_vec();
        let mut data = Vec::new();
        let mut headers = vec![0_u8; 40];
        let mut header = |name: usize, offset: usize, bytes: &[u8]| {
            let mut numbers = [0_u32; 10];
            numbers[0] = u32::try_from(name).unwrap();
            numbers[1] = 1;
            numbers[4] = u32::try_from(offset).unwrap();
            numbers[5] = u32::try_from(bytes.len()).unwrap();
            headers.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        };
        for (name, bytes) in sections {
            header(names.len(), 52 + data.len(), bytes);
            names.extend_from_slice(name.as_bytes());
            names.push(0);
            data.extend_from_slice(bytes);
        }
        header(1, 52 + data.len(), &names);
        data.extend(names);
        let mut file = [&b"\x7fELF\x01\x02"[..], &[0; 46]].concat();
        file[0x20..0x24].copy_from_slice(&u32::try_from(52 + data.len()).unwrap().to_be_bytes());
        let count = u8::try_from(sections.len()).unwrap() + 2;
        file[0x2f] = 40;
        file[0x31] = count;
        file[0x33] = count - 1;
        [file, data, headers].concat()
    }

    #[test]
    fn a_program_is_told_by_its_sections() {
        let note = |last: u8| [&[0; 16][..], &[0xab, last]].concat();
        let text: (&str, &[u8]) = (".text", b"code");
        let plain = elf(&[text, (".note.gnu.build-id", &note(1))]);
        let table = [
            (
                elf(&[text, (".note.gnu.build-id", &note(2))]),
                "ELF: only the build-id differs: ab01 and ab02",
            ),
            (
                elf(&[(".text", b"Code"), (".note.gnu.build-id", &note(2))]),
                "ELF: `.note.gnu.build-id`, `.text` differ; in `.text`: …",
            ),
            (
                elf(&[text]),
                "ELF: `.note.gnu.build-id`, `.shstrtab` differ; in `.shstrtab`: …",
            ),
            (
                [&plain[..], b"more"].concat(),
                "ELF: the same sections, laid out differently",
            ),
        ];
        for (other, expected) in table {
            let explained = explain_elf(&plain, &other, &|_, _| "…".into());
            assert_eq!(explained.as_deref(), Some(expected));
        }
        assert_eq!(
            explain_elf(&plain[..60], &plain, &|_, _| String::new()),
            None
        );
    }
}
