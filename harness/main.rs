//! The program `migrate-verify`: reads arguments, runs one command, ends with its exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
