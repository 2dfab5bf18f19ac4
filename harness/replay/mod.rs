//! Scenarios against a server: recorded from the old one, compared with the new one.
//!
//! A browser with a memory of one scenario runs its steps ([`Options`] say how). [`record()`] does it in several rounds: what
//! varies between them in a way that is understood becomes a hole, anything else makes the step unstable and is not
//! recorded. [`replay()`] does it once and compares every answer in layers: framing, status, headers, charset, body.

mod alignment;
mod asked;
mod binary;
mod browser;
mod cause;
mod check;
mod checks;
mod clock_evidence;
mod coding;
mod compare;
mod compare_all;
mod compare_scenario;
mod cookie;
mod document;
mod error;
mod evidence;
mod excerpt;
mod filling;
mod form;
mod header_rule;
mod headers;
mod kind;
mod learn;
mod learn_headers;
mod lines;
mod link;
mod memory;
mod names;
mod naming;
mod options;
mod record;
mod recorder;
mod rounds;
mod run;
mod secrets;
mod session;
mod shown;
mod side_by_side;
mod span;
mod token;
mod varied;
mod zone_evidence;

pub use check::{FilesChecked, Finding, FindingKind, check_files, is_current};
pub use compare::differences;
pub use compare_all::{ReplayResult, left_out, replay};
pub use error::ReplayError;
pub use header_rule::{HEADER_RULES, HeaderRule};
pub use options::{Clock, Moment, Options, Pace, Witness};
pub use record::{RecordManner, RecordResult, record};
pub use span::Span;
