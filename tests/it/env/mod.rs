//! What tests stand on: a hermetic place to run the program in, and servers and images made by code.

mod test_env;

pub(crate) use test_env::TestEnv;
