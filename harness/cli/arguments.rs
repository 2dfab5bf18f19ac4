//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use migrate_verify::reproducibility::Selection;

/// Proves that a migrated copy of an old LAMP server is the same as the server it replaces.
///
/// Exit codes: 0 verified, 1 different, 2 usage or an invalid input file, 3 inconclusive: something could not be checked.
#[derive(Debug, Parser)]
#[command(name = "migrate-verify", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The project: a folder with migrate-verify.toml; by default the nearest one upwards.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// How results are printed on standard output.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// When colours are used.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Say nothing but results and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: every case, every external program that is started.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people.
    Human,
    /// One JSON document.
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented project that passes `doctor`.
    Init {
        /// The folder.
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
    /// Check that host and project offer what a run and the guest need; each finding with its fix.
    Doctor(DoctorArguments),
    /// Resolve the image's digest and the packages into migrate-verify.lock.
    Lock,
    /// Build, unpack, digest and compare root file systems.
    Rootfs {
        #[command(subcommand)]
        command: RootfsCommand,
    },
    /// Boot the built rootfs and print its address; Ctrl-C stops it cleanly.
    Boot(BootArguments),
    /// Run the scenarios against the old server and write snapshots/.
    Record(RecordArguments),
    /// Run the scenarios against a candidate and compare with snapshots/.
    Replay(ReplayArguments),
    /// List the answers that wait for a decision.
    Pending,
    /// Decide on each of them: shows what changes, and asks.
    Review,
    /// Make pending answers the snapshots; reports say from then on that they are not the old server's.
    Accept {
        #[command(flatten)]
        chosen: ChosenArguments,
        /// Why the new answer is right; it stays in the snapshot.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Remove pending answers; the snapshots stay.
    Reject {
        #[command(flatten)]
        chosen: ChosenArguments,
    },
    /// Check the project's files on their own: stale, outdated and edited snapshots, unused and over-wide holes.
    Check(CheckArguments),
    /// Record and compare MySQL schema and rows.
    Database {
        #[command(subcommand)]
        command: DatabaseCommand,
    },
    /// All of it: preflight, build twice, compare, boot, restore, replay, database, logs, shutdown, report.
    Run(VaryArguments),
    /// Render a run's evidence again.
    Report(ReportArguments),
    /// Write the systemd, journald and network files with which the tested guest runs in production.
    Units(UnitsArguments),
    /// Remove whatever a killed run left behind.
    Clean,
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man {
        /// Write one page for each command into this folder instead.
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

/// `rootfs …`.
#[derive(Debug, Subcommand)]
pub(crate) enum RootfsCommand {
    /// Build the rootfs once.
    Build {
        /// Where the rootfs is put; must not exist.
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
    },
    /// Unpack an image's layers into a directory, faithfully.
    Unpack {
        /// The image: oci:DIR[:REF], oci-archive:FILE[:REF] or docker-archive:FILE[:REF].
        image: String,
        /// Where the tree is put; must not exist.
        directory: PathBuf,
    },
    /// Print the canonical digest of a tree, or of an image without extracting it.
    Digest {
        /// A directory, or an image.
        tree_or_image: String,
        /// What counts: everything, what a tar can hold, or content alone.
        #[arg(long, value_enum, default_value_t = ProfileName::Strict)]
        profile: ProfileName,
    },
    /// Compare two trees or images.
    Diff {
        /// A directory, or an image.
        first: String,
        /// A directory, or an image.
        second: String,
    },
    /// Build twice, differing on purpose; compare, explain.
    Verify(VerifyArguments),
}

/// In what the two builds of `run` and `rootfs verify` differ on purpose.
#[derive(Clone, Debug, Args)]
pub(crate) struct VaryArguments {
    /// What is varied, as `+time,-locale`; by default all: build-path, host-name, time, time-zone, locale, umask,
    /// environment, user, readdir-order, processors, installation-order, all.
    #[arg(
        long,
        value_name = "LIST",
        allow_hyphen_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) vary: Selection,
    /// Chooses every value that is varied; by default a random one, which the report names.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

/// `rootfs verify`.
#[derive(Clone, Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) vary: VaryArguments,
    /// How many builds are compared with the first one, each with a seed of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(crate) rounds: u8,
    /// When builds differ, build again with fewer variations until the guilty one is confirmed.
    #[arg(long)]
    pub(crate) find_cause: bool,
}

/// What a digest covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// Everything, times to the nanosecond.
    Strict,
    /// What a tar can hold: times in whole seconds.
    Oci,
    /// Paths, types, link targets and contents.
    Content,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// A rootfs that was built before: what only some guests need is decided for it.
    #[arg(long, value_name = "DIR")]
    pub(crate) rootfs: Option<PathBuf>,
    /// A unit that was written by hand: what it lacks to run an old guest; nothing else is checked then.
    #[arg(long, value_name = "FILE", conflicts_with = "rootfs")]
    pub(crate) unit: Option<PathBuf>,
}

/// `units`.
#[derive(Debug, Args)]
pub(crate) struct UnitsArguments {
    /// Where the files are put, as they lie on the host; a new folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Where the tree will be in production; %i is the machine's name.
    #[arg(long, value_name = "PATH", default_value = "/srv/app/%i/rootfs")]
    pub(crate) rootfs: String,
}

/// `boot`.
#[derive(Debug, Args)]
pub(crate) struct BootArguments {
    /// A rootfs that was built before; by default one is built.
    #[arg(long, value_name = "DIR")]
    pub(crate) rootfs: Option<PathBuf>,
    /// Open a shell of the guest's root in it; the guest is stopped when the shell ends.
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) shell: bool,
}

/// `record`.
#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// The old server; by default legacy.url.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// How often every scenario is run, to see what varies on the old server itself.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) rounds: u8,
    /// How many requests a second the old server is asked at most; after a slow answer it rests as long as it worked.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rate: u16,
    /// Also run scenarios that change data (mutates = true).
    #[arg(long)]
    pub(crate) allow_writes: bool,
    /// Change no snapshot: keep answers that differ beside them, as `.snap.new`, for `review`, `accept` and `reject`.
    #[arg(long)]
    pub(crate) pending: bool,
    /// Only these scenarios.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
}

/// `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// The candidate; by default candidate.url.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Compare even if the candidate is the old server itself (legacy.url), to see whether the snapshots hold.
    #[arg(long)]
    pub(crate) same_machine: bool,
    /// How many scenarios run at a time; those that change data run alone.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) jobs: u8,
    /// Only these scenarios.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
}

/// Which pending answers `accept` and `reject` take.
#[derive(Debug, Args)]
pub(crate) struct ChosenArguments {
    /// Answers, as `pending` names them (login/02-class-list), or whole scenarios.
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "like"])]
    pub(crate) names: Vec<String>,
    /// All of them.
    #[arg(long, conflicts_with_all = ["names", "like"])]
    pub(crate) all: bool,
    /// All in which the same lines change as in this one.
    #[arg(long, value_name = "NAME", conflicts_with = "names")]
    pub(crate) like: Option<String>,
    /// But not this one; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) except: Vec<String>,
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Also look for secrets that stand in snapshots in the clear: passwords, session ids, cookies, keys.
    #[arg(long)]
    pub(crate) secrets: bool,
}

/// `database …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Write schema, digests and rows of the old database into snapshots/database/.
    Record {
        /// The database: `mysql://USER[:PASSWORD]@HOST[:PORT]/NAME`; by default legacy.database.
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
    /// Compare a database with the recorded one, or any two of them.
    Compare {
        /// What is right: a database as below, a folder that was recorded, or a dump of mysqldump; by default
        /// snapshots/database/.
        #[arg(long, value_name = "URL|DIR|FILE")]
        expected: Option<String>,
        /// The database: `mysql://USER[:PASSWORD]@HOST[:PORT]/NAME`; by default candidate.database.
        #[arg(long, value_name = "URL|DIR|FILE")]
        server: Option<String>,
    },
}

/// `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The run: a folder below runs/, its id, or `latest`.
    #[arg(default_value = "latest")]
    pub(crate) run: String,
}
