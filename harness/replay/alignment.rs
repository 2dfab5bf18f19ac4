//! Lines of one round beside those of another, and of a page beside those that were recorded.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::{
    charset::{Detection, Reading},
    snapshot::Template,
};

/// Pages of more lines are compared without looking for moved ones: a diff of them could take for ever.
const MOST_ALIGNED: usize = 20_000;

/// A page that came, and how both sides are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) expected_as: Detection,
    pub(super) actual_as: Detection,
    pub(super) reading: Reading,
}

impl Page<'_> {
    /// Decodes bytes of the page as the recorded one is read.
    pub(super) fn text(&self, bytes: &[u8]) -> Option<String> {
        self.reading.decode(bytes, self.expected_as.charset)
    }
}

/// One line that came.
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// Its text in the recorded charset, where it can be read so.
    pub(super) text: Option<Cow<'a, str>>,
}

/// Finds for every line the one of another round that stands in its place.
pub(super) fn partners<'a>(lines: &[&str], others: &[&'a str]) -> Vec<Option<&'a str>> {
    if lines.len() == others.len() {
        return others.iter().copied().map(Some).collect();
    }
    let skeletons =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| skeleton(line)).collect() };
    let (old, new) = (skeletons(lines), skeletons(others));
    let mut found = vec![None; lines.len()];
    for operation in similar::capture_diff_slices(similar::Algorithm::Myers, &old, &new) {
        if let similar::DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = operation
        {
            for step in 0..len {
                found[old_index + step] = others.get(new_index + step).copied();
            }
        }
    }
    found
}

/// Counts the pieces of one round that all others have too, each in another place, where they are half of what varies or more: a list
/// in random order. Piece by piece it would look like numbers that vary, and any number would do.
pub(super) fn moved(pieces: &[&str], others: &[Vec<&str>]) -> usize {
    let varies = |index: &usize| {
        others
            .iter()
            .any(|other| other.get(*index) != pieces.get(*index))
    };
    let varying: Vec<usize> = (0..pieces.len()).filter(varies).collect();
    let elsewhere: Vec<BTreeSet<&str>> = others
        .iter()
        .map(|other| {
            let there = varying.iter().filter_map(|index| other.get(*index));
            there.copied().collect()
        })
        .collect();
    let is_moved = |index: &&usize| elsewhere.iter().all(|set| set.contains(pieces[**index]));
    let moved: Vec<usize> = varying.iter().filter(is_moved).copied().collect();
    // What keeps its order has scrolled: something came in at one end.
    let keeps_order = others.iter().all(|other| {
        let places = moved
            .iter()
            .map(|index| other.iter().position(|one| *one == pieces[*index]));
        places.is_sorted()
    });
    if moved.len() * 2 >= varying.len() && !keeps_order {
        moved.len()
    } else {
        0
    }
}

fn skeleton(line: &str) -> String {
    let mut skeleton = String::new();
    for character in line.chars() {
        if !character.is_ascii_digit() {
            skeleton.push(character);
        } else if !skeleton.ends_with('0') {
            skeleton.push('0');
        }
    }
    skeleton
}

/// Splits a page into lines; `whole` is its text, where all of it can be read.
pub(super) fn lines<'a>(page: Page<'a>, whole: Option<&'a str>) -> Vec<Line<'a>> {
    let pieces: Vec<&[u8]> = page.bytes.split_inclusive(|byte| *byte == b'\n').collect();
    if let Some(text) = whole {
        let texts: Vec<&str> = text.split_inclusive('\n').collect();
        // A charset in which the byte of a line feed stands for something else has other lines.
        if texts.len() == pieces.len() {
            return pieces
                .into_iter()
                .zip(texts)
                .map(|(bytes, text)| Line {
                    bytes,
                    text: Some(Cow::Borrowed(text)),
                })
                .collect();
        }
    }
    pieces
        .into_iter()
        .map(|bytes| Line {
            bytes,
            text: page.text(bytes).map(Cow::Owned),
        })
        .collect()
}

/// Puts the lines that agree beside each other.
pub(super) fn operations(expected: &[Template], actual: &[Line<'_>]) -> Vec<DiffOp> {
    let stands = |(old, new): (&Template, &Line<'_>)| {
        new.text
            .as_deref()
            .is_some_and(|text| fits(old, text, true))
    };
    if expected.len() == actual.len() && expected.iter().zip(actual).all(stands) {
        return vec![DiffOp::Equal {
            old_index: 0,
            new_index: 0,
            len: expected.len(),
        }];
    }
    let (old, new) = keys(expected, actual);
    if old.len() + new.len() > MOST_ALIGNED {
        in_place(&old, &new)
    } else {
        capture_diff_slices(Algorithm::Myers, &old, &new)
    }
}

/// Tells whether a line fits a recorded one; `strict` asks that the values in its holes have their shapes.
fn fits(template: &Template, text: &str, strict: bool) -> bool {
    template.values(text).is_some_and(|values| {
        let mut holes = template.holes().iter().zip(values);
        !strict || holes.all(|(hole, value)| hole.kind.has_shape(value))
    })
}

/// Gives every template line a number and every line that fits one the same; lines that fit none get numbers of their own.
fn keys(expected: &[Template], actual: &[Line<'_>]) -> (Vec<usize>, Vec<usize>) {
    let mut literals: BTreeMap<&str, usize> = BTreeMap::new();
    let mut with_holes: Vec<usize> = Vec::new();
    let mut marked: BTreeMap<String, usize> = BTreeMap::new();
    let mut old = Vec::new();
    for (index, line) in expected.iter().enumerate() {
        let key = if line.holes().is_empty() {
            *literals.entry(line.segments()[0].as_str()).or_insert(index)
        } else {
            let key = *marked.entry(line.marked().0).or_insert(index);
            if key == index {
                with_holes.push(index);
            }
            key
        };
        old.push(key);
    }
    let search = with_holes.len().saturating_mul(actual.len()) < 4_000_000;
    let new = actual
        .iter()
        .enumerate()
        .map(|(number, line)| {
            let own = expected.len() + number;
            let Some(text) = line.text.as_deref() else {
                return own;
            };
            if let Some(key) = literals.get(text) {
                return *key;
            }
            if let Some(key) = old.get(number)
                && !expected[number].holes().is_empty()
                && fits(&expected[number], text, true)
            {
                return *key;
            }
            [true, false]
                .into_iter()
                .filter(|_| search)
                .find_map(|strict| {
                    with_holes
                        .iter()
                        .copied()
                        .find(|index| fits(&expected[*index], text, strict))
                })
                .unwrap_or(own)
        })
        .collect();
    (old, new)
}

/// Compares line by line, without looking for moved ones.
fn in_place(old: &[usize], new: &[usize]) -> Vec<DiffOp> {
    let common = old.len().min(new.len());
    let mut operations: Vec<DiffOp> = (0..common)
        .map(|index| {
            if old[index] == new[index] {
                DiffOp::Equal {
                    old_index: index,
                    new_index: index,
                    len: 1,
                }
            } else {
                DiffOp::Replace {
                    old_index: index,
                    old_len: 1,
                    new_index: index,
                    new_len: 1,
                }
            }
        })
        .collect();
    if old.len() != new.len() {
        operations.push(DiffOp::Replace {
            old_index: common,
            old_len: old.len() - common,
            new_index: common,
            new_len: new.len() - common,
        });
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_random_order_is_told_from_one_that_scrolls() {
        let first = ["<ul>", "101", "102", "103", "104"];
        let moved = |other: [&'static str; 5]| moved(&first, &[other.to_vec()]);
        assert_eq!(moved(["<ul>", "103", "101", "104", "102"]), 4);
        assert_eq!(moved(["<ul>", "102", "103", "104", "105"]), 0);
        assert_eq!(moved(["<ul>", "201", "202", "203", "204"]), 0);
    }
}
