//! Printing: data to standard output, everything else to standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use migrate_verify::{
    outcome::{RunReport, Verdict},
    report,
};
use serde::Serialize;

use super::context::Context;

/// Whether some data could not be printed: whoever reads it would take the part for the whole.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints one line of data.
pub(crate) fn line(text: &str) {
    raw(&format!("{text}\n"));
}

/// Prints data as it is. A reader that went away (`| head`) is no error; a full disk makes the verdict inconclusive.
pub(crate) fn raw(text: &str) {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        message(
            "error",
            &format!("standard output cannot be written: {error}"),
        );
        LOST.store(true, Ordering::Relaxed);
    }
}

/// Prints one JSON document.
pub(crate) fn json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value)
        .expect("reports have string keys and no failing serialiser");
    line(&text);
}

/// Prints a report: JSON, or the summary; `every_case` shows also what is the same.
pub(crate) fn report(context: &Context, report: &RunReport, every_case: bool) {
    if context.json() {
        json(&report::json::document(report));
    } else {
        raw(&report::summary::render(
            report,
            every_case || context.global.verbose,
        ));
    }
}

/// Prints a message with its kind: `error: …`, `hint: …`. Control characters are escaped: messages quote hostile input.
pub(crate) fn message(kind: &str, text: &str) {
    let escaped: String = text.chars().flat_map(escape).collect();
    let _written = writeln!(io::stderr().lock(), "{kind}: {escaped}");
}

fn escape(character: char) -> Vec<char> {
    if character.is_control() && character != '\n' && character != '\t' {
        character.escape_default().collect()
    } else {
        vec![character]
    }
}

/// Returns the exit code of a verdict.
pub(crate) fn exit_code(verdict: Verdict) -> ExitCode {
    if LOST.load(Ordering::Relaxed) {
        return ExitCode::from(3);
    }
    match verdict {
        Verdict::Verified => ExitCode::SUCCESS,
        Verdict::Different => ExitCode::from(1),
        Verdict::Inconclusive => ExitCode::from(3),
    }
}
