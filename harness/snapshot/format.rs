//! The text of a snapshot file: insta's front matter, then the page.
//!
//! ```text
//! ---
//! description: "A teacher logs in: login"
//! info:
//!   version: 3
//!   request: "POST /login.php"
//!   …
//!   holes:
//!     - {"name":"time-1","place":"body","at":120,"kind":"clock","formats":["H:i:s"],"offset":0}
//! ---
//! <html>…{{time-1}}…
//! ```
//! Strings are written as JSON, which is YAML too and has one way to write each. A page that is not in the charset that a browser uses for
//! it says how it is read (`read_as`, the charset; or `stray`, how many bytes stand as `\xe8`), and its version is one higher.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    front::{self, HoleRecord},
    hole::Hole,
    model::{Body, Snapshot},
    page,
    template::Template,
    zone::Zone,
};
use crate::{
    charset::{Charset, Detection, Reading, Source},
    digest::Sha256Digest,
};

/// What an answer is to whoever reads its file. The file says it under its seal, so that a pending one that is renamed decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is compared with.
    Recorded,
    /// It waits for a decision.
    Pending,
}

impl State {
    /// Refuses a file that says to be something else.
    fn agrees(self, pending: bool) -> Result<(), String> {
        match (self, pending) {
            (Self::Recorded, true) => Err(UNDECIDED.to_owned()),
            (Self::Pending, false) => Err(NOT_PENDING.to_owned()),
            (Self::Recorded, false) | (Self::Pending, true) => Ok(()),
        }
    }
}

/// The version of this format, of pages that are in the charset that a browser uses.
const VERSION: u32 = 3;

/// The version of other pages, which earlier programs can't read.
const WITH_READING: u32 = 4;

/// The version that kept compressed pages as they came; its other files are read as they are.
const WITHOUT_CODINGS: u32 = 2;

/// What stands before the digest of the file without the line that holds it.
const SEAL: &str = "  file: ";

/// Writes a snapshot: the text file, and the bytes beside it where there are any.
pub(super) fn write(snapshot: &Snapshot, state: State) -> (String, Option<(String, Vec<u8>)>) {
    let mut holes = Vec::new();
    let mut lines = vec!["---".to_owned()];
    head(&mut lines, snapshot, state, &mut holes);
    let (text, digest, beside) = match &snapshot.body {
        Body::Text(template) => {
            let text = marked(&page::shown(template, snapshot.reading), "body", &mut holes);
            let digest = Sha256Digest::of(text.as_bytes());
            (text, digest, None)
        }
        Body::Binary { bytes, extension } => {
            let digest = Sha256Digest::of(bytes);
            (
                String::new(),
                digest,
                Some((extension.clone(), bytes.clone())),
            )
        }
    };
    lines.push(format!("  body: {}", json(&digest.to_string())));
    let place = lines.len();
    list(&mut lines, "holes", holes.into_iter());
    if let Some((extension, _)) = &beside {
        lines.push(format!("extension: {}", json(extension)));
        lines.push("snapshot_kind: binary".to_owned());
    }
    lines.push("---".to_owned());
    // The page has a digest of its own, so that the front matter is what is left to seal.
    let seal = Sha256Digest::of(lines.join("\n").as_bytes());
    lines.insert(place, format!("{SEAL}{}", json(&seal.to_string())));
    let mut file = lines.join("\n");
    file.push('\n');
    if beside.is_none() {
        file.push_str(&text);
        file.push('\n');
    }
    (file, beside)
}

/// Writes everything of the front matter that stands before the body's digest.
fn head(lines: &mut Vec<String>, snapshot: &Snapshot, state: State, holes: &mut Vec<String>) {
    lines.push(format!("description: {}", json(&snapshot.description)));
    lines.push("info:".to_owned());
    let version = match snapshot.reading {
        Reading::Declared => VERSION,
        Reading::Other(_) | Reading::Stray => WITH_READING,
    };
    lines.push(format!("  version: {version}"));
    lines.push(format!("  request: {}", json(&snapshot.request)));
    list(lines, "sent", snapshot.sent.iter().map(json));
    lines.push(format!("  asked: {}", json(&snapshot.asked)));
    if state == State::Pending {
        lines.push("  pending: true".to_owned());
    }
    if let Some(reason) = &snapshot.accepted {
        lines.push(format!("  accepted: {}", json(reason)));
    }
    if let Some(differs) = &snapshot.differs {
        lines.push(format!("  differs: {}", json(differs)));
    }
    lines.push(format!("  status: {}", json(&snapshot.status)));
    let mut headers = Vec::new();
    for (number, (name, value)) in snapshot.headers.iter().enumerate() {
        let mut line = Template::literal(&format!("{name}: "));
        line.push(value.clone());
        headers.push(json(&marked(&line, &format!("header {number}"), holes)));
    }
    list(lines, "headers", headers.into_iter());
    lines.push(format!("  framing: {}", json(&snapshot.framing)));
    if let Some(coded) = &snapshot.coded {
        lines.push(format!("  coded: {}", json(coded)));
    }
    list(lines, "anomalies", snapshot.anomalies.iter().map(json));
    if let Some(Detection { charset, source }) = snapshot.charset {
        lines.push(format!("  charset: {}", json(&charset.name())));
        lines.push(format!("  charset_from: {}", json(source.as_str())));
    }
    lines.extend(page::line(snapshot.reading, &snapshot.body));
    lines.push(format!("  zone: {}", json(&snapshot.zone.to_string())));
}

fn list(lines: &mut Vec<String>, name: &str, values: impl Iterator<Item = String>) {
    let values: Vec<String> = values.map(|value| format!("    - {value}")).collect();
    if !values.is_empty() {
        lines.push(format!("  {name}:"));
        lines.extend(values);
    } else if name == "headers" {
        lines.push("  headers: []".to_owned());
    }
}

fn marked(template: &Template, place: &str, holes: &mut Vec<String>) -> String {
    let (text, offsets) = template.marked();
    for (hole, at) in template.holes().iter().zip(offsets) {
        let record = HoleRecord {
            name: hole.name.clone(),
            place: place.to_owned(),
            at,
            kind: hole.kind.clone(),
        };
        holes.push(json(&record));
    }
    text
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    let text = serde_json::to_string(value).expect("strings and holes always serialise");
    // JSON leaves DEL and the C1 controls as they are, YAML forbids them.
    text.chars()
        .map(|character| match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                format!("\\u{:04x}", u32::from(character))
            }
            other => other.to_string(),
        })
        .collect()
}

/// Splits a snapshot file into its front matter and its text.
fn split(file: &str) -> Result<(&str, &str), String> {
    let rest = file
        .strip_prefix("---\n")
        .ok_or("it does not begin with front matter")?;
    Ok(rest
        .split_once("\n---\n")
        .ok_or("its front matter has no end")?)
}

/// Reads a snapshot file; `beside` fetches the bytes of a binary one.
pub(super) fn read(
    file: &str,
    state: State,
    beside: impl FnOnce(&str) -> Result<Vec<u8>, String>,
) -> Result<Snapshot, String> {
    let (yaml, text) = split(file)?;
    let version = version(yaml)?;
    let info = front::read(yaml, &format!("  version: {version}"))?;
    if info.file != seal(yaml).to_string() {
        return Err(EDITED_HEAD.to_owned());
    }
    state.agrees(info.pending)?;
    let mut places: Vec<(String, usize, Hole)> = info
        .holes
        .into_iter()
        .map(
            |HoleRecord {
                 name,
                 place,
                 at,
                 kind,
             }| (place, at, Hole { name, kind }),
        )
        .collect();
    let headers = headers(&info.headers, &mut places)?;
    let is_coded = |(name, _): &(String, Template)| name.eq_ignore_ascii_case("content-encoding");
    if version == WITHOUT_CODINGS && headers.iter().any(is_coded) {
        return Err(OTHER_VERSION.to_owned());
    }
    let charset = charset(info.charset.as_deref(), info.charset_from.as_deref())?;
    let reading = page::reading(info.read_as.as_deref(), info.stray)?;
    if (reading == Reading::Declared) == (version == WITH_READING) {
        return Err(OTHER_VERSION.to_owned());
    }
    let binary = info.extension.is_some();
    let (body, digest) = body(text, info.extension, &mut places, beside)?;
    if digest.to_string() != info.body {
        return Err(EDITED.to_owned());
    }
    if let Some((place, _, hole)) = places.first() {
        return Err(format!(
            "the hole `{}` has an unknown place `{place}`",
            hole.name
        ));
    }
    if !binary && charset.is_none() {
        return Err("it is a text without a charset".to_owned());
    }
    Ok(Snapshot {
        description: info.description,
        request: info.request,
        sent: info.sent,
        asked: info.asked,
        accepted: info.accepted,
        differs: info.differs,
        status: info.status,
        headers,
        framing: info.framing,
        coded: info.coded,
        anomalies: info.anomalies,
        charset,
        reading,
        zone: Zone::parse(&info.zone).map_err(|error| error.to_string())?,
        body: page::read(body, reading, info.stray)?,
    })
}

/// Returns the version of a front matter, where it is one that is read.
fn version(yaml: &str) -> Result<u32, String> {
    let is_there = |version: &u32| {
        let wanted = format!("  version: {version}");
        yaml.lines().any(|line| line == wanted)
    };
    let mut versions = [VERSION, WITH_READING, WITHOUT_CODINGS].into_iter();
    Ok(versions.find(is_there).ok_or(OTHER_VERSION)?)
}

/// Why a body is refused.
const EDITED: &str = "its body is not the one that was recorded: it was edited, or line ends were converted; `record` it again";

/// Why a front matter is refused.
const EDITED_HEAD: &str =
    "its front matter is not the one that was recorded: it was edited; `record` it again";

/// Why an answer is not compared with.
const UNDECIDED: &str = "it is an answer that waits for a decision, put here without one: bring the snapshot back, then `accept` or `reject` it";

/// Why an answer can't be decided on.
const NOT_PENDING: &str = "`record --pending` did not write it: remove it";

/// Why the file of another version is refused.
const OTHER_VERSION: &str = "its format is of another version of this program; `record` it again";

/// Returns the digest of a front matter without the line that holds it.
fn seal(yaml: &str) -> Sha256Digest {
    let mut sealed = Sha256::new_with_prefix("---");
    for line in yaml.split('\n').filter(|line| !line.starts_with(SEAL)) {
        sealed.update("\n");
        sealed.update(line);
    }
    sealed.update("\n---");
    Sha256Digest::from_hasher(sealed)
}

fn body(
    text: &str,
    extension: Option<String>,
    places: &mut Vec<(String, usize, Hole)>,
    beside: impl FnOnce(&str) -> Result<Vec<u8>, String>,
) -> Result<(Body, Sha256Digest), String> {
    if let Some(extension) = extension {
        let bytes = beside(&extension)?;
        let digest = Sha256Digest::of(&bytes);
        return Ok((Body::Binary { bytes, extension }, digest));
    }
    let text = text.strip_suffix('\n').ok_or("its last line has no end")?;
    let digest = Sha256Digest::of(text.as_bytes());
    let template = Template::from_marked(text.to_owned(), take(places, |place| place == "body"))?;
    Ok((Body::Text(template), digest))
}

/// Takes the holes of one place.
fn take(
    places: &mut Vec<(String, usize, Hole)>,
    is_here: impl Fn(&str) -> bool,
) -> Vec<(usize, Hole)> {
    let taken = places.extract_if(.., |(place, _, _)| is_here(place));
    taken.map(|(_, at, hole)| (at, hole)).collect()
}

/// Reads the header lines with their holes.
fn headers(
    lines: &[String],
    places: &mut Vec<(String, usize, Hole)>,
) -> Result<Vec<(String, Template)>, String> {
    let mut headers = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        let is_here = |place: &str| {
            let digits = place.strip_prefix("header ");
            digits.and_then(|digits| digits.parse().ok()) == Some(number)
        };
        headers.push(header(line, take(places, is_here))?);
    }
    Ok(headers)
}

fn header(line: &str, holes: Vec<(usize, Hole)>) -> Result<(String, Template), String> {
    let (name, value) = line
        .split_once(": ")
        .ok_or_else(|| format!("`{line}` is no header line"))?;
    let start = name.len() + 2;
    let holes = holes
        .into_iter()
        .map(|(at, hole)| match at.checked_sub(start) {
            Some(at) => Ok((at, hole)),
            None => Err(format!(
                "the hole `{}` stands in a header's name",
                hole.name
            )),
        })
        .collect::<Result<_, _>>()?;
    Ok((
        name.to_owned(),
        Template::from_marked(value.to_owned(), holes)?,
    ))
}

fn charset(name: Option<&str>, from: Option<&str>) -> Result<Option<Detection>, String> {
    let (Some(name), Some(from)) = (name, from) else {
        return Ok(None);
    };
    let charset = Charset::for_label(name).ok_or_else(|| format!("`{name}` is no charset"))?;
    let sources = [
        Source::Header,
        Source::ByteOrderMark,
        Source::Meta,
        Source::Default,
    ];
    let source = sources
        .into_iter()
        .find(|source| source.as_str() == from)
        .ok_or_else(|| format!("`{from}` declares no charset"))?;
    Ok(Some(Detection { charset, source }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a recorded file with this version and header, sealed.
    fn file(version: u32, header: &str, reading: Reading) -> String {
        let snapshot = Snapshot {
            description: "a: b".to_owned(),
            request: "GET /".to_owned(),
            sent: Vec::new(),
            asked: String::new(),
            accepted: None,
            differs: None,
            status: "HTTP/1.1 200 OK".to_owned(),
            headers: vec![(header.to_owned(), Template::literal("gzip"))],
            framing: "close".to_owned(),
            coded: None,
            anomalies: Vec::new(),
            charset: charset(Some("utf-8"), Some("meta")).unwrap(),
            reading,
            zone: Zone::utc(),
            body: Body::Text(Template::literal("page \u{f7e8}")),
        };
        let (text, _) = write(&snapshot, State::Recorded);
        let text = text
            .replace("version: 3", &format!("version: {version}"))
            .replace("version: 4", &format!("version: {version}"));
        resealed(&text)
    }

    /// Seals a file again that was edited.
    fn resealed(text: &str) -> String {
        let sealed = seal(split(text).unwrap().0).to_string();
        let lines = text.split('\n').map(|line| match line.strip_prefix(SEAL) {
            Some(_) => format!("{SEAL}{}", json(&sealed)),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_file_of_the_version_before_is_read_unless_its_page_was_kept_compressed() {
        let other = Reading::Other(Charset::WINDOWS_1250);
        for (version, header, reading, refused) in [
            (4, "Content-Encoding", other, None),
            (4, "Content-Encoding", Reading::Stray, None),
            (4, "X-Coding", Reading::Declared, Some(OTHER_VERSION)),
            (3, "Content-Encoding", Reading::Declared, None),
            (3, "X-Coding", other, Some(OTHER_VERSION)),
            (3, "X-Coding", Reading::Stray, Some(OTHER_VERSION)),
            (2, "X-Coding", Reading::Declared, None),
            (2, "X-Coding", Reading::Stray, Some(OTHER_VERSION)),
            (
                2,
                "content-encoding",
                Reading::Declared,
                Some(OTHER_VERSION),
            ),
            (1, "X-Coding", Reading::Declared, Some(OTHER_VERSION)),
        ] {
            let text = file(version, header, reading);
            let read = read(&text, State::Recorded, |_| unreachable!());
            let found = read.as_ref().err().map(String::as_str);
            assert_eq!(found, refused, "{version} {header}");
            if let Ok(snapshot) = read {
                let page = Template::literal("page \u{f7e8}");
                assert_eq!(snapshot.body, Body::Text(page), "{text}");
                assert_eq!(snapshot.reading, reading);
            }
        }
    }

    #[test]
    fn a_file_that_was_given_another_reading_is_refused() {
        let stray = file(4, "X-Coding", Reading::Stray);
        assert!(stray.contains("\n  stray: 1\n") && stray.ends_with("\npage \\xe8\n"));
        for line in [
            "  stray: 2\n",
            "  read_as: \"utf-9\"\n",
            "  read_as: \"utf-8\"\n  stray: 1\n",
        ] {
            let text = resealed(&stray.replace("  stray: 1\n", line));
            assert!(
                read(&text, State::Recorded, |_| unreachable!()).is_err(),
                "{line}"
            );
        }
    }
}
