//! A program that goes on in the background.

use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::error::ToolError;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolExit {
    /// By itself, with this code.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}

impl From<ExitStatus> for ToolExit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for ToolExit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
        }
    }
}

/// A running program; killed when it is dropped.
#[derive(Debug)]
pub struct ToolProcess {
    program: String,
    child: Child,
}

impl ToolProcess {
    pub(super) fn new(program: String, child: Child) -> Self {
        Self { program, child }
    }

    /// Returns its process number, as long as it was not waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Takes the pipes of standard output and standard error, once.
    pub fn take_outputs(&mut self) -> Option<(ChildStdout, ChildStderr)> {
        self.child.stdout.take().zip(self.child.stderr.take())
    }

    /// Sends a signal, if it still runs.
    pub fn signal(&self, signal: Signal) -> Result<(), ToolError> {
        let Some(pid) = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
        else {
            return Ok(());
        };
        kill_process(pid, signal).map_err(|error| ToolError::Lost {
            program: self.program.clone(),
            source: io::Error::from(error),
        })
    }

    /// Returns how it ended, or nothing if it still runs.
    pub fn try_exit(&mut self) -> Result<Option<ToolExit>, ToolError> {
        let status = self.child.try_wait().map_err(|source| ToolError::Lost {
            program: self.program.clone(),
            source,
        })?;
        Ok(status.map(ToolExit::from))
    }

    /// Waits for its end, up to a limit; nothing if it still runs then.
    pub async fn wait(&mut self, limit: Duration) -> Result<Option<ToolExit>, ToolError> {
        match tokio::time::timeout(limit, self.child.wait()).await {
            Err(_elapsed) => Ok(None),
            Ok(Ok(status)) => Ok(Some(ToolExit::from(status))),
            Ok(Err(source)) => Err(ToolError::Lost {
                program: self.program.clone(),
                source,
            }),
        }
    }
}
