//! What the user touches: arguments, printing, hints, exit codes.
//!
//! One file a command. A command returns a [`Verdict`](migrate_verify::outcome::Verdict) or a [`failure::Failure`]; data goes to standard
//! output, everything else to standard error. Nothing outside this folder prints or looks at the environment.

mod arguments;
mod boot;
mod build;
mod check;
mod clean;
mod clock;
mod context;
mod database;
mod dispatch;
mod doctor;
mod failure;
mod init;
mod lock;
mod manual;
mod output;
mod pending;
mod record;
mod replay;
mod report;
mod rootfs;
mod rootfs_diff;
mod rootfs_subject;
mod run;
mod terminal;
mod units;

pub(crate) use dispatch::main;
