//! A copy of the repository's own project: the legacy application, its scenarios, its recipe, on the stand-in image.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The project in a temporary folder, with the program that works on it.
#[derive(Debug)]
pub(crate) struct DemoProject {
    folder: tempfile::TempDir,
}

impl DemoProject {
    /// Copies the project; `ci/stand-in.sh` and `ci/old-server.sh start` must have been run.
    pub(crate) fn new() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let image = repository.join("target/stand-in/image");
        assert!(
            image.join("index.json").exists(),
            "{} is missing: run ci/stand-in.sh as root",
            image.display()
        );
        let folder = tempfile::tempdir().unwrap();
        let copied = ["migrate-verify.toml", "scenarios", "tests/legacy"];
        for path in copied {
            copy(&repository.join(path), &folder.path().join(path));
        }
        fs::create_dir_all(folder.path().join("target/demo")).unwrap();
        fs::create_dir_all(folder.path().join("snapshots")).unwrap();
        symlink(
            repository.join("target/stand-in"),
            folder.path().join("target/stand-in"),
        )
        .unwrap();
        let list = fs::read_to_string("/run/migrate-verify-old-server/packages.txt")
            .expect("the old server does not run: start it with ci/old-server.sh start");
        let wanted = ["apache2", "libapache2-mod", "php", "mariadb", "libc6 "];
        let lines: Vec<&str> = list
            .lines()
            .filter(|line| wanted.iter().any(|name| line.starts_with(name)))
            .collect();
        let packages = folder.path().join("target/demo/packages.txt");
        fs::write(packages, lines.join("\n")).unwrap();
        Self { folder }
    }

    /// The same, and the old server is started anew: its data are as in the dump, whatever other tests have asked it to change.
    pub(crate) fn with_pristine_server() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/old-server.sh");
        for what in ["stop", "start"] {
            #[expect(clippy::disallowed_methods, reason = "the old server is not ours")]
            let mut command = Command::new(&script);
            let quiet = command
                .arg(what)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let status = quiet.status().unwrap();
            assert!(status.success(), "{} {what}: {status}", script.display());
        }
        Self::new()
    }

    /// Returns a path in the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Changes a text file of the project.
    pub(crate) fn edit(&self, path: &str, from: &[u8], to: &[u8]) {
        let path = self.path(path);
        let content = fs::read(&path).unwrap();
        let at = content
            .windows(from.len())
            .position(|window| window == from)
            .unwrap_or_else(|| panic!("{} has no {}", path.display(), from.escape_ascii()));
        let changed = [&content[..at], to, &content[at + from.len()..]].concat();
        fs::write(path, changed).unwrap();
    }

    /// Runs the program to its end; returns its exit code and all that it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = text.utf8_chunks().map(|chunk| chunk.valid()).collect();
        (output.status.code().unwrap_or(-1), text)
    }

    /// Records the old server, its database first; the project is locked meanwhile, because `record` waits for the minute to pass.
    pub(crate) fn record_and_lock(&self) -> String {
        let messages = self.path("messages-of-lock");
        let mut lock = self.start(&["lock"], &messages);
        let (code, text) = self.run(&["database", "record"]);
        assert_eq!(code, 0, "{text}");
        let (code, recorded) = self.run(&["record", "--allow-writes"]);
        assert_eq!(code, 0, "{recorded}");
        let status = lock.wait().unwrap();
        let text = fs::read_to_string(messages).unwrap();
        assert!(status.success(), "{text}");
        recorded
    }

    /// Starts the program; its messages go into a file.
    pub(crate) fn start(&self, arguments: &[&str], messages: &Path) -> Child {
        let file = fs::File::create(messages).unwrap();
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(file).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate-verify"));
        command
            .args(arguments)
            .arg("--project")
            .arg(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else if from.is_symlink() {
        symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else {
        fs::copy(from, to).unwrap();
    }
}
