//! What a page says of a day without naming its whole date: `utorok`, `24. novembra`, `november 2026`.

use jiff::civil::Date;

use super::moment::DAY;

/// What is said of a day that is no complete date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartialDay {
    pub(super) year: Option<i64>,
    pub(super) month: Option<i64>,
    pub(super) day: Option<i64>,
    pub(super) weekday: Option<i64>,
}

impl PartialDay {
    /// Returns whether some year has such a day.
    pub(super) fn exists(self) -> bool {
        let month = self.month.unwrap_or(1);
        (1..=12).contains(&month) && (1..=31).contains(&self.day.unwrap_or(1))
    }

    /// Returns by how many seconds it is later than today, where that can be said.
    pub(super) fn distance(self, today: Date) -> Option<i64> {
        let (year, month) = (i64::from(today.year()), i64::from(today.month()));
        if let Some(weekday) = self.weekday {
            let today = i64::from(today.weekday().to_monday_one_offset());
            return Some(((weekday - today + 3).rem_euclid(7) - 3) * DAY);
        }
        let Some(day) = self.day else {
            let same = self.year == Some(year) && self.month == Some(month);
            return same.then_some(0);
        };
        let date = Date::new(
            today.year(),
            self.month?.try_into().ok()?,
            day.try_into().ok()?,
        )
        .ok()?;
        Some(date.duration_since(today).as_secs())
    }
}
