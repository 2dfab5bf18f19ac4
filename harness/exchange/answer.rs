//! What came back.

use std::{borrow::Cow, fmt};

use super::coding::{Coded, is_coding};
use crate::{
    charset::{as_visible, visible},
    digest::Sha256Digest,
};

/// One header line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLine {
    /// The name as sent; the whole line where it has no colon.
    pub name: Vec<u8>,
    /// The value without the blanks around it.
    pub value: Vec<u8>,
}

impl HeaderLine {
    /// Returns whether the line has this name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns the name, printable.
    pub fn name_text(&self) -> Cow<'_, str> {
        as_visible(&self.name)
    }

    /// Returns the value, printable.
    pub fn value_text(&self) -> Cow<'_, str> {
        as_visible(&self.value)
    }
}

/// How the end of the body was marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The server closed the connection.
    Close,
    /// The answer has no body by its nature: 204, 304, HEAD.
    NoBody,
}

impl Framing {
    /// Returns the word that stands in snapshots.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Length => "content-length",
            Self::Chunked => "chunked",
            Self::Close => "close",
            Self::NoBody => "no-body",
        }
    }
}

/// Something in an answer that breaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// There is no head at all.
    NoHead,
    /// The head ends with the connection.
    TruncatedHead,
    /// A line of the head ends with LF alone.
    BareLineFeed,
    /// A line of the head has no colon, or a name that is none.
    BadHeaderLine(String),
    /// Between the name and the value of a header line is not one blank, or there are some behind it.
    OddBlanks(String),
    /// A header line continues the one before it.
    FoldedHeader,
    /// The status line is not one.
    BadStatusLine,
    /// `Content-Length` stands there more than once, is no number, or begins with a zero.
    BadContentLength(String),
    /// Both `Content-Length` and chunks.
    LengthAndChunked,
    /// The body ends before its announced end.
    TruncatedBody,
    /// A chunk is not one.
    BadChunk,
    /// There is something behind the size of a chunk.
    ChunkExtension(String),
    /// There is a header line behind the last chunk.
    Trailer(String),
    /// There are bytes after the body's end.
    TrailingBytes(Vec<u8>),
    /// The content coding can't be undone.
    BadContentCoding(String),
    /// There are bytes behind the end of the coded body, within the body.
    CodedSurplus(Vec<u8>),
    /// An interim answer (1xx) came first.
    Interim(String),
}

impl fmt::Display for Anomaly {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHead => formatter.write_str("no head"),
            Self::TruncatedHead => formatter.write_str("truncated head"),
            Self::BareLineFeed => {
                formatter.write_str("line feed without carriage return in the head")
            }
            Self::BadHeaderLine(line) => write!(formatter, "bad header line `{line}`"),
            Self::OddBlanks(line) => write!(formatter, "odd blanks in header line `{line}`"),
            Self::FoldedHeader => formatter.write_str("folded header line"),
            Self::BadStatusLine => formatter.write_str("bad status line"),
            Self::BadContentLength(value) => write!(formatter, "bad content-length `{value}`"),
            Self::LengthAndChunked => formatter.write_str("content-length beside chunks"),
            Self::TruncatedBody => formatter.write_str("truncated body"),
            Self::BadChunk => formatter.write_str("bad chunk"),
            Self::ChunkExtension(line) => write!(formatter, "chunk extension `{line}`"),
            Self::Trailer(line) => write!(formatter, "trailer `{line}`"),
            Self::TrailingBytes(bytes) => surplus(bytes, "after the body", formatter),
            Self::BadContentCoding(what) => write!(formatter, "content coding {what}"),
            Self::CodedSurplus(bytes) => surplus(bytes, "behind the coded body", formatter),
            Self::Interim(line) => write!(formatter, "interim answer `{line}`"),
        }
    }
}

/// So many bytes after a body are shown; of more, a digest tells whether they are the same.
const SHOWN: usize = 200;

fn surplus(bytes: &[u8], place: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = visible(&bytes[..bytes.len().min(SHOWN)]);
    write!(formatter, "{} bytes {place}: `{shown}`", bytes.len())?;
    if bytes.len() > SHOWN {
        write!(formatter, " and more, {}", Sha256Digest::of(bytes))?;
    }
    Ok(())
}

/// One answer, as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status line without its end.
    pub status_line: Vec<u8>,
    /// The header lines in order.
    pub headers: Vec<HeaderLine>,
    /// How the body's end was marked.
    pub framing: Framing,
    /// How many bytes the body had on the wire, chunk heads included.
    pub wire_length: usize,
    /// The body without its framing and, where `coded` says so, without its content coding.
    pub body: Vec<u8>,
    /// How the body was coded, where that was undone.
    pub coded: Option<Coded>,
    /// What breaks the protocol, in the order in which it was met.
    pub anomalies: Vec<Anomaly>,
}

impl Answer {
    /// Returns the status code, where the status line has one.
    pub fn status(&self) -> Option<u16> {
        super::head::status_code(&self.status_line)
    }

    /// Returns the values of `Content-Encoding` that name a content coding.
    pub(super) fn codings(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self
            .headers
            .iter()
            .filter(|line| line.is("content-encoding"));
        let values = lines.map(|line| line.value.as_slice());
        values.filter(|value| is_coding(value))
    }

    /// Returns whether the body is still coded: its content coding is unknown or damaged.
    pub fn is_coded(&self) -> bool {
        self.coded.is_none() && !self.body.is_empty() && self.codings().next().is_some()
    }

    /// Returns the bytes of the body that were on the wire, without its framing.
    pub fn coded_body(&self) -> &[u8] {
        self.coded.as_ref().map_or(&self.body, |coded| &coded.bytes)
    }

    /// Returns the first value of a header, printable.
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers
            .iter()
            .find(|line| line.is(name))
            .map(HeaderLine::value_text)
    }
}
