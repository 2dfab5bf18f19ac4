//! Places in which numbers vary, over all pages: where one stands still by chance, another page tells that it moves.

use std::collections::BTreeMap;

use super::token::{Token, TokenKind};

/// How much of the text before a number says what it is.
const BEFORE: usize = 24;
/// The same behind it.
const BEHIND: usize = 3;
/// With fewer letters before it a place says nothing: `<td>` stands everywhere.
const FEWEST_LETTERS: usize = 6;

/// In so many answers a place must vary to be a hole where it stood still.
const ENOUGH: usize = 2;

/// Measured times have so many decimals or more.
const FINE: usize = 3;

/// What is known of the numbers of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    /// They never vary.
    Still,
    /// Some vary: whether this one does is open.
    Open,
    /// Most vary: it was chance that this one did not.
    Moves,
}

/// The places in which numbers stand: in how many answers they varied, and in how many they stood still.
#[derive(Clone, Debug, Default)]
pub(super) struct Varied(BTreeMap<String, (usize, usize)>);

impl Varied {
    /// Notes that a number varied here, or stood still.
    pub(super) fn note(&mut self, row: &[Token<'_>], index: usize, varied: bool) {
        if let Some(place) = place(row, index) {
            let (moved, still) = self.0.entry(place).or_default();
            *(if varied { moved } else { still }) += 1;
        }
    }

    /// Tells what the same place of other pages shows of a number that stood still here.
    pub(super) fn motion(&self, row: &[Token<'_>], index: usize) -> Motion {
        if self.0.is_empty() {
            return Motion::Still;
        }
        let counts = place(row, index).and_then(|place| self.0.get(&place));
        let is_fine = row.get(index).is_some_and(is_fine);
        let enough = if is_fine { 1 } else { ENOUGH };
        match counts {
            Some((moved, still)) if *moved >= enough && (is_fine || moved >= still) => {
                Motion::Moves
            }
            Some((1.., _)) => Motion::Open,
            Some(_) | None => Motion::Still,
        }
    }

    /// Adds the places of others.
    pub(super) fn merge(&mut self, others: Self) {
        for (place, (moved, still)) in others.0 {
            let counts = self.0.entry(place).or_default();
            counts.0 += moved;
            counts.1 += still;
        }
    }

    /// Leaves out places that never vary.
    pub(super) fn without_still(mut self) -> Self {
        self.0.retain(|_, (moved, _)| *moved > 0);
        self
    }
}

/// Whether a number is finely measured, as times are and counts are not: a quick server shows the same thousandths on most pages.
fn is_fine(token: &Token<'_>) -> bool {
    let decimals = token.text.split(['.', ',']).nth(1).unwrap_or_default();
    token.kind == TokenKind::Decimal && decimals.len() >= FINE
}

/// Describes the place of a number in its line; `None` for other tokens, and where the text before it says too little.
fn place(row: &[Token<'_>], index: usize) -> Option<String> {
    let token = row.get(index)?;
    let is_number = match token.kind {
        TokenKind::Decimal => true,
        TokenKind::Word => token.text.bytes().all(|byte| byte.is_ascii_digit()),
        TokenKind::Moment(_)
        | TokenKind::Server(_)
        | TokenKind::Secret
        | TokenKind::Written(_)
        | TokenKind::Other => false,
    };
    if !is_number {
        return None;
    }
    let mut before: Vec<char> = Vec::new();
    for token in row[..index].iter().rev() {
        before.extend(token.text.chars().rev());
        if before.len() >= BEFORE {
            break;
        }
    }
    before.truncate(BEFORE);
    // Other numbers before it vary too: they say nothing.
    for character in &mut before {
        if character.is_ascii_digit() {
            *character = '0';
        }
    }
    before.dedup_by(|next, last| *next == '0' && *last == '0');
    let letters = before
        .iter()
        .filter(|character| character.is_alphabetic())
        .count();
    let behind = row[index + 1..].iter().flat_map(|token| token.text.chars());
    let behind: String = behind.take(BEHIND).collect();
    let before: String = before.into_iter().rev().collect();
    (letters >= FEWEST_LETTERS).then(|| format!("{before}\0{behind}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::token::{Known, tokens};

    #[test]
    fn a_labelled_number_that_varies_on_most_pages_moves_and_others_do_not() {
        let known = Known {
            authority: "192.0.2.10",
            secrets: &[],
            written: &[],
        };
        let row = |line: &'static str| tokens(line, &known);
        let at = |row: &[Token<'_>], text: &str| {
            row.iter().position(|token| token.text == text).unwrap()
        };
        let mut varied = Varied::default();
        for (line, number, moved) in [
            ("{\"cpu\":1,\"walltime\":0.012}", "0.012", true),
            ("{\"cpu\":22,\"walltime\":0.001}", "0.001", true),
            ("{\"cpu\":1,\"walltime\":0.003}", "0.003", false),
            ("{\"cpu\":1,\"walltime\":0.002}", "0.002", false),
            ("{\"cpu\":1,\"walltime\":0.002}", "0.002", false),
            ("<!-- Real time usage: 0.003 seconds -->", "0.003", true),
            ("<p>Počet žiakov: 25</p>", "25", true),
            ("<p>Počet žiakov: 24</p>", "24", true),
            ("<p>Počet žiakov: 28</p>", "28", false),
            ("<p>Počet žiakov: 26</p>", "26", false),
            ("<p>Počet žiakov: 27</p>", "27", false),
            ("<td>7</td>", "7", true),
            ("<td>7</td>", "7", true),
        ] {
            let row = row(line);
            varied.note(&row, at(&row, number), moved);
        }
        let table = [
            ("{\"cpu\":333,\"walltime\":0.004}", "0.004", Motion::Moves),
            ("{\"cpu\":333,\"other\":0.004}", "0.004", Motion::Still),
            (
                "<!-- Real time usage: 0.000 seconds -->",
                "0.000",
                Motion::Moves,
            ),
            ("<p>Počet žiakov: 9</p>", "9", Motion::Open),
            ("<td>8</td>", "8", Motion::Still),
        ];
        for (line, number, expected) in table {
            let row = row(line);
            assert_eq!(varied.motion(&row, at(&row, number)), expected, "{line}");
        }
    }
}
