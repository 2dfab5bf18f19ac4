//! Scenarios that change nothing, several at a time, on a few threads.
//!
//! The threads share nothing but the list of what is left to do: a thread that takes over another's half-read page has to be woken,
//! waits for its locks and frees what it allocated, which costs as much as comparing a page. Where more scenarios run at a time than
//! that, a thread has several, and works for one while the server works for another.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use tokio::{
    runtime::Builder,
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    compare_scenario::{ScenarioResult, replay_scenario},
    options::Options,
};
use crate::{exchange::Server, scenario::Scenario};

/// The second thread of a core works while the first one waits for the server; more would only take turns.
const THREADS_A_CORE: usize = 2;

/// What all threads see.
struct Shared {
    scenarios: Vec<Scenario>,
    /// How many of them are taken.
    taken: AtomicUsize,
    snapshots: PathBuf,
    server: Server,
    options: Options,
}

/// Replays `scenarios`, as many at a time as the options allow, and gives each result to `done` as it comes.
///
/// A scenario whose thread breaks has no result. Where this future is dropped, the threads stop where they wait next.
pub(super) async fn replay_side_by_side(
    scenarios: Vec<Scenario>,
    snapshots: &Path,
    server: &Server,
    options: &Options,
    mut done: impl FnMut(String, ScenarioResult),
) {
    let lanes = options.parallel.clamp(1, scenarios.len().max(1));
    let cores = available_parallelism().map_or(1, NonZero::get);
    let threads = lanes.min(cores * THREADS_A_CORE);
    let shared = Arc::new(Shared {
        scenarios,
        taken: AtomicUsize::new(0),
        snapshots: snapshots.to_owned(),
        server: server.clone(),
        options: options.clone(),
    });
    let (results, mut received) = mpsc::unbounded_channel();
    // The threads see when it is dropped with this future.
    let (_wanted, unwanted) = watch::channel(());
    for thread in 0..threads {
        let lanes = (thread..lanes).step_by(threads).len();
        let (shared, results) = (Arc::clone(&shared), results.clone());
        let mut unwanted = unwanted.clone();
        tokio::task::spawn_blocking(move || {
            // Without a runtime its scenarios are left to the other threads; what nobody takes has no result.
            if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
                runtime.block_on(async {
                    tokio::select! {
                        () = replay_in_lanes(lanes, &shared, &results) => {}
                        _dropped = unwanted.changed() => {}
                    }
                });
            }
        });
    }
    drop(results);
    while let Some((name, result)) = received.recv().await {
        done(name, result);
    }
}

/// Replays in several lanes, so that the thread has something to do while the server works for one of them.
async fn replay_in_lanes(
    lanes: usize,
    shared: &Arc<Shared>,
    results: &mpsc::UnboundedSender<(String, ScenarioResult)>,
) {
    let mut running = JoinSet::new();
    for _ in 0..lanes {
        let (shared, results) = (Arc::clone(shared), results.clone());
        running.spawn(async move { replay_one_by_one(&shared, &results).await });
    }
    while running.join_next().await.is_some() {}
}

/// Takes one scenario after the other until none is left.
async fn replay_one_by_one(
    shared: &Arc<Shared>,
    results: &mpsc::UnboundedSender<(String, ScenarioResult)>,
) {
    loop {
        let next = shared.taken.fetch_add(1, Ordering::Relaxed);
        if next >= shared.scenarios.len() {
            return;
        }
        let shared = Arc::clone(shared);
        let replaying = tokio::spawn(async move {
            let scenario = &shared.scenarios[next];
            let folder = shared.snapshots.join(&scenario.name);
            let result = replay_scenario(scenario, &folder, &shared.server, &shared.options).await;
            (scenario.name.clone(), result)
        });
        // A scenario that breaks its task is missed by its name.
        if let Ok(result) = replaying.await {
            // Nobody listens any more where the replay was dropped.
            let _unheard = results.send(result);
        }
    }
}
