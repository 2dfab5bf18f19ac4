//! The part of two lines where they differ.

/// How much of a line is shown.
const SHOWN: usize = 160;
/// How much of it stands before the first difference.
const BEFORE: usize = 50;

/// Returns the same window of two texts, around their first difference, with control characters escaped.
pub(super) fn excerpts(expected: &str, actual: &str) -> (String, String) {
    let same = expected
        .chars()
        .zip(actual.chars())
        .take_while(|(old, new)| old == new)
        .count();
    let start = same.saturating_sub(BEFORE);
    let same_ends = line_end(expected) == line_end(actual) || actual.is_empty();
    (
        window(expected, start, same_ends),
        window(actual, start, same_ends),
    )
}

fn window(text: &str, start: usize, same_ends: bool) -> String {
    let text = if same_ends {
        text.trim_end_matches(['\r', '\n'])
    } else {
        text
    };
    let mut shown = String::new();
    if start > 0 {
        shown.push('…');
    }
    let mut rest = text.chars().skip(start);
    for character in rest.by_ref().take(SHOWN) {
        if is_invisible(character) && character != '\t' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Whether nothing is seen of a character: a control, or one whose look is nobody's but a font's.
fn is_invisible(character: char) -> bool {
    character.is_control() || ('\u{e000}'..='\u{f8ff}').contains(&character)
}

fn line_end(text: &str) -> &str {
    &text[text.trim_end_matches(['\r', '\n']).len()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_shown_around_their_difference() {
        let long = format!("{}x{}", "a".repeat(100), "b".repeat(300));
        let (old, new) = excerpts(&long, &long.replace('x', "y"));
        assert_eq!(old, format!("…{}x{}…", "a".repeat(50), "b".repeat(109)));
        assert_eq!(new, format!("…{}y{}…", "a".repeat(50), "b".repeat(109)));
        assert_eq!(
            excerpts("a\r\n", "a\n"),
            ("a\\r\\n".to_owned(), "a\\n".to_owned())
        );
        assert_eq!(excerpts("a\u{81}\n", "b\n").0, "a\\u{81}");
        assert_eq!(excerpts("a\u{f7e8}\n", "b\n").0, "a\\u{f7e8}");
    }
}
