//! An old server's files through a real sshfs, as an administrator mounts them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use migrate_verify::{
    charset::Charset,
    effect::{EffectError, Files},
};

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

/// Looks at a server whose root folder this is.
fn shows_the_moment(root: &Path) -> Result<(), EffectError> {
    let files = Files {
        root: root.to_owned(),
        trees: vec!["/www".to_owned()],
        except: Vec::new(),
        mail: false,
        charset: Charset::WINDOWS_1250,
    };
    files.show_the_moment()
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

/// Something that is mounted until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(arguments: &[&str], point: &Path) -> Self {
        fs::create_dir(point).unwrap();
        let words = arguments.iter().map(Path::new);
        run("mount", &words.chain([point]).collect::<Vec<_>>());
        Self(point.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[&self.0]);
        fs::remove_dir(&self.0).unwrap();
    }
}

#[test]
fn privileged_a_mount_that_hides_is_refused_below_the_root_behind_a_bind_and_under_an_overlay() {
    let usual = Sshfs::mount("");
    let (remote, here) = (usual.path("mounted"), usual.path("here"));
    let [remote_text, here_text] = [&remote, &here].map(|path| path.display().to_string());
    fs::create_dir_all(here.join("root")).unwrap();
    shows_the_moment(&here.join("root")).unwrap();
    let refused = |root: &Path| shows_the_moment(root).unwrap_err().to_string();
    {
        let _bound = Mounted::new(&["--bind", &remote_text], &here.join("bound"));
        let told = refused(&here.join("bound"));
        assert!(told.contains("dir_cache=no"), "{told}");
    }
    {
        // The root is this host's own, the tree in it is not.
        let _below = Mounted::new(&["--bind", &remote_text], &here.join("root/www"));
        let told = refused(&here.join("root"));
        assert!(told.contains("root/www is a mount (fuse.sshfs)"), "{told}");
    }
    {
        fs::create_dir(here.join("root/www")).unwrap();
        let deep = here.join("root/www/with a space");
        let _below = Mounted::new(&["--bind", &remote_text], &deep);
        let told = refused(&here.join("root"));
        assert!(told.contains("space is a mount (fuse.sshfs)"), "{told}");
    }
    let layers = |lower: &str| format!("lowerdir={lower}:{here_text}/root");
    {
        let options = layers(&remote_text);
        let _over = Mounted::new(
            &["-t", "overlay", "-o", &options, "none"],
            &here.join("over"),
        );
        let told = refused(&here.join("over"));
        assert!(told.contains("name the folder below it"), "{told}");
    }
    let options = layers(&usual.path("server").display().to_string());
    let _local = Mounted::new(
        &["-t", "overlay", "-o", &options, "none"],
        &here.join("local"),
    );
    shows_the_moment(&here.join("local")).unwrap();
}
