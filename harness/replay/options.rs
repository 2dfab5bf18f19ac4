//! What recording and replaying may do, and by which clock.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use crate::{charset::Charset, exchange::Limits, snapshot::Zone};

/// Tells the second since 1970. The program's clock comes from its command line, a test's from the test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// Makes a clock.
    pub fn new(tell: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Returns the second since 1970.
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// A moment of a scenario that changes data: before its first step, or after one of its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The scenario.
    pub scenario: String,
    /// How many of its steps are done.
    pub steps: usize,
    /// The second since 1970.
    pub at: i64,
}

/// Somebody who looks at what scenarios change while they run; a scenario waits until he has seen enough.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(Moment) -> Looking + Send + Sync>);

type Looking = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Witness {
    /// Makes a witness.
    pub fn new<F>(look: impl Fn(Moment) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |moment| Box::pin(look(moment))))
    }

    /// Shows a moment.
    pub(super) async fn look(&self, moment: Moment) {
        (self.0)(moment).await;
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Witness")
    }
}

/// How scenarios are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The charset of pages that declare none.
    pub charset: Charset,
    /// The old server's time zone, where the project names it.
    pub zone: Option<Zone>,
    /// How far a clock in a page may be off.
    pub tolerance: Duration,
    /// What one exchange may take.
    pub limits: Limits,
    /// How many scenarios run at a time on the candidate.
    pub parallel: usize,
    /// How much the server is spared: nothing by default.
    pub pace: Pace,
    /// The clock.
    pub clock: Clock,
    /// Who looks at what scenarios with `mutates = true` change.
    pub witness: Option<Witness>,
}

/// How much a server is spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// How long the server rests between two requests. It rests at least as long as its last answer took, where it rests.
    pub rest: Duration,
    /// How often a request that changes nothing is repeated, later and later, where the server is overloaded.
    pub retries: u32,
}

impl Options {
    /// Makes the usual options.
    pub fn new(charset: Charset, zone: Option<Zone>, clock: Clock) -> Self {
        Self {
            charset,
            zone,
            tolerance: Duration::from_secs(120),
            limits: Limits::default(),
            parallel: 4,
            pace: Pace::default(),
            clock,
            witness: None,
        }
    }
}
