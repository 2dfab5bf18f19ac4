//! Two tables with a key: both come in the order of the key and are walked side by side.

use super::{
    cell::Row,
    error::DatabaseError,
    finding::{Findings, Pairing},
    rows::{Key, RowSource},
};

/// Compares rows in the order of their key; memory is one row of each.
pub(super) async fn compare(
    pairing: &Pairing<'_>,
    mut expected: RowSource<'_>,
    mut actual: RowSource<'_>,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let (mut first, mut second) = tokio::try_join!(expected.next(), actual.next())?;
    loop {
        match step(first.as_ref(), second.as_ref()) {
            Step::End => return Ok(()),
            Step::Pair => {
                if let (Some((_, known)), Some((_, found))) = (&first, &second) {
                    findings.compare(pairing, known, found);
                }
                (first, second) = tokio::try_join!(expected.next(), actual.next())?;
            }
            Step::Missing => {
                if let Some((_, known)) = &first {
                    findings.missing(pairing.expected, known, 1);
                }
                first = expected.next().await?;
            }
            Step::Extra => {
                if let Some((_, found)) = &second {
                    findings.extra(pairing.actual, found, 1);
                }
                second = actual.next().await?;
            }
        }
    }
}

/// What the two rows in hand mean.
enum Step {
    /// Both tables have ended.
    End,
    /// They have one key.
    Pair,
    /// The expected row is not there.
    Missing,
    /// The actual row should not be there.
    Extra,
}

fn step(first: Option<&(Key, Row)>, second: Option<&(Key, Row)>) -> Step {
    match (first, second) {
        (None, None) => Step::End,
        (Some(_), None) => Step::Missing,
        (None, Some(_)) => Step::Extra,
        (Some((known, _)), Some((found, _))) => match known.cmp(found) {
            std::cmp::Ordering::Equal => Step::Pair,
            std::cmp::Ordering::Less => Step::Missing,
            std::cmp::Ordering::Greater => Step::Extra,
        },
    }
}
