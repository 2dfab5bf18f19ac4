//! What was carried from step to step, as a table: seen there, used here.

use std::fmt::Write as _;

use crate::outcome::Carried;

/// So many of the steps that used a value are named; the others are counted.
const MOST_STEPS: usize = 3;

/// The heads of the columns.
pub(super) const HEADS: [&str; 4] = ["scenario", "carried", "seen in", "used in"];

/// Returns the cells of a row.
pub(super) fn cells(one: &Carried) -> [String; 4] {
    let Carried {
        scenario,
        what,
        seen_in,
        used_in,
    } = one;
    let mut steps = used_in[..used_in.len().min(MOST_STEPS)].join(", ");
    if used_in.len() > MOST_STEPS {
        let _ = write!(steps, " and {} more", used_in.len() - MOST_STEPS);
    }
    [scenario.clone(), what.clone(), seen_in.clone(), steps]
}

/// Renders the table for a screen.
pub(super) fn table(carried: &[Carried], clean: impl Fn(&str) -> String) -> String {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(
        carried
            .iter()
            .map(|one| cells(one).map(|cell| clean(&cell))),
    );
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3].map(width);
    let mut table = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        table.push_str(line.join("  ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_a_table() {
        let one = |what: &str, used_in: &[&str]| Carried {
            scenario: "login".to_owned(),
            what: what.to_owned(),
            seen_in: "form".to_owned(),
            used_in: used_in.iter().map(|step| (*step).to_owned()).collect(),
        };
        let steps = ["login", "list", "detail", "logout", "form"];
        let both = [
            one("cookie PHPSESSID", &steps),
            one("capture id", &["žiak"]),
        ];
        insta::assert_snapshot!(table(&both, str::to_owned), @r"
        scenario  carried           seen in  used in
        login     cookie PHPSESSID  form     login, list, detail and 2 more
        login     capture id        form     žiak
        ");
    }
}
