//! How an old server is treated while it is read: how much of its time it gives, when it is left alone, and what is locked.
//!
//! Rests are made between questions, never within an answer: an answer that is read slowly keeps its table locked longer.

use std::time::{Duration, Instant};

use super::{
    connection::{Connection, Exactness},
    error::DatabaseError,
    schema::text,
};

/// Rests are not shorter than what makes this much work good.
const WORK: Duration = Duration::from_millis(50);

/// No rest is longer: a server ends a connection that is silent for long.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How often a server is asked how busy it is.
const LOOK: Duration = Duration::from_secs(1);

/// How long a busy server is waited for.
const PATIENCE: Duration = Duration::from_secs(900);

/// What keeps a table that has no snapshots (`MyISAM`) as it is while it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// Nothing: the table is looked at before and after, and was not read if it changed.
    #[default]
    None,
    /// `LOCK TABLES … READ LOCAL`, one table at a time.
    Tables,
}

/// How a server is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// What locks tables without snapshots.
    pub lock: Lock,
    /// The share of time in which the server works for us, in percent; 100 is without a rest.
    pub load: u8,
    /// It is left alone while more threads run than this.
    pub busy: Option<u32>,
}

impl Default for Manners {
    /// Returns the manners towards a server that serves nobody else.
    fn default() -> Self {
        Self {
            lock: Lock::None,
            load: 100,
            busy: None,
        }
    }
}

impl Manners {
    /// Returns how long a server rests that has worked for so long.
    fn rest(self, worked: Duration) -> Duration {
        let load = u32::from(self.load.clamp(1, 100));
        (worked * (100 - load) / load).min(LONGEST_REST)
    }
}

/// What a connection remembers of the load that it makes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// How long the server has worked since its last rest.
    pub(super) worked: Duration,
    /// When it was last asked how busy it is.
    looked: Option<Instant>,
}

/// Rests, and waits for a busy server, before it is asked again.
pub(super) async fn pause(
    connection: &mut Connection,
    manners: Manners,
) -> Result<(), DatabaseError> {
    if connection.pace.worked >= WORK {
        let rest = manners.rest(connection.pace.worked);
        connection.pace.worked = Duration::ZERO;
        tokio::time::sleep(rest).await;
    }
    let Some(limit) = manners.busy else {
        return Ok(());
    };
    if connection
        .pace
        .looked
        .is_some_and(|then| then.elapsed() < LOOK)
    {
        return Ok(());
    }
    let began = Instant::now();
    loop {
        let running = running(connection).await?;
        connection.pace.looked = Some(Instant::now());
        if running.is_none_or(|running| running <= limit) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(DatabaseError::Busy {
                address: connection.address.clone(),
                running: running.unwrap_or_default(),
                limit,
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns how many threads of the server run; `None` if it does not say.
async fn running(connection: &mut Connection) -> Result<Option<u32>, DatabaseError> {
    // MySQL 4.1 and 5.0.1 have no GLOBAL here, and mean it.
    for query in [
        "SHOW GLOBAL STATUS LIKE 'Threads_running'",
        "SHOW STATUS LIKE 'Threads_running'",
    ] {
        let mut stream = match connection
            .ask("how busy the server is", query.as_bytes(), Exactness::Text)
            .await
        {
            Ok(stream) => stream,
            Err(error) if error.is_refusal() => continue,
            Err(error) => return Err(error),
        };
        let mut running = None;
        while let Some(row) = stream.next().await? {
            running = text(&row, 1).parse().ok();
        }
        return Ok(running);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_rests_for_its_share_of_the_time() {
        let rest = |load, worked| {
            Manners {
                load,
                ..Manners::default()
            }
            .rest(Duration::from_millis(worked))
        };
        assert_eq!(rest(100, 400), Duration::ZERO);
        assert_eq!(rest(50, 400), Duration::from_millis(400));
        assert_eq!(rest(20, 400), Duration::from_millis(1600));
        assert_eq!(rest(0, 1), Duration::from_millis(99));
        assert_eq!(rest(1, 400_000), LONGEST_REST);
    }
}
