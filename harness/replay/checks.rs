//! The values that stood in holes: checked each by its kind, and against each other.

use std::{borrow::Cow, collections::BTreeMap};

use super::excerpt::excerpts;
use crate::{
    charset::Reading,
    outcome::Difference,
    snapshot::{Hole, HoleKind, Surroundings, Template},
};

/// What was not compared by the byte, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uncompared {
    /// By how it was checked instead: number of places and of bytes.
    pub(super) by_check: BTreeMap<Cow<'static, str>, (usize, usize)>,
}

impl Uncompared {
    /// Adds one place.
    pub(super) fn add(&mut self, check: Cow<'static, str>, bytes: usize) {
        let entry = self.by_check.entry(check).or_default();
        entry.0 += 1;
        entry.1 += bytes;
    }

    /// Adds those of another case.
    pub(super) fn merge(&mut self, other: &Self) {
        for (check, (places, bytes)) in &other.by_check {
            let entry = self.by_check.entry(check.clone()).or_default();
            entry.0 += places;
            entry.1 += bytes;
        }
    }

    /// Returns a line for each check.
    pub(super) fn lines(&self) -> Vec<String> {
        self.by_check
            .iter()
            .map(|(check, (places, bytes))| format!("{places} places of {bytes} bytes: {check}"))
            .collect()
    }
}

/// What the values of one answer are checked against.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    pub(super) surroundings: Surroundings<'a>,
    /// Values by hole name, over the whole scenario.
    pub(super) bound: &'a mut BTreeMap<String, String>,
    /// How the page stands for its bytes.
    pub(super) reading: Reading,
    pub(super) uncompared: Uncompared,
}

/// Whether holes of this name are drawn by chance; numbers of rows may be equal by themselves.
pub(super) fn is_token(name: &str) -> bool {
    name.starts_with("token-") || name.starts_with("session-")
}

/// Whether a hole held bytes that are no characters of the page's charset.
fn may_be_stray(kind: &HoleKind) -> bool {
    match kind {
        HoleKind::Free { stray, .. } => *stray,
        // It is compared by its digest.
        HoleKind::Secret { .. } => true,
        HoleKind::Clock { .. }
        | HoleKind::Recent { .. }
        | HoleKind::Duration { .. }
        | HoleKind::Token { .. }
        | HoleKind::Number { .. }
        | HoleKind::Age { .. }
        | HoleKind::Server { .. } => false,
    }
}

impl Checks<'_> {
    /// Checks a line or header value that stands where `template` was recorded; `None` as the only difference where it fits.
    pub(super) fn values(
        &mut self,
        template: &Template,
        text: &str,
        locus: &str,
    ) -> Vec<Difference> {
        let Some(values) = template.values(text) else {
            let (old, new) = excerpts(&template.marked().0, text);
            return vec![Difference::new(locus, "text", old, new)];
        };
        template
            .holes()
            .iter()
            .zip(values)
            .filter_map(|(hole, value)| self.value(hole, value, locus))
            .collect()
    }

    fn value(&mut self, hole: &Hole, value: &str, locus: &str) -> Option<Difference> {
        self.uncompared
            .add(hole.kind.check_description(), value.len());
        if self.reading.stray_bytes(value) > 0 && !may_be_stray(&hole.kind) {
            let actual = excerpts(&self.reading.show(value), "").0;
            let expected = "bytes that are characters of the page's charset";
            let cause = if matches!(hole.kind, HoleKind::Clock { .. }) {
                "no such byte stood here on the old server: the name of a day or month in another charset (setlocale()), or the text was damaged; recorded on another day, the old server may have it, too"
            } else {
                "no such byte stood here on the old server: the text is in another charset, or was damaged"
            };
            let difference = Difference::new(locus, "charset", expected, actual);
            return Some(difference.because(cause));
        }
        if let Err(misfit) = hole.kind.check(value, &self.surroundings) {
            let actual = if value.is_empty() {
                "nothing".to_owned()
            } else {
                excerpts(value, "").0
            };
            let mut difference = Difference::new(locus, misfit.aspect, misfit.expected, actual);
            difference.cause = misfit.cause;
            return Some(difference);
        }
        if !hole.kind.is_identity() {
            return None;
        }
        match self.bound.get(&hole.name) {
            Some(known) if known != value => Some(
                Difference::new(
                    locus,
                    "relation",
                    format!("the same value as where {} stood before", hole.name),
                    "another value".to_owned(),
                )
                .because("values that belong together on the old server (session, token, row) differ: the session was lost or a token belongs to another form"),
            ),
            Some(_) => None,
            None => {
                let twin = self
                    .bound
                    .iter()
                    .find(|(name, known)| is_token(name) && known.as_str() == value)
                    .map(|(name, _)| name.clone());
                self.bound.insert(hole.name.clone(), value.to_owned());
                let twin = twin.filter(|_| is_token(&hole.name))?;
                Some(
                    Difference::new(
                        locus,
                        "relation",
                        format!("another value than where {twin} stood before"),
                        "the same value".to_owned(),
                    )
                    .because("values that differ on the old server are the same here: a token or session id is not drawn anew"),
                )
            }
        }
    }
}
