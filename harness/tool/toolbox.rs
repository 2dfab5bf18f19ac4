//! Where programs are, and how they are started.

use std::{
    fs::File,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

use super::{
    call::ToolCall,
    error::ToolError,
    process::{ToolExit, ToolProcess},
};

/// The environment variable that marks every process of a run with the run's id.
pub const RUN_MARK: &str = "MIGRATE_VERIFY_RUN";

/// How much of standard error an error message keeps: a screenful.
const STDERR_TAIL: usize = 2048;

/// Standard output beyond this is an error of ours: what writes more is read as a stream.
const LARGEST_OUTPUT: u64 = 64 << 20;

/// What a program wrote, after it ended with 0.
#[derive(Clone, Debug)]
pub struct ToolOutput {
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: String,
}

impl ToolOutput {
    /// Returns standard output as text; bytes that are not UTF-8 are escaped.
    pub fn text(&self) -> String {
        self.stdout
            .utf8_chunks()
            .fold(String::new(), |text, chunk| {
                text + chunk.valid() + &chunk.invalid().escape_ascii().to_string()
            })
    }
}

/// Finds and starts external programs.
#[derive(Clone, Debug)]
pub struct Toolbox {
    search_path: Vec<PathBuf>,
    run: Option<String>,
}

impl Toolbox {
    /// Makes a toolbox that looks in these folders, in this order.
    pub fn new(search_path: Vec<PathBuf>) -> Self {
        Self {
            search_path,
            run: None,
        }
    }

    /// Returns a toolbox whose programs carry the mark of a run.
    #[must_use]
    pub fn marked(&self, run: &str) -> Self {
        Self {
            run: Some(run.to_owned()),
            ..self.clone()
        }
    }

    /// Returns where a program is.
    pub fn find(&self, program: &str) -> Result<PathBuf, ToolError> {
        if program.contains('/') {
            return Ok(PathBuf::from(program));
        }
        let runnable = |path: &Path| {
            path.metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        };
        self.search_path
            .iter()
            .map(|folder| folder.join(program))
            .find(|path| runnable(path))
            .ok_or_else(|| ToolError::NotInstalled {
                program: program.to_owned(),
            })
    }

    /// Runs a program to its end; anything but exit code 0 is an error.
    pub async fn run(&self, call: &ToolCall) -> Result<ToolOutput, ToolError> {
        let (exit, output) = self.run_to_exit(call).await?;
        if exit == ToolExit::Code(0) {
            return Ok(output);
        }
        Err(ToolError::Failed {
            call: call.to_string(),
            status: exit.to_string(),
            stderr: output.stderr,
        })
    }

    /// Runs a program to its end, whatever its exit code.
    pub async fn run_to_exit(&self, call: &ToolCall) -> Result<(ToolExit, ToolOutput), ToolError> {
        let lost = |source| ToolError::Lost {
            program: call.program.clone(),
            source,
        };
        let mut command = self.command(call)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| ToolError::Start {
            program: call.program.clone(),
            source,
        })?;
        let stdout = child.stdout.take().expect("standard output was piped");
        let stderr = child.stderr.take().expect("standard error was piped");
        let mut tail = Vec::new();
        let work = async {
            let mut bytes = Vec::new();
            let mut limited = stdout.take(LARGEST_OUTPUT);
            let (read, ()) = tokio::join!(
                limited.read_to_end(&mut bytes),
                keep_tail(stderr, &mut tail)
            );
            read?;
            let status = child.wait().await?;
            Ok((status, bytes))
        };
        let ended = tokio::time::timeout(call.limit, work).await;
        let stderr = ToolOutput {
            stdout: tail,
            stderr: String::new(),
        }
        .text();
        match ended {
            Ok(result) => {
                let (status, stdout) = result.map_err(lost)?;
                Ok((ToolExit::from(status), ToolOutput { stdout, stderr }))
            }
            Err(_elapsed) => {
                // Its session's processes with it: a shell's children would go on.
                if let Some(group) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                    let _gone = kill_process_group(group, Signal::KILL);
                }
                child.kill().await.map_err(lost)?;
                Err(ToolError::TimedOut {
                    call: call.to_string(),
                    limit: call.limit,
                    stderr,
                })
            }
        }
    }

    /// Starts a program that goes on in the background, its two outputs as one stream of bytes.
    pub fn start(&self, call: &ToolCall) -> Result<ToolProcess, ToolError> {
        let mut command = self.command(call)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|source| ToolError::Start {
            program: call.program.clone(),
            source,
        })?;
        Ok(ToolProcess::new(call.program.clone(), child))
    }

    /// Runs a program on this program's own terminal, or whatever its standard streams are, to its end: a shell for a person.
    pub async fn run_on_terminal(&self, call: &ToolCall) -> Result<ToolExit, ToolError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the place the lint sends everybody to"
        )]
        let mut command = Command::new(self.find(&call.program)?);
        // No session of its own: the terminal's keys must reach it.
        command.args(&call.arguments).env_clear();
        self.environment(&mut command, call);
        let status = command.kill_on_drop(true).status().await;
        status
            .map(ToolExit::from)
            .map_err(|source| ToolError::Start {
                program: call.program.clone(),
                source,
            })
    }

    fn environment(&self, command: &mut Command, call: &ToolCall) {
        let folders = self
            .search_path
            .iter()
            .map(|path| path.display().to_string());
        command
            .env("PATH", folders.collect::<Vec<_>>().join(":"))
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", "/nonexistent")
            .envs(call.environment.iter().map(|(name, value)| (name, value)))
            .envs(self.run.iter().map(|run| (RUN_MARK, run)));
    }

    fn command(&self, call: &ToolCall) -> Result<Command, ToolError> {
        let program = self.find(&call.program)?;
        let stdin = match &call.stdin {
            None => Stdio::null(),
            Some(path) => Stdio::from(File::open(path).map_err(|source| ToolError::Start {
                program: call.program.clone(),
                source,
            })?),
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the place the lint sends everybody to"
        )]
        let mut command = Command::new(self.find("setsid")?);
        // A session of its own: Ctrl-C reaches us, not it, and a program of the guest finds no terminal of ours in /dev/tty.
        command
            .arg(program)
            .args(&call.arguments)
            .env_clear()
            .stdin(stdin)
            .kill_on_drop(true);
        self.environment(&mut command, call);
        Ok(command)
    }
}

async fn keep_tail(mut stream: impl AsyncRead + Unpin, tail: &mut Vec<u8>) {
    let mut buffer = vec![0; 8192];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        tail.extend_from_slice(&buffer[..read]);
        let excess = tail.len().saturating_sub(STDERR_TAIL);
        tail.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn toolbox() -> Toolbox {
        Toolbox::new(vec!["/usr/bin".into(), "/bin".into()])
    }

    #[tokio::test]
    async fn a_program_that_fails_is_an_error_with_the_end_of_its_messages() {
        let call = ToolCall::new("sh").args(["-c", "echo out; echo why >&2; exit 3"]);
        let error = toolbox().run(&call).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'echo out; echo why >&2; exit 3'` failed with exit code 3: why"
        );
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_at_its_limit() {
        let call = ToolCall::new("sleep")
            .arg("60")
            .limit(Duration::from_millis(50));
        let error = toolbox().run(&call).await.unwrap_err();
        assert!(matches!(error, ToolError::TimedOut { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_a_hanging_program_has_started_is_killed_with_it() {
        let call = ToolCall::new("sh")
            .args(["-c", "sleep 61 & echo $! >&2; wait"])
            .limit(Duration::from_millis(500));
        let error = toolbox().run(&call).await.unwrap_err();
        let ToolError::TimedOut { stderr, .. } = error else {
            panic!("{error}");
        };
        // A killed process that nobody has waited for yet has no command line.
        let of_the_child = format!("/proc/{}/cmdline", stderr.trim());
        while !std::fs::read(&of_the_child).unwrap_or_default().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_environment_is_the_fixed_one_with_the_mark_of_the_run() {
        let output = toolbox()
            .marked("abc")
            .run(&ToolCall::new("env"))
            .await
            .unwrap();
        let mut lines: Vec<_> = output.text().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                "HOME=/nonexistent",
                "LC_ALL=C.UTF-8",
                "MIGRATE_VERIFY_RUN=abc",
                "PATH=/usr/bin:/bin"
            ]
        );
    }

    #[test]
    fn a_program_that_is_nowhere_is_named() {
        let error = toolbox().find("no-such-program").unwrap_err();
        assert_eq!(error.to_string(), "no-such-program is not installed");
    }
}
