//! A folder of its own for one test, and the program run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// A temporary folder in which the program is run with a cleared environment.
#[derive(Debug)]
pub(crate) struct TestEnv {
    folder: tempfile::TempDir,
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Runs the program; returns exit code, standard output and standard error as one text, the folder's path masked.
    #[must_use = "snapshot the output"]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.program(arguments).output().unwrap();
        let text = format!(
            "exit code: {}\n----- stdout -----\n{}----- stderr -----\n{}",
            output.status.code().unwrap_or(-1),
            str::from_utf8(&output.stdout).unwrap(),
            str::from_utf8(&output.stderr).unwrap(),
        );
        let text = regex::Regex::new(r" +\d+\.\d s  ")
            .unwrap()
            .replace_all(&text, " [TIME] ");
        text.replace(
            &self.path().canonicalize().unwrap().display().to_string(),
            "[PROJECT]",
        )
        .replace(&self.path().display().to_string(), "[PROJECT]")
    }

    /// Starts the program, and kills it as soon as a file exists below the folder.
    pub(crate) fn kill_at(&self, arguments: &[&str], path: &str) {
        let mut running = self.program(arguments).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.path().join(path).exists() {
            assert!(running.try_wait().unwrap().is_none(), "it ended by itself");
            assert!(Instant::now() < deadline, "{path} does not come");
            sleep(Duration::from_millis(5));
        }
        running.kill().unwrap();
        running.wait().unwrap();
    }

    fn program(&self, arguments: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate-verify"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("COLUMNS", "100");
        command
    }
}
