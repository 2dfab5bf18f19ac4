//! An old server's files through a real sshfs, as an administrator mounts them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use migrate_verify::effect::shows_the_moment;

/// A folder that is mounted elsewhere by sshfs; unmounted when it is dropped.
struct Sshfs {
    folder: tempfile::TempDir,
}

impl Sshfs {
    fn mount(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["server", "mounted"] {
            fs::create_dir(path(name)).unwrap();
        }
        // What ssh would start on the other side, without ssh.
        let ssh = path("ssh");
        fs::write(&ssh, "#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n").unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let source = format!("old:{}", path("server").display());
        let options = format!("ro,ssh_command={}{options}", ssh.display());
        run(
            "sshfs",
            &[
                "-o".as_ref(),
                options.as_ref(),
                source.as_ref(),
                path("mounted").as_ref(),
            ],
        );
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Looks, lets the server write a file and another one grow, and looks again: which changes are seen?
    fn sees(&self) -> (bool, bool) {
        let log = self.path("server/log");
        fs::write(&log, "one\n").unwrap();
        let look = || {
            let names = fs::read_dir(self.path("mounted")).unwrap().count();
            (names, fs::metadata(self.path("mounted/log")).unwrap().len())
        };
        let before = look();
        fs::write(&log, "one\ntwo\n").unwrap();
        fs::write(self.path("server/upload"), "new").unwrap();
        let after = look();
        (after.0 > before.0, after.1 > before.1)
    }
}

impl Drop for Sshfs {
    fn drop(&mut self) {
        run("umount", &[self.path("mounted").as_ref()]);
    }
}

fn run(program: &str, arguments: &[&Path]) {
    #[expect(clippy::disallowed_methods, reason = "what an administrator runs")]
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program}: {status}");
}

#[test]
fn privileged_a_mount_that_hides_what_a_step_wrote_is_refused_and_one_that_shows_it_is_not() {
    let usual = Sshfs::mount("");
    assert_eq!(usual.sees(), (false, false), "it forgets by itself by now");
    let refused = shows_the_moment(&usual.path("mounted")).unwrap_err();
    assert!(refused.to_string().contains("dir_cache=no"), "{refused}");

    let forgetful = Sshfs::mount(",dir_cache=no,attr_timeout=0,entry_timeout=0");
    assert_eq!(forgetful.sees(), (true, true));
    shows_the_moment(&forgetful.path("mounted")).unwrap();
}
