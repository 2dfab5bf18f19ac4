//! Scenarios against a server: recorded from the old one, compared with the new one.

mod binary;
mod browser;
mod checks;
mod compare;
mod cookie;
mod error;
mod evidence;
mod excerpt;
mod form;
mod header_rule;
mod learn;
mod lines;
mod options;
mod run;
mod token;

pub use browser::Correlation;
pub use error::ReplayError;
pub use header_rule::{HEADER_RULES, HeaderRule};
pub use options::{Clock, Options};
