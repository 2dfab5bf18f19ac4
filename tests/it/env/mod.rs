//! What tests stand on: a hermetic place to run the program in, and servers and images made by code.

mod image_builder;
mod legacy_server;
mod mariadb;
mod old_mysql;
mod project;
mod test_env;

pub(crate) use image_builder::{ImageBuilder, Packing, TarMember, archive, seal, tar};
pub(crate) use legacy_server::{Fault, LegacyServer, Reply, cp1250, now};
pub(crate) use mariadb::MariaDb;
pub(crate) use old_mysql::{OldMySql, Reply as SqlReply, rows};
pub(crate) use project::DemoProject;
pub(crate) use test_env::TestEnv;
