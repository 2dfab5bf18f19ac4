//! migrate-verify proves that a migrated copy of an old LAMP server is the same as the server it replaces.
//!
//! Data flows one way. An image becomes a rootfs (`image`, `rootfs`, `recipe`), the rootfs is built twice and compared
//! (`reproducibility`), booted (`machine`), asked what the old server was asked (`scenario`, `exchange`, `snapshot`,
//! `replay`) and its data is compared with the old server's (`database`). Whatever is found is an [`outcome`], and a
//! `report` is a function of outcomes alone. `verification` puts the stages in order. Only the binary's `cli` prints,
//! reads arguments or looks at the environment.
//!
//! Modules stand in reading order; which may use which is a table in ARCHITECTURE.md that a test keeps.

pub mod digest;
pub mod input;
pub mod outcome;
pub mod progress;
pub mod tool;

pub mod charset;
pub mod project;
pub mod workspace;

pub mod image;
pub mod rootfs;

pub mod recipe;
pub mod reproducibility;

pub mod machine;

pub mod units;

pub mod exchange;
pub mod scenario;
pub mod snapshot;

pub mod replay;

pub mod database;

pub mod effect;

pub mod preflight;

pub mod report;
pub mod verification;
