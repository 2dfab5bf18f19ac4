//! Text with holes.

use std::ops::Range;

use super::hole::Hole;

/// How many places are tried for the values of one line's holes.
const TRIES: usize = 10_000;

/// Text with holes between its segments: one segment more than holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<String>,
    holes: Vec<Hole>,
}

impl Default for Template {
    fn default() -> Self {
        Self::literal("")
    }
}

impl Template {
    /// Makes a template without holes.
    pub fn literal(text: &str) -> Self {
        Self {
            segments: vec![text.to_owned()],
            holes: Vec::new(),
        }
    }

    /// Appends text.
    pub fn push_text(&mut self, text: &str) {
        if let Some(last) = self.segments.last_mut() {
            last.push_str(text);
        }
    }

    /// Appends a hole.
    pub fn push_hole(&mut self, hole: Hole) {
        self.holes.push(hole);
        self.segments.push(String::new());
    }

    /// Appends another template.
    pub fn push(&mut self, other: Self) {
        let mut holes = other.holes.into_iter();
        for (index, segment) in other.segments.iter().enumerate() {
            if index > 0
                && let Some(hole) = holes.next()
            {
                self.push_hole(hole);
            }
            self.push_text(segment);
        }
    }

    /// Returns its holes.
    pub fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// Returns whether it has no holes and is this text.
    pub fn is_text(&self, text: &str) -> bool {
        self.holes.is_empty() && self.segments.iter().all(|segment| segment == text)
    }

    /// Returns the same holes between other text.
    pub(super) fn map(&self, change: impl Fn(&str) -> String) -> Self {
        Self {
            segments: self.segments.iter().map(|text| change(text)).collect(),
            holes: self.holes.clone(),
        }
    }

    /// Returns its segments.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Returns the text with `{{name}}` for every hole, and the offsets of these markers.
    pub fn marked(&self) -> (String, Vec<usize>) {
        self.filled(self.holes.iter().map(|hole| marker(&hole.name)))
    }

    /// Returns the text with values in its holes, and their offsets.
    pub fn filled(&self, values: impl IntoIterator<Item = String>) -> (String, Vec<usize>) {
        let mut text = String::new();
        let mut offsets = Vec::new();
        let mut values = values.into_iter();
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                offsets.push(text.len());
                text.push_str(&values.next().unwrap_or_default());
            }
            text.push_str(segment);
        }
        (text, offsets)
    }

    /// Takes marked text apart; the offsets, not the text, say where holes are.
    pub fn from_marked(text: String, holes: Vec<(usize, Hole)>) -> Result<Self, String> {
        if holes.is_empty() {
            return Ok(Self {
                segments: vec![text],
                holes: Vec::new(),
            });
        }
        let mut template = Self::default();
        let mut position = 0;
        for (at, hole) in holes {
            let marker = marker(&hole.name);
            let before = text
                .get(position..at)
                .ok_or_else(|| format!("the hole `{}` has no place at {at}", hole.name))?;
            if !text[at..].starts_with(&marker) {
                return Err(format!("there is no `{marker}` at {at}"));
            }
            position = at + marker.len();
            template.push_text(before);
            template.push_hole(hole);
        }
        template.push_text(&text[position..]);
        Ok(template)
    }

    /// Splits behind every line feed.
    pub fn lines(&self) -> Vec<Self> {
        let mut lines = Vec::new();
        let mut line = Self::default();
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                line.push_hole(self.holes[index - 1].clone());
            }
            for piece in segment.split_inclusive('\n') {
                line.push_text(piece);
                if piece.ends_with('\n') {
                    lines.push(std::mem::take(&mut line));
                }
            }
        }
        if line != Self::default() {
            lines.push(line);
        }
        lines
    }

    /// Finds what stands in the holes: values that have the holes' shapes where such a reading exists, any otherwise;
    /// `None` where the text between the holes differs.
    pub fn values<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let first = self.segments.first()?;
        if !text.starts_with(first.as_str()) {
            return None;
        }
        if self.holes.is_empty() {
            return (text == first).then(Vec::new);
        }
        let mut tries = 0;
        // Where there is one hole, there is one reading.
        let manners = if self.holes.len() == 1 {
            &[false][..]
        } else {
            &[true, false]
        };
        manners.iter().find_map(|&strict| {
            let mut ranges = Vec::new();
            tries = 0;
            self.assign(text, first.len(), strict, &mut ranges, &mut tries)
                .then(|| {
                    ranges
                        .iter()
                        .map(|range: &Range<usize>| &text[range.clone()])
                        .collect()
                })
        })
    }

    fn assign(
        &self,
        text: &str,
        position: usize,
        strict: bool,
        ranges: &mut Vec<Range<usize>>,
        tries: &mut usize,
    ) -> bool {
        let index = ranges.len();
        let Some(hole) = self.holes.get(index) else {
            return position == text.len();
        };
        let next = &self.segments[index + 1];
        let is_last = index + 1 == self.holes.len();
        let rest = &text[position..];
        let mut ends: Vec<usize> = if is_last {
            rest.strip_suffix(next.as_str())
                .map(str::len)
                .into_iter()
                .collect()
        } else if next.is_empty() {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .rev()
                .collect()
        } else {
            rest.match_indices(next.as_str())
                .map(|(at, _)| at)
                .collect()
        };
        ends.truncate(TRIES);
        for end in ends {
            *tries += 1;
            if *tries > TRIES {
                return false;
            }
            if strict && !hole.kind.has_shape(&rest[..end]) {
                continue;
            }
            ranges.push(position..position + end);
            if self.assign(text, position + end + next.len(), strict, ranges, tries) {
                return true;
            }
            ranges.pop();
        }
        false
    }
}

fn marker(name: &str) -> String {
    format!("{{{{{name}}}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Alphabet, HoleKind};

    fn number(name: &str) -> Hole {
        Hole {
            name: name.to_owned(),
            kind: HoleKind::Number { least: 0, most: 5 },
        }
    }

    fn example() -> Template {
        let mut template = Template::literal("{{a}} id=");
        template.push_hole(number("a"));
        template.push_text("&x\nrow ");
        template.push_hole(number("b"));
        template
    }

    #[test]
    fn markers_in_the_page_itself_are_text() {
        let (text, offsets) = example().marked();
        assert_eq!(text, "{{a}} id={{a}}&x\nrow {{b}}");
        let holes = offsets
            .into_iter()
            .zip([number("a"), number("b")])
            .collect();
        assert_eq!(Template::from_marked(text.clone(), holes), Ok(example()));
        assert!(Template::from_marked(text, vec![(3, number("a"))]).is_err());
        assert!(Template::from_marked("short".to_owned(), vec![(99, number("a"))]).is_err());
    }

    #[test]
    fn lines_keep_their_holes_and_values_are_found() {
        let lines = example().lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].values("{{a}} id=17&x\n"), Some(vec!["17"]));
        assert_eq!(lines[0].values("{{a}} id=&x\n"), Some(vec![""]));
        assert_eq!(lines[0].values("{{b}} id=17&x\n"), None);
        assert_eq!(lines[1].values("row 5"), Some(vec!["5"]));
    }

    #[test]
    fn a_reading_that_fits_the_shapes_is_preferred() {
        let mut template = Template::literal("");
        template.push_hole(Hole {
            name: "t".to_owned(),
            kind: HoleKind::Clock {
                formats: vec!["H:i:s".to_owned()],
                offset: 0,
                zone: crate::snapshot::ClockZone::Own,
            },
        });
        template.push_text(":");
        template.push_hole(Hole {
            name: "u".to_owned(),
            kind: HoleKind::Token {
                alphabet: Alphabet::Hex,
                least: 2,
                most: 2,
                variety: 0,
            },
        });
        assert_eq!(template.values("10:20:30:ab"), Some(vec!["10:20:30", "ab"]));
    }
}
