//! Errors as the user sees them: one message, its causes, hints, an exit code.

use std::{error::Error, io, process::ExitCode};

use migrate_verify::{
    input::InputError, outcome::chain, recipe::RecipeError, replay::ReplayError, tool::ToolError,
};
use rustix::io::Errno;

use super::{context::Context, output};

/// Why a command could not do its work; never a difference.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: FailureKind,
    message: String,
    hints: Vec<String>,
}

/// Which exit code a failure has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureKind {
    /// 2: the command line or an input file is wrong.
    Input,
    /// 3: something could not be checked.
    Inconclusive,
}

impl Failure {
    /// Makes a failure out of an error that kept something from being checked.
    pub(crate) fn inconclusive(error: &(dyn Error + 'static)) -> Self {
        Self {
            kind: FailureKind::Inconclusive,
            message: chain(error),
            hints: hints(error),
        }
    }

    /// Makes a failure out of an error in what the user gave.
    pub(crate) fn input(error: &(dyn Error + 'static)) -> Self {
        Self {
            kind: FailureKind::Input,
            message: chain(error),
            hints: hints(error),
        }
    }

    /// Makes a failure out of a wrong argument.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Input,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Makes the failure of a command that a signal ended.
    pub(crate) fn interrupted(signal: &str) -> Self {
        Self {
            kind: FailureKind::Inconclusive,
            message: format!("interrupted by {signal}"),
            hints: Vec::new(),
        }
    }

    /// Makes the failure of a guest that ended in another way than it should.
    pub(crate) fn ended(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Inconclusive,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Adds advice.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let mut failure = Self::input(&error);
        failure.hints.extend(error.hint);
        failure
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        match error {
            RecipeError::Input(error) => error.into(),
            RecipeError::ImageChanged { .. } | RecipeError::PackageChanged { .. } => {
                Self::inconclusive(&error).hint("if the change is wanted: `migrate-verify lock`")
            }
            RecipeError::Image { .. }
            | RecipeError::Unpack { .. }
            | RecipeError::Tree { .. }
            | RecipeError::Tool { .. }
            | RecipeError::File { .. }
            | RecipeError::Plan { .. } => Self::inconclusive(&error),
        }
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        if matches!(error, ReplayError::Server(_)) {
            Self::input(&error).hint("a server is named like http://192.0.2.10:8080")
        } else {
            Self::inconclusive(&error)
        }
    }
}

/// What helps where a disk is full.
const FULL: &str = "a file system is full: trees stand below /var/lib/migrate-verify while a run works, packages and images of registries below \
    /var/cache/migrate-verify; `df -h` and `df -i` show which it is, `migrate-verify clean` removes what dead runs left";

/// Advice for errors that look the same wherever they come from.
fn hints(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut hints = Vec::new();
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(ToolError::NotInstalled { program }) = error.downcast_ref() {
            hints.push(format!("apt-get install {}", package_of(program)));
        }
        let io_error = error.downcast_ref::<io::Error>();
        if io_error.is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
            || error.downcast_ref() == Some(&Errno::NOSPC)
        {
            hints.push(FULL.to_owned());
        }
        current = error.source();
    }
    hints
}

/// Returns the Debian package that brings a program.
fn package_of(program: &str) -> &str {
    match program {
        "systemd-nspawn" => "systemd-container",
        "nsenter" => "util-linux",
        "ip" => "iproute2",
        "nft" => "nftables",
        other => other,
    }
}

/// Prints a failure and returns its exit code.
pub(crate) fn exit(context: &Context, failure: &Failure) -> ExitCode {
    let code = match failure.kind {
        FailureKind::Input => 2,
        FailureKind::Inconclusive => 3,
    };
    output::message("error", &failure.message);
    for hint in &failure.hints {
        output::message("hint", hint);
    }
    if context.json() {
        output::json(&serde_json::json!({
            "schema_version": 1,
            "verdict": "inconclusive",
            "stages": [],
            "error": failure.message,
            "hints": failure.hints,
        }));
    }
    ExitCode::from(code)
}
