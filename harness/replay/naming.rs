//! What holes are called: by their values where equal values belong together, by their number where not.

use super::{
    evidence::Learner,
    kind::{number, numbered, token},
    token::{Token, TokenKind},
};
use crate::snapshot::{Hole, HoleKind, Template, secret_digest};

/// Shorter numbers are equal by chance: a page took 45 ms, another too. Where no redirect leads to them they belong together
/// within one answer only.
const TELLING_DIGITS: usize = 6;

impl Learner<'_> {
    /// Makes a hole of a cookie's value or a password: a session where it is drawn, else a digest.
    pub(super) fn secret(&mut self, texts: &[&str]) -> Option<Hole> {
        let first = texts.first()?;
        let same = texts.iter().all(|text| text == first);
        match token(texts, 1).filter(|_| !same || texts.len() == 1) {
            Some(kind) => Some(self.named(kind, "session", texts)),
            None if same => {
                let digest = secret_digest(first);
                Some(self.named(HoleKind::Secret { digest }, "secret", texts))
            }
            None => None,
        }
    }

    /// Names a hole without identity.
    pub(super) fn hole(&mut self, kind: HoleKind) -> Hole {
        let count = self.local.entry(kind.word()).or_default();
        *count += 1;
        Hole {
            name: format!("{}-{count}", kind.word()),
            kind,
        }
    }

    /// Names a hole by its values.
    pub(super) fn named(&mut self, kind: HoleKind, word: &'static str, values: &[&str]) -> Hole {
        Hole {
            name: self.names.identity(word, values),
            kind,
        }
    }

    /// Whether equal values of other answers may be equal by chance.
    pub(super) fn is_short_number(&self, kind: &HoleKind, texts: &[&str]) -> bool {
        matches!(kind, HoleKind::Number { .. })
            && !self.in_location
            && !self.names.is_known(texts)
            && texts.iter().any(|text| text.len() < TELLING_DIGITS)
    }

    /// Names a value by its values within this answer.
    pub(super) fn named_within(
        &mut self,
        kind: HoleKind,
        word: &'static str,
        texts: &[&str],
    ) -> Hole {
        let key: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let name = match self.within.get(&key) {
            Some(name) => name.clone(),
            None => self.names.fresh(word),
        };
        self.within.insert(key, name.clone());
        Hole { name, kind }
    }

    /// Makes a hole of the number in words that are the same but for it.
    pub(super) fn numbered(&mut self, column: &[&Token<'_>], template: &mut Template) -> bool {
        let texts: Vec<&str> = column.iter().map(|token| token.text).collect();
        let is_word = column.iter().all(|token| token.kind == TokenKind::Word);
        let Some(found) = numbered(&texts).filter(|_| is_word && !self.lenient) else {
            return false;
        };
        let Some(kind) = number(&found.numbers) else {
            return false;
        };
        template.push_text(found.stem);
        let word = kind.word();
        let hole = if self.is_short_number(&kind, &found.numbers) {
            self.named_within(kind, word, &found.numbers)
        } else {
            self.named(kind, word, &found.numbers)
        };
        template.push_hole(hole);
        template.push_text(found.tail);
        true
    }
}
