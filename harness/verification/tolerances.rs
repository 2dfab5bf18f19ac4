//! The project's tolerances as the database takes them; a mistake in one is named with its line.

use crate::{
    database::{DatabaseError, Tolerance},
    input::{InputError, read_text},
    project::Project,
};

/// How a tolerance is written.
const HINT: &str = "write [[database.tolerance]] with column = \"TABLE.COLUMN\", within = \"0.005\" (FLOAT, DOUBLE, DECIMAL) or \"2s\" (dates and times), and reason = \"why\"";

/// Returns the project's tolerances.
pub fn tolerances(project: &Project) -> Result<Vec<Tolerance>, InputError> {
    let list = project.database.tolerance.iter().enumerate();
    list.map(|(index, one)| {
        Tolerance::new(one.column.get_ref(), one.within.get_ref(), &one.reason)
            .map_err(|reason| wrong(project, index, reason))
    })
    .collect()
}

/// Returns where the project has a tolerance that the databases do not allow; another error is given back.
pub fn misplaced_tolerance(
    project: &Project,
    error: DatabaseError,
) -> Result<InputError, DatabaseError> {
    if let DatabaseError::Tolerance { index, .. } = &error {
        Ok(wrong(project, *index, error.to_string()))
    } else {
        Err(error)
    }
}

fn wrong(project: &Project, index: usize, reason: impl Into<String>) -> InputError {
    let path = project.config_path();
    let error = InputError::new(&path, reason).hint(HINT);
    let place = project.database.tolerance.get(index);
    match (read_text(&path), place) {
        (Ok(text), Some(tolerance)) => error.at(&text, tolerance.column.span().start),
        (_, _) => error,
    }
}
