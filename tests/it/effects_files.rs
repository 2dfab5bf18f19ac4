//! Files that a step writes and mail that it sends: compared by `replay` alone, where the candidate's root folder is mounted.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use migrate_verify::effect::{MAIL_FOLDER, SENDMAIL, SENDMAIL_PATH};

use crate::env::{LegacyServer, Reply, TestEnv};

/// The root folders of both servers.
static ROOTS: OnceLock<[PathBuf; 2]> = OnceLock::new();

/// What the candidate does: which of [`MANNERS`].
static MANNER: AtomicUsize = AtomicUsize::new(0);

/// What a server does with its files when it is asked.
type Manner = fn(&Path);

/// The right manner, and wrong ones with what is found.
const MANNERS: [(Manner, &str); 7] = [
    (visit, ""),
    (
        |root| {
            append(root, "n\u{e1}v\u{161}teva\n");
            mail(root, "riaditel");
        },
        "navstevy.txt",
    ),
    (|_root| {}, "navstevy.txt"),
    (|root| append(root, "navsteva\n"), "mail"),
    (
        |root| {
            append(root, "navsteva\n");
            mail(root, "tajomnik");
        },
        "To: tajomnik@skola",
    ),
    (
        |root| {
            visit(root);
            fs::write(tree(root).join("viac.txt"), "x").unwrap();
        },
        "viac.txt",
    ),
    (
        |root| {
            visit(root);
            fs::remove_file(tree(root).join("stary.txt")).unwrap();
        },
        "stary.txt",
    ),
];

/// Counts a visit, and tells the headmaster of it.
fn visit(root: &Path) {
    append(root, "navsteva\n");
    mail(root, "riaditel");
}

/// Keeps a mail as the `sendmail` that records does.
fn mail(root: &Path, to: &str) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let path = below(root, MAIL_FOLDER).join(format!("{number}-a"));
    fs::write(path, format!("<-t>\nTo: {to}@skola\n\nNavsteva\n")).unwrap();
}

/// Returns where a path of a server is.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn tree(root: &Path) -> PathBuf {
    root.join("var/www/skola")
}

fn append(root: &Path, line: &str) {
    let path = tree(root).join("navstevy.txt");
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}

fn old(_path: &str, _reply: &mut Reply) {
    MANNERS[0].0(&ROOTS.get().unwrap()[0]);
}

fn candidate(_path: &str, _reply: &mut Reply) {
    MANNERS[MANNER.load(Ordering::SeqCst)].0(&ROOTS.get().unwrap()[1]);
}

#[test]
fn files_that_a_step_writes_are_compared_by_replay_alone() {
    let env = TestEnv::new();
    let roots = ["old", "new"].map(|name| env.path().join(name));
    for root in &roots {
        fs::create_dir_all(tree(root)).unwrap();
        fs::write(tree(root).join("navstevy.txt"), "prva\n").unwrap();
        fs::write(tree(root).join("stary.txt"), "x\n").unwrap();
        fs::create_dir_all(below(root, MAIL_FOLDER)).unwrap();
        let program = below(root, SENDMAIL_PATH);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(program, SENDMAIL).unwrap();
    }
    ROOTS.set(roots).unwrap();
    let servers = [LegacyServer::with(0, old), LegacyServer::with(0, candidate)];
    let config = format!(
        "[legacy]\nurl = \"{}\"\nroot = \"old\"\n[candidate]\nurl = \"{}\"\nroot = \"new\"\n[effects]\nfiles = [\"/var/www/skola\"]\nmail = true\n",
        servers[0].url, servers[1].url
    );
    env.write("migrate-verify.toml", config);
    env.write(
        "scenarios/zapis.toml",
        "title = \"A visit is counted\"\nmutates = true\n[[step]]\nname = \"visit\"\nrequest = \"GET /nic.php\"\n",
    );
    let text = env.run(&["record", "--allow-writes", "--rounds", "1"]);
    assert!(text.starts_with("exit code: 0"), "{text}");
    let effects = fs::read_to_string(env.path().join("snapshots/zapis/effects.txt")).unwrap();
    for expected in ["navstevy.txt", "sent mail", "To: riaditel@skola"] {
        assert!(effects.contains(expected), "{expected}: {effects}");
    }
    for (number, (_manner, expected)) in MANNERS.iter().enumerate() {
        MANNER.store(number, Ordering::SeqCst);
        fs::write(
            tree(&ROOTS.get().unwrap()[1]).join("navstevy.txt"),
            "prva\n",
        )
        .unwrap();
        let text = env.run(&["replay", "--same-machine"]);
        let code = i32::from(number > 0);
        assert!(
            text.starts_with(&format!("exit code: {code}")),
            "{number}: {text}"
        );
        assert!(text.contains(expected), "{number}: {text}");
        assert!(number > 0 || text.contains("database"), "{text}");
    }

    // It does the same, and nobody is to look at it any more.
    MANNER.store(2, Ordering::SeqCst);
    let path = env.path().join("scenarios/zapis.toml");
    let scenario = fs::read_to_string(&path).unwrap();
    fs::write(&path, scenario.replace("mutates = true\n", "")).unwrap();
    let text = env.run(&["replay", "--same-machine"]);
    assert!(text.starts_with("exit code: 3"), "{text}");
    assert!(
        text.contains("it no longer says `mutates = true`"),
        "{text}"
    );
    assert!(env.run(&["record"]).starts_with("exit code: 0"));
    let text = env.run(&["replay", "--same-machine"]);
    assert!(text.starts_with("exit code: 0"), "{text}");
}
