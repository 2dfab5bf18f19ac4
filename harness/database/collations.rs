//! How a server compares and sorts words: a list of them, ordered and matched under every collation that the columns use.
//!
//! The order of `ch`, whether `Á` equals `a`, whether a space at the end counts: two servers may call a collation by one name and
//! differ in it, and then a search finds other rows, a page lists them in another order, a unique key refuses other values.

use std::fmt::Write as _;

use super::{
    cell::{CellEncoding, show},
    connection::Connection,
    description::{Description, Subject},
    error::DatabaseError,
    objects::hide,
    schema::text,
};

/// Words that Czech and Slovak collations disagree about, and what often goes wrong: case, digits, spaces, signs.
const WORDS: [&str; 40] = [
    "a", "A", "á", "Á", "ä", "b", "c", "C", "č", "Č", "cena", "čena", "chata", "Chata", "CHATA",
    "czata", "d", "ď", "e", "é", "ě", "h", "i", "í", "l", "ľ", "ĺ", "n", "ň", "o", "ô", "r", "ř",
    "s", "š", "z", "ž", "x", "x ", "10",
];

/// Reads how every collation in use treats the words.
pub(super) async fn read_collations(
    connection: &mut Connection,
) -> Result<Description, DatabaseError> {
    let what = "the collations";
    let query = "SELECT DISTINCT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL ORDER BY 1";
    let Some(rows) = connection.rows_if_known(what, query).await? else {
        return Ok(hide("the server has no information_schema"));
    };
    let mut subjects = Vec::new();
    for collation in rows.iter().map(|row| text(row, 0)) {
        let encoding = CellEncoding::of_collation(&collation);
        let charset = collation.split('_').next().unwrap_or_default().to_owned();
        let words: Vec<Vec<u8>> = WORDS
            .iter()
            .filter_map(|word| encode(word, encoding))
            .collect();
        if words.is_empty() || charset == "binary" {
            continue;
        }
        let mut subject = Subject::new(format!(
            "collation {}",
            collation.replace("utf8mb3", "utf8")
        ));
        let list = union(&words, &charset, &collation);
        // Words that are equal are put in order by their bytes.
        let order = [
            b"SELECT w FROM (".as_slice(),
            &list,
            b") AS words ORDER BY w, CAST(w AS BINARY)",
        ]
        .concat();
        let rows = connection.rows(what, order).await?;
        let shown: Vec<String> = rows
            .iter()
            .filter_map(|row| row.first())
            .map(|word| show(word, encoding, 0))
            .map(|word| plain(&word))
            .collect();
        subject.fact("order", shown.join(" "));
        let equal = [
            b"SELECT a.w, b.w FROM (".as_slice(), &list, b") AS a, (", &list,
            b") AS b WHERE a.w = b.w AND CAST(a.w AS BINARY) < CAST(b.w AS BINARY) ORDER BY CAST(a.w AS BINARY), CAST(b.w AS BINARY)",
        ].concat();
        let rows = connection.rows(what, equal).await?;
        let pairs: Vec<String> = rows
            .iter()
            .map(|row| {
                let words: Vec<String> = row
                    .iter()
                    .map(|word| plain(&show(word, encoding, 0)))
                    .collect();
                words.join("=")
            })
            .collect();
        subject.fact("equal", pairs.join(" "));
        subjects.push(subject);
    }
    Ok(Description(subjects))
}

/// Returns the collations that both servers use; that a column has another one is said of the column.
pub(super) fn common(expected: &Description, actual: &Description) -> [Description; 2] {
    let of = |one: &Description, other: &Description| {
        let both = |subject: &&Subject| other.0.iter().any(|other| other.name == subject.name);
        Description(one.0.iter().filter(both).cloned().collect())
    };
    [of(expected, actual), of(actual, expected)]
}

/// Writes the words as a table of one column.
fn union(words: &[Vec<u8>], charset: &str, collation: &str) -> Vec<u8> {
    let selects: Vec<Vec<u8>> = words
        .iter()
        .map(|word| {
            let hex = word.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a string can be written to");
                hex
            });
            format!("SELECT CONVERT(_{charset} x'{hex}' USING {charset}) COLLATE {collation} AS w")
                .into_bytes()
        })
        .collect();
    selects.join(b" UNION ALL ".as_slice())
}

/// Returns a word in a charset; `None` if the charset lacks one of its letters.
fn encode(word: &str, encoding: CellEncoding) -> Option<Vec<u8>> {
    let table = match encoding {
        CellEncoding::Windows1250 => encoding_rs::WINDOWS_1250,
        CellEncoding::Windows1252 => encoding_rs::WINDOWS_1252,
        CellEncoding::Latin2 => encoding_rs::ISO_8859_2,
        CellEncoding::Utf8 => return Some(word.as_bytes().to_vec()),
        CellEncoding::Bytes => return word.is_ascii().then(|| word.as_bytes().to_vec()),
    };
    let (encoded, _used, unmappable) = table.encode(word);
    (!unmappable).then(|| encoded.into_owned())
}

/// Takes the bytes and, where nothing is hidden by it, the quotes off a word.
fn plain(shown: &str) -> String {
    let word = shown.split(" (hex").next().unwrap_or_default();
    let inside = word.trim_matches('"');
    if inside.contains(' ') {
        word.to_owned()
    } else {
        inside.to_owned()
    }
}
