//! The way of a guest's syslog to the host, tried with a message.

use std::time::Duration;

use super::{error::MachineError, journal::Source, running::Machine};

/// How often is looked, and how long a message may take.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 40;

impl Machine {
    /// Sends a message with the guest's own logger(1); returns when it arrived after boot, or nothing if it did not within 2 s.
    pub async fn syslog_round_trip(&self, mark: &str) -> Result<Option<Duration>, MachineError> {
        let call = self.command(&["logger", "-p", "user.notice", "-t", "migrate-verify", mark]);
        self.run(&call).await?;
        for _look in 0..LOOKS {
            let records = self.journal.records();
            let arrived = records
                .iter()
                .find(|record| record.source == Source::Syslog && record.text().contains(mark));
            if let Some(record) = arrived {
                return Ok(Some(record.at));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }
}
