//! One run at a time fills the cache: two that fetch the same image or package would take each other's half-made files.

use std::{
    fs::{self, File},
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::{error::RecipeError, locking::Store};
use crate::progress::Event;

/// How often a waiting run asks for its turn.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// The right to fill the cache, as long as this lives; the kernel takes it from a run that was killed (flock(2)).
#[derive(Debug)]
pub(super) struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits until no other run fills the cache.
    pub(super) async fn take(store: &Store<'_>) -> Result<Self, RecipeError> {
        fs::create_dir_all(store.cache).map_err(RecipeError::file("create", store.cache))?;
        let path = store.cache.join("lock");
        let lock = File::create(&path).map_err(RecipeError::file("create", &path))?;
        let mut told = false;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _lock: lock }),
                Err(Errno::WOULDBLOCK) => {}
                Err(errno) => return Err(RecipeError::file("lock", &path)(errno.into())),
            }
            if !told {
                let what = "waiting for another run that fetches into the same cache";
                store.observer.observe(Event::Note(what.to_owned()));
                told = true;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{
        progress::{Observer, Silent},
        tool::Toolbox,
    };

    /// Keeps what a waiting run says.
    #[derive(Debug, Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Observer for Notes {
        fn observe(&self, event: Event) {
            if let Event::Note(text) = event {
                self.0.lock().unwrap().push(text);
            }
        }
    }

    #[tokio::test]
    async fn a_second_run_waits_for_its_turn_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let toolbox = Toolbox::new(Vec::new());
        let notes = Arc::new(Notes::default());
        let waiting: Arc<dyn Observer> = Arc::<Notes>::clone(&notes);
        let silent: Arc<dyn Observer> = Arc::new(Silent);
        let store = |observer| Store {
            cache: folder.path(),
            scratch: Path::new("/nonexistent"),
            toolbox: &toolbox,
            observer,
        };
        let first = Turn::take(&store(&silent)).await.unwrap();
        let second = store(&waiting);
        tokio::select! {
            biased;
            _taken = Turn::take(&second) => panic!("both fill the cache"),
            () = async {
                while notes.0.lock().unwrap().is_empty() {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        drop(first);
        Turn::take(&second).await.unwrap();
    }
}
