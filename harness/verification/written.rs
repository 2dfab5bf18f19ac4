//! A copy of the verified tree that was booted once, and written: with its state made, the dump restored, and cleanly stopped.
//!
//! The guest of the other stages writes to a layer that is thrown away. On this tree a second boot shows what the first one left, and
//! scenarios that ask for a fresh state find the restored data without anybody restoring them again.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    boot::{Guest, boot_on},
    database,
    finish::halt_case,
    part::Part,
    plan::Plan,
    restore::{self, CandidateDatabase},
};
use crate::{
    database::Fingerprint,
    machine::{Layer, Listener, Message, Severity, Stop, listeners},
    outcome::{Case, CaseId, chain},
    recipe::Built,
    rootfs::{self, Listing},
    tool::ToolCall,
};

/// The link of a guest that has just ended goes a little later.
const LINK_LIMIT: Duration = Duration::from_secs(10);

/// A copy of a whole server's tree on a slow disk.
const COPY_LIMIT: Duration = Duration::from_secs(1800);

/// A tree after its first boot.
#[derive(Debug)]
pub(super) struct Written {
    /// The tree.
    pub(super) tree: PathBuf,
    /// What the first boot looked like.
    pub(super) first: Seen,
    /// The restored database, if there is one; its guest is gone.
    pub(super) database: Option<CandidateDatabase>,
}

/// What one boot looked like from outside, and what it left.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) listeners: Vec<Listener>,
    pub(super) tables: Option<Fingerprint>,
    pub(super) errors: BTreeSet<Message>,
    pub(super) stop: Stop,
    pub(super) halt: Case,
    pub(super) listing: Listing,
}

/// Copies the verified tree and boots the copy once; the dump is restored if there is a database.
///
/// # Errors
///
/// Returns a case: it could not be copied or booted, or it did not halt.
pub(super) async fn write(plan: &Plan, built: &Built, has_database: bool) -> Result<Written, Case> {
    let broken = |why: String| {
        let id = CaseId::new(&["shutdown", "second-boot"]);
        Case::broken(id, &std::io::Error::other(why))
    };
    let tree = plan.workspace.path("written");
    let call = ToolCall::new("cp")
        .args(["--archive", "--reflink=auto"])
        .args([&built.tree, &tree])
        .limit(COPY_LIMIT);
    plan.toolbox
        .run(&call)
        .await
        .map_err(|error| broken(chain(&error)))?;
    let mut database = None;
    let first = session(plan, &tree, "first", has_database, &mut database)
        .await
        .map_err(|why| broken(format!("a tree that is written: first boot: {why}")))?;
    if first.stop != Stop::Halted {
        return Err(first.halt);
    }
    Ok(Written {
        tree,
        first,
        database,
    })
}

/// Boots, looks, stops, looks at the tree.
pub(super) async fn session(
    plan: &Plan,
    tree: &Path,
    which: &str,
    has_database: bool,
    data: &mut Option<CandidateDatabase>,
) -> Result<Seen, String> {
    await_link(plan).await;
    let guest = boot_on(plan, tree, Layer::Tree).await;
    let Guest { mut machine, .. } = guest.map_err(|error| chain(&error))?;
    let mut tables = None;
    if has_database {
        let opened = match &*data {
            None => restore::restore(plan, &mut machine).await,
            Some(known) => restore::open_again(plan, &mut machine, known).await,
        };
        let opened = opened.map_err(|error| chain(&error))?;
        let print = database::fingerprint(&Part::Shared, &opened.address).await;
        tables = Some(print.map_err(|case| case.reason)?);
        *data = Some(opened);
    }
    let found = listeners(machine.leader).map_err(|error| chain(&error))?;
    let limit = plan.project.container.stop_timeout.0;
    let (stop, journal) = machine.stop(limit).await.map_err(|error| chain(&error))?;
    let records = journal.records();
    let severe = records
        .iter()
        .filter(|record| record.severity() == Some(Severity::Error));
    let tree = tree.to_owned();
    let walked = tokio::task::spawn_blocking(move || rootfs::walk(&tree)).await;
    let listing = walked.expect("walking does not panic");
    let halt = CaseId::new(&["shutdown", &format!("{which}-boot/halt")]);
    Ok(Seen {
        listeners: found,
        tables,
        errors: severe.map(|record| Message::sent(&record.text())).collect(),
        halt: halt_case(halt, &stop, &journal),
        stop,
        listing: listing.map_err(|error| chain(&error))?,
    })
}

/// Waits until the link of the guest before is gone.
pub(super) async fn await_link(plan: &Plan) {
    let link = format!("/sys/class/net/ve-{}", plan.workspace.id.machine());
    let deadline = Instant::now() + LINK_LIMIT;
    while Path::new(&link).exists() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
