//! `migrate-verify.toml`: what a project says about its image, its guest, its old and its new server.
//!
//! A section may be missing: the command that needs it says so. [`Project::load`] refuses what it does not know, with file,
//! line and column. README.md explains every key.

mod config;
mod normaliser;

pub use config::{
    CONFIG_NAME, Candidate, Container, Database, DatabaseLock, DurationText, Effects, Image,
    Legacy, Percent, Project, Recipe, Rootfs, Run, StateTree, Tolerance,
};
pub use normaliser::Normaliser;
