//! Scenarios that change nothing, several at a time, on a few threads.
//!
//! The threads share nothing but the list of what is left to do: a thread that takes over another's half-read page has to be woken,
//! waits for its locks and frees what it allocated, which costs as much as comparing a page.

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
    let at_a_time = options.parallel.clamp(1, scenarios.len().max(1));
    let threads = available_parallelism()
        .map_or(1, NonZero::get)
        .min(at_a_time);
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
        let share = (thread..at_a_time).step_by(threads).count();
        let (shared, results) = (Arc::clone(&shared), results.clone());
        let mut unwanted = unwanted.clone();
        tokio::task::spawn_blocking(move || {
            // Without a runtime its share is left to the other threads; what nobody takes has no result.
            if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
                runtime.block_on(async {
                    tokio::select! {
                        () = replay_share(&shared, share, &results) => {}
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

/// Takes scenarios until none is left, `share` at a time.
async fn replay_share(
    shared: &Arc<Shared>,
    share: usize,
    results: &mpsc::UnboundedSender<(String, ScenarioResult)>,
) {
    let mut running = JoinSet::new();
    loop {
        while running.len() < share {
            let next = shared.taken.fetch_add(1, Ordering::Relaxed);
            if next >= shared.scenarios.len() {
                break;
            }
            let shared = Arc::clone(shared);
            running.spawn(async move {
                let scenario = &shared.scenarios[next];
                let folder = shared.snapshots.join(&scenario.name);
                let result =
                    replay_scenario(scenario, &folder, &shared.server, &shared.options).await;
                (scenario.name.clone(), result)
            });
        }
        match running.join_next().await {
            Some(Ok(result)) => {
                // Nobody listens any more where the replay was dropped.
                let _unheard = results.send(result);
            }
            // A scenario that broke is missed by its name.
            Some(Err(_)) => {}
            None => break,
        }
    }
}
