//! A recorded line with the values of the line that came, so that only what really differs is shown.

use crate::snapshot::Template;

/// So many characters before a value say where it stands; fewer stand anywhere.
const SHORTEST_ANCHOR: usize = 3;

/// How many ends of the text before a value are looked for.
const LONGEST_LOOK: usize = 256;

/// Fills the holes of a line with what looks like their values in `actual`, so that only real differences are left.
pub(super) fn fill(template: &Template, actual: &str) -> String {
    let mut rest = actual;
    let mut values = Vec::new();
    for (hole, before) in template.holes().iter().zip(template.segments()) {
        rest = behind(rest, before);
        let found = rest.char_indices().take(4096).find_map(|(start, _)| {
            let word = &rest[start..];
            let ends = word
                .char_indices()
                .map(|(end, _)| end)
                .skip(1)
                .chain([word.len()]);
            ends.take(64)
                .filter(|end| hole.kind.has_shape(&word[..*end]))
                .last()
                .map(|end| (start, start + end))
        });
        match found {
            Some((start, end)) => {
                values.push(rest[start..end].to_owned());
                rest = &rest[end..];
            }
            None => values.push(format!("{{{{{}}}}}", hole.name)),
        }
    }
    template.filled(values).0
}

/// Returns what follows the recorded text before a hole, as far as it came: its last word at least.
fn behind<'a>(actual: &'a str, before: &str) -> &'a str {
    let words = before.char_indices().map(|(start, _)| &before[start..]);
    words
        .take_while(|word| word.chars().count() >= SHORTEST_ANCHOR)
        .take(LONGEST_LOOK)
        .find_map(|word| actual.split_once(word))
        .map_or(actual, |(_, behind)| behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Hole, HoleKind};

    #[test]
    fn a_value_is_looked_for_behind_the_text_that_stands_before_it() {
        let mut line = Template::literal("Priemer 1,57 | za ");
        line.push_hole(Hole {
            name: "duration-1".to_owned(),
            kind: HoleKind::Duration {
                separator: '.',
                least: 1,
                most: 5,
                below: 60,
            },
        });
        line.push_text(" s");
        let table = [
            ("Priemer 1.57 | za 0.6224 s", "Priemer 1,57 | za 0.6224 s"),
            ("Mean 1.57 | za 0.6224 s", "Priemer 1,57 | za 0.6224 s"),
            ("0.5", "Priemer 1,57 | za 0.5 s"),
            ("", "Priemer 1,57 | za {{duration-1}} s"),
        ];
        for (actual, expected) in table {
            assert_eq!(fill(&line, actual), expected, "{actual}");
        }
    }
}
