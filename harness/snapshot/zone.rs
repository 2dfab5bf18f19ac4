//! The time zone of the old server.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

use super::error::SnapshotError;

/// A time zone by its name, or a fixed offset.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl Zone {
    /// Returns UTC.
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }

    /// Looks up `Europe/Bratislava`, `UTC` or `+01:00`.
    pub fn parse(name: &str) -> Result<Self, SnapshotError> {
        let unknown = || SnapshotError::Zone {
            name: name.to_owned(),
        };
        if let Some(seconds) = offset_seconds(name) {
            return Self::fixed(seconds).ok_or_else(unknown);
        }
        // The one zone that needs no database.
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let rules = TimeZone::get(name).map_err(|_| unknown())?;
        Ok(Self {
            name: name.to_owned(),
            rules,
        })
    }

    /// Returns the zone that is so many seconds ahead of UTC.
    pub fn fixed(seconds: i32) -> Option<Self> {
        let offset = Offset::from_seconds(seconds).ok()?;
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.abs() / 60;
        Some(Self {
            name: format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
            rules: TimeZone::fixed(offset),
        })
    }

    /// Returns the local time at a second since 1970.
    pub fn local(&self, second: i64) -> Option<DateTime> {
        let timestamp = Timestamp::from_second(second).ok()?;
        Some(self.rules.to_datetime(timestamp))
    }

    /// Returns how many seconds the zone is ahead of UTC at a second since 1970.
    pub fn offset(&self, second: i64) -> Option<i64> {
        let timestamp = Timestamp::from_second(second).ok()?;
        Some(self.rules.to_offset(timestamp).seconds().into())
    }

    /// Returns the zone's short name at a second since 1970: `CET` or `CEST`.
    pub fn abbreviation(&self, second: i64) -> Option<String> {
        let timestamp = Timestamp::from_second(second).ok()?;
        let info = self.rules.to_offset_info(timestamp);
        Some(info.abbreviation().to_owned())
    }

    /// Returns the local date at a second since 1970.
    pub fn date(&self, second: i64) -> Option<Date> {
        self.local(second).map(DateTime::date)
    }

    /// Returns the second since 1970 of a local time.
    pub fn second(&self, local: DateTime) -> Option<i64> {
        self.rules
            .to_timestamp(local)
            .ok()
            .map(Timestamp::as_second)
    }
}

fn offset_seconds(name: &str) -> Option<i32> {
    let sign = match name.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = name[1..].split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}
