//! The content coding of a body: recorded beside what it held, compared by its head, and by its bytes where those follow from the page.
//!
//! The same page is compressed to the same bytes by the same compressor, unless a script flushes what it has at chance moments. So
//! the coded bytes are compared where the old server's were the same in all rounds, and a page without holes is expected.

use super::run::Observation;
use crate::{
    digest::Sha256Digest,
    exchange::Answer,
    outcome::Difference,
    snapshot::{Body, Coded, Snapshot},
};

/// How a difference calls a body without a content coding.
const NONE: &str = "none";

/// What of a coded body is not compared by the byte.
pub(super) const FOLLOWS: &str = "not compared: the bytes of a compressed page follow from what varies in it, or varied themselves; what they hold was compared";

/// Why a page is compressed that was not.
pub(super) const ON: &str =
    "the page is compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is on";

/// Why a page is not compressed that was.
pub(super) const OFF: &str = "the page is not compressed here: mod_deflate, mod_gzip or PHP's zlib.output_compression is off";

/// Why the same page is compressed to other bytes.
const OTHER: &str = "another compressor, another level (DeflateCompressionLevel, zlib.output_compression_level) or other moments at which a script flushes its output";

/// Records how the body was coded.
pub(super) fn learn(
    first: &Answer,
    observations: &[&Observation],
    body: &Body,
    lenient: bool,
) -> Result<Option<Coded>, String> {
    let form = |answer: &Answer| answer.coded.as_ref().map(|coded| coded.form.clone());
    let mut answers = observations.iter().map(|one| &one.answer);
    if !lenient && answers.clone().any(|other| form(other) != form(first)) {
        return Err("the form of the content coding varies".to_owned());
    }
    let Some(coded) = &first.coded else {
        return Ok(None);
    };
    // What a scenario has changed itself is another page, and says nothing of how this one is coded.
    let varies = answers.any(|other| other.body == first.body && other.coded_body() != coded.bytes);
    Ok(Some(Coded {
        form: coded.form.clone(),
        digest: (!varies && body.holes().is_empty())
            .then(|| Sha256Digest::of(&coded.bytes).to_string()),
    }))
}

/// Compares how the body is coded; `agrees` tells whether what it holds is the same.
pub(super) fn compare(snapshot: &Snapshot, answer: &Answer, agrees: bool) -> Vec<Difference> {
    let different = |expected: &str, actual: &str, cause: &str| {
        let difference = Difference::new("body", "content coding", expected, actual);
        vec![difference.because(cause)]
    };
    let (recorded, coded) = match (&snapshot.coded, &answer.coded) {
        (None, None) => return Vec::new(),
        (None, Some(coded)) => return different(NONE, &coded.form, ON),
        // That it can't be undone is a protocol error.
        (Some(_), None) if answer.is_coded() => return Vec::new(),
        (Some(recorded), None) => return different(&recorded.form, NONE, OFF),
        (Some(recorded), Some(coded)) if recorded.form != coded.form => {
            return different(&recorded.form, &coded.form, OTHER);
        }
        (Some(recorded), Some(coded)) => (recorded, coded),
    };
    match &recorded.digest {
        None => Vec::new(),
        Some(digest) => {
            let actual = Sha256Digest::of(&coded.bytes).to_string();
            // Other bytes follow from another page.
            if *digest == actual || !agrees {
                return Vec::new();
            }
            let difference = Difference::new("body", "coded bytes", digest, actual);
            vec![difference.because(OTHER)]
        }
    }
}

/// Returns how many coded bytes are not compared, where they follow from what varies.
pub(super) fn not_compared(snapshot: &Snapshot, answer: &Answer) -> Option<usize> {
    let recorded = snapshot.coded.as_ref()?;
    let coded = answer.coded.as_ref()?;
    recorded.digest.is_none().then_some(coded.bytes.len())
}
