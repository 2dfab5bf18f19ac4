//! Bytes to text and back, strictly: no byte is ever replaced.
//!
//! [`Charset`] is an encoding by its web name, [`detect()`] finds the one that a browser would use (HTTP header, byte order
//! mark, `<meta>`, the project's default), [`decode()`] refuses what the charset can't hold, [`Reading`] keeps the bytes of pages that
//! are not in their charset, [`form`] encodes what a browser sends, and [`explain()`] says in one sentence why two byte strings that should be the same text are not.

mod detection;
mod forensics;
pub mod form;
mod label;
mod reading;
mod stray;
mod text;

pub use detection::{Detection, Source, detect, header_charset, meta_charset};
pub use forensics::explain;
pub use label::Charset;
pub use reading::{Reading, as_browser};
pub use text::{DecodeError, Decoded, as_visible, decode, decode_exactly, utf8, visible};
