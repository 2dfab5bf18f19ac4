//! `migrate-verify.toml`: what a project says about its image, its guest, its old and its new server.
//!
//! A section may be missing: the command that needs it says so. The format is CONTRACT's; [`Project::load`] refuses what
//! it does not know, with file, line and column.

mod config;

pub use config::{
    CONFIG_NAME, Candidate, Container, DurationText, Image, Legacy, Project, Recipe, Rootfs, Run,
    StateTree,
};
