//! What a long command tells while it works.
//!
//! The core calls [`Observer::observe`]; a terminal shows it, a file ignores it, a test records it. Nothing that is only
//! observed can change a verdict.

use std::fmt;

/// Something happened that a person who waits wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stage or a long step begins.
    Started {
        /// What: `build`, `replay`, `first build: packages`.
        what: String,
    },
    /// A stage or step that began has ended.
    Finished {
        /// The same words as in `Started`.
        what: String,
        /// How it ended, in a few words.
        how: String,
    },
    /// A part of something countable is done.
    Counted {
        /// The step that is counted.
        what: String,
        /// How many are done.
        done: u64,
        /// How many there are.
        total: u64,
    },
    /// A line for people: an address, a decision, a warning.
    Note(String),
    /// Nothing is worked on for now: the terminal is a person's.
    Paused,
}

/// Sees the events of a command.
pub trait Observer: Send + Sync + fmt::Debug {
    /// Takes notice of one event; must not block.
    fn observe(&self, event: Event);
}

/// Sees nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _event: Event) {}
}
