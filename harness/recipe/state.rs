//! State is not rootfs: what an installation leaves in a database's directory differs from build to build.
//!
//! The build empties the trees that the project calls state. At boot, before any service starts, an rc script makes them
//! again where they are empty: in the throw-away layer of a test, and at the first boot in production. On a restart they
//! are not empty, and nothing happens.

use super::edit::Edit;
use crate::{
    project::StateTree,
    rootfs::{TreeError, TreeRoot},
};

/// The rc script that makes state again.
const SCRIPT: &str = "etc/init.d/migrate-verify-state";

/// Early in runlevels 2 to 5, before anything that needs state: `S00` sorts before every script that insserv numbers.
const LINK: &str = "S00migrate-verify-state";

/// Decides the edits that make the project's state trees empty, and made again at boot.
pub(super) fn edits(tree: &TreeRoot, state: &[StateTree]) -> Result<Vec<Edit>, TreeError> {
    let mut edits = Vec::new();
    for one in state {
        let path = relative(one);
        for name in tree.list(&path)? {
            if let Ok(name) = String::from_utf8(name) {
                edits.push(Edit::remove(format!("{path}/{name}"), "state, not rootfs"));
            }
        }
    }
    let created: Vec<&StateTree> = state.iter().filter(|one| one.create.is_some()).collect();
    if created.is_empty() {
        return Ok(edits);
    }
    edits.push(Edit::Write {
        path: SCRIPT.to_owned(),
        content: script(&created).into_bytes(),
        mode: 0o755,
        why: "makes state again where it is empty",
    });
    for runlevel in 2..=5 {
        let path = format!("etc/rc{runlevel}.d/{LINK}");
        edits.push(Edit::Symlink {
            path,
            target: "../init.d/migrate-verify-state".to_owned(),
            why: "before the services that need it",
        });
    }
    // startpar starts the scripts that .depend.start does not know after all others; without the file, rc goes by the numbers.
    for depend in [
        "etc/init.d/.depend.start",
        "etc/init.d/.depend.boot",
        "etc/init.d/.depend.stop",
    ] {
        if tree.exists(depend)? {
            edits.push(Edit::remove(
                depend,
                "rc goes by the numbers of the links, as it did in 2009",
            ));
        }
    }
    Ok(edits)
}

/// Returns a state tree's path without the leading slash.
pub(super) fn relative(state: &StateTree) -> String {
    state
        .path
        .display()
        .to_string()
        .trim_matches('/')
        .to_owned()
}

fn script(created: &[&StateTree]) -> String {
    let mut text = String::from(
        "#!/bin/sh\n\
        ### BEGIN INIT INFO\n\
        # Provides:          migrate-verify-state\n\
        # Required-Start:    $local_fs\n\
        # Required-Stop:\n\
        # X-Start-Before:    mysql mariadb apache apache2 cron\n\
        # Default-Start:     2 3 4 5\n\
        # Default-Stop:\n\
        # Short-Description: Makes state again where the rootfs comes without it\n\
        ### END INIT INFO\n\
        [ \"$1\" = start ] || exit 0\n\
        status=0\n",
    );
    for one in created {
        let path = quoted(&format!("/{}", relative(one)));
        let create = one.create.as_deref().unwrap_or_default();
        text.extend([
            "if [ -z \"$(ls -A ",
            &path,
            ")\" ]; then\n  ( ",
            create,
            " ) || { echo \"migrate-verify-state: could not make\" ",
            &path,
            "; status=1; }\nfi\n",
        ]);
    }
    text + "exit $status\n"
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_makes_only_what_is_empty_and_says_what_failed() {
        let state = StateTree {
            path: "/var/lib/it's".into(),
            create: Some("make-it".to_owned()),
        };
        let text = script(&[&state]);
        assert!(
            text.contains(r#"if [ -z "$(ls -A '/var/lib/it'\''s')" ]; then"#),
            "{text}"
        );
        assert!(text.contains("( make-it ) || {"), "{text}");
    }
}
