//! A whole-number key walked from its lowest to its highest value, in ranges that follow the time that a server needs for them.

use std::time::Duration;

use super::{connection::Connection, error::DatabaseError, name::Name, schema::text};

/// How long a server may be busy with one range: nobody notices half of this.
const BUSY: Duration = Duration::from_millis(400);

/// A range has no more rows than this, so that reading one that differs takes a moment. Smaller ones would let the quicker
/// server wait more often.
pub(super) const LARGEST: u64 = 75_000;

/// The width of the first range.
pub(super) const FIRST: i128 = 8_192;

/// Returns the lowest and the highest key of a table; `None` if it is empty.
pub(super) async fn bounds(
    connection: &mut Connection,
    table: &Name,
    key: &Name,
) -> Result<Option<(i128, i128)>, DatabaseError> {
    let quoted = key.quoted();
    let query = [
        b"SELECT MIN(".as_slice(),
        &quoted,
        b"),MAX(",
        &quoted,
        b") FROM ",
        &table.quoted(),
    ]
    .concat();
    let what = format!("the keys of {table}");
    let rows = connection.rows(&what, query).await?;
    let number = |index| match rows.first().map(|row| text(row, index)) {
        None => Ok(None),
        Some(nothing) if nothing.is_empty() => Ok(None),
        Some(number) => {
            number
                .parse::<i128>()
                .map(Some)
                .map_err(|_no_number| DatabaseError::Answer {
                    what: what.clone(),
                    address: connection.address.clone(),
                    reason: "a key is not a number",
                })
        }
    };
    Ok(number(0)?.zip(number(1)?))
}

/// Halves what took too long or held too much, doubles what was quick and small.
pub(super) fn next_width(width: i128, took: Duration, rows: u64) -> i128 {
    if took > BUSY || rows > LARGEST {
        (width / 2).max(1)
    } else if took < BUSY / 3 && rows < LARGEST / 2 {
        width.saturating_mul(2).min(1 << 62)
    } else {
        width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_the_time_that_servers_need() {
        let quick = Duration::from_millis(1);
        assert_eq!(next_width(8, quick, 8), 16);
        assert_eq!(next_width(8, BUSY * 2, 8), 4);
        assert_eq!(next_width(1, BUSY * 2, 8), 1);
        assert_eq!(next_width(200_000, quick, 200_000), 100_000);
        assert_eq!(next_width(60_000, quick, 60_000), 60_000);
        assert_eq!(next_width(i128::MAX, quick, 0), 1 << 62);
    }
}
