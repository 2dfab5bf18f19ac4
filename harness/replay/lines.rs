//! A page compared line by line with its template.

use similar::DiffOp;

use super::{
    alignment::{Line, Page, lines, operations},
    cause::{program_message, text_cause},
    checks::Checks,
    document::{self, Agreement},
    excerpt::excerpts,
    filling::fill,
};
use crate::{
    charset::{Charset, Reading, decode_exactly, explain, visible},
    outcome::Difference,
    snapshot::Template,
};

/// How many differing lines a case shows; the others are counted.
const MOST_SHOWN: usize = 20;

/// Why an empty line is sent that was not.
const EMPTY_LINE: &str =
    "an empty line: a script or a file that it includes has one outside of <?php ... ?>";

/// More differing lines are not looked for in another order.
const MOST_MOVED: usize = 1_000;

/// So often a line is held against one with holes: each time may take thousands of tries.
const MOST_LOOKS: usize = 20_000;

/// Compares a page with its template.
pub(super) fn compare(
    template: &Template,
    page: Page<'_>,
    checks: &mut Checks<'_>,
) -> Vec<Difference> {
    // Most pages are the same to the byte, and UTF-8 needs no decoding to see it.
    let same = |text: &[u8]| matches!(template.segments(), [literal] if literal.as_bytes() == text);
    let is_utf8 = page.reading.charset(page.expected_as.charset) == Charset::UTF_8;
    if is_utf8 && page.reading != Reading::Stray && same(page.bytes) {
        return Vec::new();
    }
    let whole = page.text(page.bytes);
    let whole = whole.as_deref();
    if whole.is_some_and(|text| same(text.as_bytes())) {
        return Vec::new();
    }
    let expected = template.lines();
    let actual = lines(page, whole);
    let operations = operations(&expected, &actual);
    let mut found = Found {
        differences: Vec::new(),
        lines: 0,
        page,
    };
    found
        .differences
        .extend(values(&operations, &expected, &actual, checks));
    for operation in &operations {
        found.changed(operation, &expected, &actual);
    }
    if found.lines > MOST_SHOWN {
        found.differences.push(Difference::new(
            "body",
            "text",
            format!("{} more lines as recorded", found.lines - MOST_SHOWN),
            format!(
                "{} more lines differ and are not shown",
                found.lines - MOST_SHOWN
            ),
        ));
    }
    found
        .differences
        .extend(order(&operations, &expected, &actual));
    if found.lines > 0 {
        let filled = filled(&operations, &expected, &actual);
        let came: String = actual
            .iter()
            .filter_map(|line| line.text.as_deref())
            .collect();
        let reading = page.reading;
        let agreement = document::compare(&reading.seen(&filled), &reading.seen(&came));
        found.differences.extend(whole_page(agreement, reading));
    }
    found.differences
}

/// Checks what stands in the holes of the lines that agree.
fn values(
    operations: &[DiffOp],
    expected: &[Template],
    actual: &[Line<'_>],
    checks: &mut Checks<'_>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for operation in operations {
        if !matches!(operation, DiffOp::Equal { .. }) {
            continue;
        }
        for (old, new) in operation.old_range().zip(operation.new_range()) {
            if let Some(text) = &actual[new].text {
                let locus = format!("body line {}", new + 1);
                differences.extend(checks.values(&expected[old], text, &locus));
            }
        }
    }
    differences
}

/// Returns the recorded page with the values of this one in its holes.
fn filled(operations: &[DiffOp], expected: &[Template], actual: &[Line<'_>]) -> String {
    let mut page = String::new();
    for operation in operations {
        let is_equal = matches!(operation, DiffOp::Equal { .. });
        for (step, index) in operation.old_range().enumerate() {
            let partner = operation
                .new_range()
                .nth(step)
                .and_then(|line| actual[line].text.as_deref());
            match partner {
                Some(text) if is_equal => page.push_str(text),
                Some(text) => page.push_str(&fill(&expected[index], text)),
                None => page.push_str(&expected[index].marked().0),
            }
        }
    }
    page
}

/// Says what still agrees where bytes differ, and what a page is that is another one altogether.
fn whole_page(agreement: Agreement, reading: Reading) -> Option<Difference> {
    let (expected, actual, cause) = match agreement {
        Agreement::Document if reading == Reading::Stray => (
            "these bytes",
            "other bytes of the same document: only bytes that are no characters, blanks, entities, quotes or the order of attributes differ",
            "a browser shows the same, U+FFFD for each byte that is no character",
        ),
        Agreement::Document => (
            "these bytes",
            "other bytes of the same document: only blanks, entities, quotes or the order of attributes differ",
            "the markup is written in another way: a browser shows the same words, blanks aside",
        ),
        Agreement::Text => (
            "this document",
            "another document with the same visible text",
            "elements, attributes or comments differ; the words that a reader reads are the same",
        ),
        Agreement::SessionLost => (
            "the recorded page",
            "a page with a password field, which the recorded page has not",
            "the session is lost: the login page came instead",
        ),
        Agreement::Nothing => return None,
    };
    Some(Difference::new("body", "document", expected, actual).because(cause))
}

/// The differing lines of a page.
struct Found<'a> {
    differences: Vec<Difference>,
    lines: usize,
    page: Page<'a>,
}

impl Found<'_> {
    fn changed(&mut self, operation: &DiffOp, expected: &[Template], actual: &[Line<'_>]) {
        if matches!(operation, DiffOp::Equal { .. }) {
            return;
        }
        let (old, new) = (operation.old_range(), operation.new_range());
        for step in 0..old.len().max(new.len()) {
            self.lines += 1;
            if self.lines > MOST_SHOWN {
                continue;
            }
            let difference = match (old.clone().nth(step), new.clone().nth(step)) {
                (Some(before), Some(after)) => self.pair(before, &expected[before], &actual[after]),
                (Some(before), None) => {
                    let text = expected[before].marked().0;
                    Difference::new(
                        format!("body line {}", before + 1),
                        "missing line",
                        excerpts(&self.page.reading.show(&text), "").0,
                        "",
                    )
                    .because(missing_cause(new.end, actual.len()))
                }
                (None, Some(after)) => {
                    let text = self.shown(&actual[after]);
                    let difference = Difference::new(
                        format!("body line {}", after + 1),
                        "added line",
                        "",
                        excerpts(&text, "").0,
                    );
                    match program_message(&text) {
                        Some(cause) => difference.because(cause),
                        None if text.trim().is_empty() => difference.because(EMPTY_LINE),
                        None => difference,
                    }
                }
                (None, None) => continue,
            };
            self.differences.push(difference);
        }
    }

    fn pair(&self, number: usize, expected: &Template, actual: &Line<'_>) -> Difference {
        let Page {
            expected_as,
            actual_as,
            reading,
            ..
        } = self.page;
        let text = match &actual.text {
            Some(text) => text.clone().into_owned(),
            None => self.shown(actual),
        };
        let filled = fill(expected, &text);
        let bytes = reading.encode(&filled, expected_as.charset);
        let charset_cause = explain(&bytes, actual.bytes, expected_as, actual_as);
        let aspect = if charset_cause.is_some() {
            "charset"
        } else {
            "text"
        };
        let filled = reading.show(&filled);
        let text = match actual.text {
            Some(_) => reading.show(&text),
            None => text.as_str().into(),
        };
        let (old, new) = excerpts(&filled, &text);
        let difference = Difference::new(format!("body line {}", number + 1), aspect, old, new);
        match charset_cause.or_else(|| text_cause(&filled, &text)) {
            Some(cause) => difference.because(cause),
            None => difference,
        }
    }

    /// Shows a line that came, in the charset in which it came.
    fn shown(&self, line: &Line<'_>) -> String {
        match (self.page.reading, &line.text) {
            (Reading::Stray, Some(text)) => Reading::Stray.show(text).into_owned(),
            (Reading::Declared | Reading::Other(_), _) | (Reading::Stray, None) => {
                decode_exactly(line.bytes, self.page.actual_as.charset)
                    .map_or_else(|_| visible(line.bytes), |decoded| decoded.text)
            }
        }
    }
}

/// Says why a line is missing: at the end of the page, or inside.
fn missing_cause(position: usize, lines: usize) -> &'static str {
    if position >= lines {
        "the page ends too early: a script stopped, or the body is truncated"
    } else {
        "the line is missing"
    }
}

/// Tells whether the same lines came in another order, with other values in their holes or not.
fn order(operations: &[DiffOp], expected: &[Template], actual: &[Line<'_>]) -> Option<Difference> {
    let moved = operations
        .iter()
        .filter(|operation| !matches!(operation, DiffOp::Equal { .. }));
    let mut left: Vec<&Template> = Vec::new();
    let mut came: Vec<&str> = Vec::new();
    for operation in moved {
        left.extend(&expected[operation.old_range()]);
        for line in &actual[operation.new_range()] {
            came.push(line.text.as_deref()?);
        }
    }
    if left.is_empty() || left.len() != came.len() || left.len() > MOST_MOVED {
        return None;
    }
    // Lines without holes first: one with holes may fit several.
    left.sort_by_key(|line| line.holes().len());
    let count = left.len();
    let mut looks = 0;
    let mut fits = |line: &Template, text: &str| {
        if line.holes().is_empty() {
            return line.is_text(text);
        }
        looks += 1;
        looks <= MOST_LOOKS && line.values(text).is_some()
    };
    let all_stand = came.iter().all(|text| {
        let place = left.iter().position(|line| fits(line, text));
        place.map(|place| left.remove(place)).is_some()
    });
    let found = if count == 1 {
        "one of them in another place".to_owned()
    } else {
        format!("the same {count} lines in another order")
    };
    all_stand.then(|| {
        Difference::new("body", "order", "lines in the recorded order", found)
            .because("the same lines in another order: another collation or locale sorts, or an ORDER BY is missing")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        charset::detect,
        snapshot::{Hole, HoleKind},
    };

    #[test]
    fn lines_in_another_order_are_told_from_other_lines_also_where_holes_stand_in_them() {
        let number = || Hole {
            name: "number-1".to_owned(),
            kind: HoleKind::Number { least: 1, most: 3 },
        };
        let mut recorded = Template::literal("<ul>\n");
        for name in ["Cibula", "\u{10c}apek", "Dudek"] {
            recorded.push_text(&format!("{name} "));
            recorded.push_hole(number());
            recorded.push_text("\n");
        }
        let expected = recorded.lines();
        let found = |text: &str| {
            let detection = detect(Some("text/html; charset=utf-8"), b"", Charset::UTF_8);
            let page = Page {
                bytes: text.as_bytes(),
                expected_as: detection,
                actual_as: detection,
                reading: Reading::Declared,
            };
            let actual = lines(page, Some(text));
            order(&operations(&expected, &actual), &expected, &actual).map(|found| found.actual)
        };
        for (text, expected) in [
            (
                "<ul>\n\u{10c}apek 7\nCibula 8\nDudek 9\n",
                Some("one of them in another place"),
            ),
            (
                "<ul>\nDudek 7\n\u{10c}apek 8\nCibula 9\n",
                Some("the same 2 lines in another order"),
            ),
            ("<ul>\n\u{10c}apek 7\n\u{10c}apek 8\nDudek 9\n", None),
            ("<ul>\n\u{10c}apek 7\nCibula\nDudek 9\n", None),
            ("<ul>\nCibula 1\n\u{10c}apek 1\n", None),
        ] {
            assert_eq!(found(text).as_deref(), expected, "{text}");
        }
    }
}
