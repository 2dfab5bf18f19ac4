//! What a check found, in words that know nothing of OCI, HTTP or MySQL.
//!
//! A [`Case`] is one thing that was compared, a [`Stage`] is a list of cases, a [`RunReport`] a list of stages, and the
//! [`Verdict`] follows from them alone. A mismatch is a value here; an error is a case that is [`Outcome::Broken`];
//! something that was not looked at is [`Outcome::NotRun`]. Nothing checked is never "verified".

mod carried;
mod case;
mod run_report;
mod syslog;
mod timed;

pub use carried::Carried;
pub use case::{Case, CaseId, Difference, Outcome, chain};
pub use run_report::{RunReport, Stage, StageName, Verdict};
pub use syslog::{SyslogEntry, SyslogPart};
pub use timed::Timed;
