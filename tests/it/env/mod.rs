//! What tests stand on: a hermetic place to run the program in, and servers and images made by code.

mod mariadb;
mod test_env;

pub(crate) use mariadb::MariaDb;
pub(crate) use test_env::TestEnv;
