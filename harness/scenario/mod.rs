//! `scenarios/*.toml`: what is asked, in the words of a person. The format's manual is `scenarios/README.md`.
//!
//! [`load()`] reads every scenario of a folder, in the order of their names, and refuses what it does not know with file,
//! line and column. Names of scenarios and steps become names of files and are checked to be safe ones.

mod file;
mod load;
mod model;

pub use load::load;
pub use model::{
    Capture, Extract, HandWrittenHole, Part, PartContent, Scenario, Sent, State, Step,
};
