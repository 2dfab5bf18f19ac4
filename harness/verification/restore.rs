//! The candidate's database: the dump restored by the guest's own client, and a reader of ours in the throw-away layer.

use std::{
    fs,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::PathBuf,
    time::{Duration, Instant},
};

use super::plan::Plan;
use crate::{
    database::{DatabaseAddress, Manners, Password, Target},
    machine::{Machine, MachineError},
    rootfs::{TreeError, TreeRoot},
};

/// A large dump on a slow host.
const RESTORE_LIMIT: Duration = Duration::from_secs(3600);

/// Finds the guest's client and logs in as root: MariaDB by the socket, an old MySQL by Debian's maintenance account.
const CLIENT: &str = "\
client=$(command -v mariadb || command -v mysql) || { echo 'the guest has no mysql client' >&2; exit 1; }; \
set -- --default-character-set=binary --batch --skip-column-names \"$@\"; \
if \"$client\" \"$@\" -e 'SELECT 1' >/dev/null 2>&1 </dev/null; then exec \"$client\" \"$@\"; fi; \
exec \"$client\" --defaults-extra-file=/etc/mysql/debian.cnf \"$@\"";

/// Why the candidate's database can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    /// A program in the guest failed.
    #[error("the guest's database does not answer")]
    Guest(#[source] MachineError),
    /// The dump was refused.
    #[error("can't restore {}", dump.display())]
    Dump {
        /// The dump.
        dump: PathBuf,
        /// Why.
        #[source]
        source: MachineError,
    },
    /// A file of ours can't be written.
    #[error("can't write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The server's socket can't be reached.
    #[error("can't reach the socket {path} in the guest")]
    Socket {
        /// The path inside the guest.
        path: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// The project does not say which database it is.
    #[error("neither legacy.database nor candidate.database_name says which database to compare")]
    NoName,
}

/// The candidate's database, for as long as the guest lives.
#[derive(Debug)]
pub(super) struct CandidateDatabase {
    /// Its address, through the guest's socket.
    pub(super) address: DatabaseAddress,
    /// The socket's path in the guest.
    path: String,
    _socket: OwnedFd,
}

/// Restores the dump and opens the way to the database.
pub(super) async fn restore(
    plan: &Plan,
    machine: &mut Machine,
) -> Result<CandidateDatabase, RestoreError> {
    let name = database_name(plan)?;
    await_server(plan, machine).await?;
    if let Some(dump) = &plan.project.candidate.database_dump {
        let dump = plan.project.resolve(dump);
        let call = machine
            .command(&["sh", "-c", CLIENT, "sh", &name])
            .stdin(&dump)
            .limit(RESTORE_LIMIT);
        machine
            .run(&call)
            .await
            .map_err(|source| RestoreError::Dump { dump, source })?;
    }
    let password = random_password(plan);
    // A user of ours, in the layer that is thrown away: the verified tree never has it.
    let statements = format!(
        "CREATE USER 'migrate_verify'@'localhost' IDENTIFIED BY '{password}';\n\
        GRANT ALL PRIVILEGES ON *.* TO 'migrate_verify'@'localhost';\nSHOW VARIABLES LIKE 'socket';\n"
    );
    let path = plan.workspace.path("reader.sql");
    let written = fs::write(&path, statements)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)));
    written.map_err(|source| RestoreError::File {
        path: path.clone(),
        source,
    })?;
    let call = machine.command(&["sh", "-c", CLIENT, "sh"]).stdin(&path);
    let output = machine
        .run(&call)
        .await
        .map_err(RestoreError::Guest)?
        .text();
    let socket = output
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("socket\t"))
        .unwrap_or("/var/run/mysqld/mysqld.sock")
        .to_owned();
    open(machine, socket, password, name)
}

/// Opens the way to a database whose guest was stopped and is booted again on the same tree.
pub(super) async fn open_again(
    plan: &Plan,
    machine: &mut Machine,
    known: &CandidateDatabase,
) -> Result<CandidateDatabase, RestoreError> {
    await_server(plan, machine).await?;
    let address = known.address.clone();
    let password = address.password.map(|password| password.0);
    let path = known.path.clone();
    open(machine, path, password.unwrap_or_default(), address.name)
}

fn open(
    machine: &Machine,
    path: String,
    password: String,
    name: String,
) -> Result<CandidateDatabase, RestoreError> {
    let handle = open_in_guest(machine, &path)?;
    let address = DatabaseAddress {
        user: "migrate_verify".to_owned(),
        password: Some(Password(password)),
        target: Target::Socket(format!("/proc/self/fd/{}", handle.as_raw_fd()).into()),
        name,
        timeout: None,
        manners: Manners::default(),
    };
    Ok(CandidateDatabase {
        address,
        path,
        _socket: handle,
    })
}

fn database_name(plan: &Plan) -> Result<String, RestoreError> {
    let of_legacy = || {
        let address: DatabaseAddress = plan
            .project
            .legacy
            .as_ref()?
            .database
            .as_ref()?
            .parse()
            .ok()?;
        Some(address.name)
    };
    plan.project
        .candidate
        .database_name
        .clone()
        .or_else(of_legacy)
        .ok_or(RestoreError::NoName)
}

async fn await_server(plan: &Plan, machine: &mut Machine) -> Result<(), RestoreError> {
    let limit = plan.project.container.boot_timeout.0;
    let deadline = Instant::now() + limit;
    let ping = machine.command(&["sh", "-c", CLIENT, "sh", "-e", "SELECT 1"]);
    while let Err(error) = machine.run(&ping).await {
        machine
            .still_runs("answer on its database's socket", deadline, limit)
            .await
            .map_err(|late| {
                // Why it does not answer says more than that it does not.
                RestoreError::Guest(if matches!(late, MachineError::TimedOut { .. }) {
                    error
                } else {
                    late
                })
            })?;
    }
    Ok(())
}

/// Opens the server's socket as the guest sees it; a link in the guest can't lead out of it.
fn open_in_guest(machine: &Machine, path: &str) -> Result<OwnedFd, RestoreError> {
    let failed = |source| RestoreError::Socket {
        path: path.to_owned(),
        source,
    };
    let root = TreeRoot::open(format!("/proc/{}/root", machine.leader).as_ref()).map_err(failed)?;
    root.open_path(path).map_err(failed)
}

/// The id of a run is not secret, but its folder is: the password is made from a random number of the kernel's.
fn random_password(plan: &Plan) -> String {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid")
        .unwrap_or_else(|_| plan.workspace.id.to_string());
    uuid.trim().to_owned()
}
