//! Files of MySQL: table definitions (`.frm`), MyISAM indexes (`.MYI`) and InnoDB's tablespaces (`ibdata1`, `.ibd`).

use super::bytes::{at, big_u32, hex};

/// InnoDB's pages in every version up to 5.6.
const PAGE: usize = 16_384;

/// A number in a header: its name, where it is, how many bytes it has.
type Field = (&'static str, usize, usize);

/// A MyISAM index begins with these, all big-endian.
const MYISAM: [Field; 14] = [
    ("version", 0, 4),
    ("count of openings", 24, 2),
    ("changed flag", 26, 1),
    ("number of rows", 28, 8),
    ("number of deleted rows", 36, 8),
    ("number of row parts", 44, 8),
    ("chain of deleted rows", 52, 8),
    ("index length", 60, 8),
    ("data length", 68, 8),
    ("auto-increment value", 92, 8),
    ("checksum", 100, 8),
    ("process number", 108, 4),
    ("status", 116, 4),
    ("count of updates", 120, 4),
];
/// These follow behind one pointer for each index and each size of index blocks.
const MYISAM_TIMES: [Field; 3] = [
    ("time of creation", 20, 8),
    ("time of recovery", 28, 8),
    ("time of the last check", 36, 8),
];
/// Where those pointers begin.
const MYISAM_POINTERS: usize = 124;
/// Each page of InnoDB begins with these.
const PAGE_HEADER: [Field; 6] = [
    ("checksum", 0, 4),
    ("page number", 4, 4),
    ("log sequence number", 16, 8),
    ("page type", 24, 2),
    ("flushed log sequence number", 26, 8),
    ("space number", 34, 4),
];
/// A table definition's header, little-endian; MySQL 5.0 leaves the rest of it to the table.
const DEFINITION: [Field; 4] = [
    ("format version", 2, 1),
    ("storage engine", 3, 1),
    ("number of keys", 8, 2),
    ("MySQL version", 51, 4),
];

/// Says which field of a database file's header differs.
pub(in super::super) fn explain_mysql(first: &[u8], second: &[u8]) -> Option<String> {
    let both = |test: fn(&[u8]) -> bool| test(first) && test(second);
    if both(|bytes| bytes.starts_with(&[0xfe, 0xfe, 7])) {
        return Some(myisam(first, second));
    }
    if both(|bytes| bytes.starts_with(&[0xfe, 1]) && bytes.len() > 64) {
        let header = differing(&DEFINITION, 0, first, second);
        return Some(match header {
            Some(header) => format!("MySQL table definition: {header}"),
            None => format!("MySQL table definition: {}", first_byte(first, second)),
        });
    }
    both(is_tablespace).then(|| tablespace(first, second))
}

fn myisam(first: &[u8], second: &[u8]) -> String {
    let times = |bytes: &[u8]| {
        let [keys] = at(bytes, 18)?;
        let [block_sizes] = at(bytes, 21)?;
        Some(MYISAM_POINTERS + 8 * (usize::from(keys) + usize::from(block_sizes)))
    };
    let base = times(first).filter(|_| times(first) == times(second));
    let time = base.and_then(|base| differing(&MYISAM_TIMES, base, first, second));
    let detail = differing(&MYISAM, 0, first, second).or(time);
    let detail = detail.unwrap_or_else(|| first_byte(first, second));
    format!("MyISAM index: {detail}")
}

/// A tablespace is whole pages, each of which begins with its number behind a checksum.
fn is_tablespace(bytes: &[u8]) -> bool {
    const LOOKED_AT: usize = 4;
    let pages = bytes.len() / PAGE;
    pages >= LOOKED_AT
        && bytes.len().is_multiple_of(PAGE)
        && (0..LOOKED_AT).all(|page| big_u32(bytes, page * PAGE + 4) == Some(page))
}

fn tablespace(first: &[u8], second: &[u8]) -> String {
    let pages = |bytes: &[u8]| bytes.len() / PAGE;
    let pairs = first.chunks(PAGE).zip(second.chunks(PAGE));
    let differ: Vec<usize> = pairs
        .enumerate()
        .filter(|(_, (one, other))| one != other)
        .map(|(page, _)| page)
        .collect();
    let Some(&page) = differ.first() else {
        return format!(
            "InnoDB tablespace: {} and {} pages",
            pages(first),
            pages(second)
        );
    };
    // A changed page has another checksum, which says nothing; what it is the sum of does.
    let base = page * PAGE;
    let detail = differing(&PAGE_HEADER[1..], base, first, second)
        .or_else(|| differing(&PAGE_HEADER[..1], base, first, second))
        .unwrap_or_else(|| "its rows differ".to_owned());
    format!(
        "InnoDB tablespace: {} pages differ; in page {page}: {detail}",
        differ.len()
    )
}

/// Returns the first field in which two headers differ, with its bytes.
fn differing(fields: &[Field], base: usize, first: &[u8], second: &[u8]) -> Option<String> {
    fields.iter().find_map(|&(name, offset, length)| {
        let start = base.checked_add(offset)?;
        let range = start..start.checked_add(length)?;
        let (one, other) = (first.get(range.clone())?, second.get(range)?);
        (one != other).then(|| format!("the {name} differs: 0x{} and 0x{}", hex(one), hex(other)))
    })
}

fn first_byte(first: &[u8], second: &[u8]) -> String {
    let differs = first
        .iter()
        .zip(second)
        .position(|(one, other)| one != other);
    let at = differs.unwrap_or_else(|| first.len().min(second.len()));
    format!("its header's known fields are the same, byte {at} differs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(bytes: &[u8], at: usize) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        changed[at] += 1;
        changed
    }

    #[test]
    fn a_database_file_is_told_by_its_header() {
        let mut index = vec![0; 400];
        index[..4].copy_from_slice(&[0xfe, 0xfe, 7, 1]);
        index[18] = 2;
        let mut definition = vec![0; 400];
        definition[..2].copy_from_slice(&[0xfe, 1]);
        let mut space = vec![0; 4 * PAGE];
        for page in 0..4_u8 {
            space[usize::from(page) * PAGE + 7] = page;
        }
        let table = [
            (
                &index,
                123,
                "MyISAM index: the count of updates differs: 0x00000000 and 0x00000001",
            ),
            (
                &index,
                124 + 16 + 27,
                "MyISAM index: the time of creation differs: 0x0000000000000000 and 0x0000000000000001",
            ),
            (
                &index,
                399,
                "MyISAM index: its header's known fields are the same, byte 399 differs",
            ),
            (
                &definition,
                51,
                "MySQL table definition: the MySQL version differs: 0x00000000 and 0x01000000",
            ),
            (
                &space,
                PAGE + 23,
                "InnoDB tablespace: 1 pages differ; in page 1: the log sequence number differs: 0x0000000000000000 and 0x0000000000000001",
            ),
            (
                &space,
                3 * PAGE + 9000,
                "InnoDB tablespace: 1 pages differ; in page 3: its rows differ",
            ),
        ];
        for (bytes, at, expected) in table {
            assert_eq!(
                explain_mysql(bytes, &changed(bytes, at)).as_deref(),
                Some(expected)
            );
        }
        assert_eq!(explain_mysql(&space[1..], &space), None);
    }
}
