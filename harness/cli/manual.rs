//! `completions`, `man`: what packagers ship, made of the same arguments that are parsed.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use migrate_verify::outcome::Verdict;

use super::{arguments::Arguments, failure::Failure, output};

/// The program's name, and the section of its manual.
const PROGRAM: &str = "migrate-verify";

/// Prints a shell's completions.
pub(crate) fn completions(shell: Shell) -> Result<Verdict, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut script);
    print(script)
}

/// Prints the manual page, or writes one for each command into a folder.
pub(crate) fn man(folder: Option<&Path>) -> Result<Verdict, Failure> {
    let command = Arguments::command();
    let Some(folder) = folder else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| Failure::inconclusive(&error))?;
        return print(page);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .map_err(|error| {
            Failure::inconclusive(&error).hint(format!("it writes into {}", folder.display()))
        })?;
    Ok(Verdict::Verified)
}

fn print(text: Vec<u8>) -> Result<Verdict, Failure> {
    let text = String::from_utf8(text).map_err(|error| Failure::inconclusive(&error))?;
    output::raw(&text);
    Ok(Verdict::Verified)
}
