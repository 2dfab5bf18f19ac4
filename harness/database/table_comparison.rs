//! One table of two databases: its schema, and its rows as long as they stay as they are while they are read.

use super::{
    contents::{Contents, Found},
    description,
    error::DatabaseError,
    name::Name,
    row_comparison::{Rows, compare_rows},
    tolerance::Tolerances,
};
use crate::outcome::{Case, CaseId};

/// Compares one table's schema and rows.
pub(super) async fn compare_table(
    expected: &mut Contents,
    actual: &mut Contents,
    name: &Name,
    tolerances: &mut Tolerances<'_>,
) -> [Case; 2] {
    let id = |part| CaseId::new(&["database", &name.escaped(), part]);
    let both = async {
        expected.mend().await?;
        actual.mend().await?;
        Ok::<_, DatabaseError>((expected.table(name).await?, actual.table(name).await?))
    };
    let (known, found) = match both.await {
        Ok(both) => both,
        Err(error) => {
            return [
                Case::broken(id("schema"), &error),
                Case::not_run(id("rows"), "the table's schema can't be read"),
            ];
        }
    };
    let description = &known.table().description;
    let differences = description::compare("", description, &found.table().description);
    let evidence = format!("{} columns, keys and settings", description.0.len());
    let schema = Case::compared(id("schema"), differences, evidence);
    let rows = match watched_rows((&known, expected), (&found, actual), tolerances).await {
        Ok(Rows::Compared(differences, evidence)) => {
            Case::compared(id("rows"), differences, evidence)
        }
        Ok(Rows::Incomparable(reason)) => Case::not_run(id("rows"), reason),
        Err(error) => Case::broken(id("rows"), &error),
    };
    [schema, rows]
}

/// Compares rows that stay as they are while they are read.
async fn watched_rows(
    (known, expected): (&Found, &mut Contents),
    (found, actual): (&Found, &mut Contents),
    tolerances: &mut Tolerances<'_>,
) -> Result<Rows, DatabaseError> {
    let first = expected.watch(known).await?;
    let second = actual.watch(found).await?;
    let rows = compare_rows((known, expected), (found, actual), tolerances).await;
    for (contents, watch) in [(expected, first), (actual, second)] {
        if let (Contents::Live(connection, _), Some(watch)) = (contents, watch) {
            // What was read badly says more than that it changed.
            if rows.is_ok() {
                watch.end(connection).await?;
            }
        }
    }
    rows
}
