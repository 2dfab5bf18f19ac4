//! What requests do beside answering: rows that a step of a scenario with `mutates = true` changed, files that it wrote, mail
//! that it sent.
//!
//! A [`Watch`] looks at database and files before such a scenario and after each of its steps. [`record()`] makes the rounds of a
//! recording into `snapshots/<scenario>/effects.txt`; [`compare()`] compares what the candidate's steps changed with it. What
//! the server counts and what is its clock become holes, as in pages: a number must be the same wherever it was the same, a
//! clock must be right.

mod change;
mod error;
mod template;
mod text;

mod files;
mod mount;
mod watch;

mod compare;
mod learn;

pub use compare::{compare, outgrown};
pub use error::EffectError;
pub use files::{Files, MAIL_FOLDER, SENDMAIL, SENDMAIL_PATH};
pub use learn::{RecordedEffects, record, remove_outgrown};
pub use watch::{Observed, Watch};
