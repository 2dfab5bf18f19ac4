//! What speaks for a cause in two files' bytes: values that were varied, times, numbers, another charset.

use super::{
    cause::{CauseClass, Evidence},
    moment::{times_in_bytes, times_in_texts},
    numbers::{Known, inode_in_bytes, numbers_in_lines},
    sentinel::{Sentinel, Traces, unpacked},
    variation::Variation,
};
use crate::charset::{Charset, decode_exactly};

/// So many differing lines are looked at: what leaks, leaks early.
const MOST_LINES: usize = 1000;

/// Lists what speaks for causes in two contents, one of a class at most; `known` is what numbers may be.
pub(super) fn in_contents(
    first: &[u8],
    second: &[u8],
    traces: &Traces,
    known: Known<'_>,
) -> Vec<Evidence> {
    let mut found = of_sentinels(&traces.leaked(first, second));
    let (windows, packed) = (traces.windows(), (first, second));
    let (first, second) = (unpacked(first), unpacked(second));
    let is_text = !first.contains(&0) && !second.contains(&0);
    let pairs = if is_text {
        differing_lines(&first, &second)
    } else {
        Vec::new()
    };
    let windows = (&windows.0, &windows.1);
    let time = pairs
        .iter()
        .find_map(|(one, other)| times_in_texts(one, other, windows))
        .map(|(one, other)| format!("`{one}` and `{other}` lie in the window of the build"))
        .or_else(|| {
            // A packed file's header holds a time, too.
            let (form, at, times) = times_in_bytes(packed.0, packed.1, windows)
                .or_else(|| times_in_bytes(&first, &second, windows))?;
            Some(format!(
                "{form}, at byte {at}, in the window of the build: {} and {}",
                times.0, times.1
            ))
        });
    let has_time = time.is_some();
    found.extend(time.map(|found| Evidence {
        class: CauseClass::Time,
        found,
        suspect: (traces.ahead != 0).then_some(Variation::Time),
    }));
    found.extend(charset(&first, &second));
    // A time is a number, too, and a line that holds a sentinel differs in more than numbers.
    if !has_time {
        let number = if is_text {
            pairs
                .iter()
                .find_map(|(one, other)| numbers_in_lines(one, other, known))
        } else {
            inode_in_bytes(&first, &second, known)
        };
        found.extend(number);
    }
    found
}

/// Lists the evidence of sentinels that were found.
pub(super) fn of_sentinels(found: &[&Sentinel]) -> Vec<Evidence> {
    let evidence = |sentinel: &&Sentinel| Evidence {
        class: CauseClass::of(sentinel.variation),
        found: format!("{} leaked (`{}`)", sentinel.variation.noun(), sentinel.text),
        suspect: Some(sentinel.variation),
    };
    found.iter().map(evidence).collect()
}

/// Pairs the lines that differ, where both texts have as many; else their beginnings.
fn differing_lines<'a>(first: &'a [u8], second: &'a [u8]) -> Vec<(&'a [u8], &'a [u8])> {
    let lines = |text: &'a [u8]| text.split(|&byte| byte == b'\n');
    lines(first)
        .zip(lines(second))
        .filter(|(one, other)| one != other)
        .take(MOST_LINES)
        .collect()
}

/// Tells whether two files are one text, in UTF-8 and in CP1250.
fn charset(first: &[u8], second: &[u8]) -> Option<Evidence> {
    if first == second || (first.is_ascii() && second.is_ascii()) {
        return None;
    }
    let is_same = |utf8: &[u8], other: &[u8]| {
        str::from_utf8(utf8).is_ok_and(|text| {
            decode_exactly(other, Charset::WINDOWS_1250).is_ok_and(|decoded| decoded.text == text)
        })
    };
    let found = if is_same(first, second) {
        "the same text, in UTF-8 and in CP1250"
    } else if is_same(second, first) {
        "the same text, in CP1250 and in UTF-8"
    } else {
        return None;
    };
    Some(Evidence {
        class: CauseClass::Locale,
        found: found.to_owned(),
        suspect: Some(Variation::Locale),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproducibility::{FileNumbers, accounts::Accounts};

    fn traces() -> Traces {
        let sentinel = |variation, text: &str| Sentinel {
            variation,
            text: text.to_owned(),
        };
        Traces {
            window: 1_700_000_000..=1_700_000_060,
            ahead: 63_158_400,
            sentinels: vec![
                sentinel(Variation::BuildPath, "i-capture-the-build-path-1"),
                sentinel(Variation::Locale, "sk_SK.CP1250"),
                sentinel(Variation::Environment, "i-capture-the-environment-1"),
            ],
            umasks: (0o022, 0o002),
            processors: (2, 1),
            files: (FileNumbers::default(), FileNumbers::default()),
        }
    }

    fn told(first: &[u8], second: &[u8]) -> String {
        let (traces, accounts) = (traces(), (Accounts::default(), Accounts::default()));
        let known = Known {
            files: (&traces.files.0, &traces.files.1),
            years: (2023, 2025),
            processors: traces.processors,
            accounts: (&accounts.0, &accounts.1),
        };
        let found: Vec<String> = in_contents(first, second, &traces, known)
            .iter()
            .map(ToString::to_string)
            .collect();
        found.join("; ")
    }

    #[test]
    fn each_class_is_named_by_its_evidence() {
        let table: [(&[u8], &[u8], &str); 9] = [
            (b"same", b"same", ""),
            (
                b"a\nbuilt 2023-11-14 22:13:21\n",
                b"a\nbuilt 2025-11-14 22:13:22\n",
                "time: `2023-11-14 22:13:21` and `2025-11-14 22:13:22` lie in the window of the build",
            ),
            (
                b"\0\x01\xf1\x53\x65",
                &[b"\0", &1_763_158_402_u32.to_le_bytes()[..]].concat(),
                "time: seconds since 1970, little-endian, at byte 1, in the window of the build: 1700000001 and 1763158402",
            ),
            (
                b"/run/usual/x.c",
                b"/run/i-capture-the-build-path-1/x.c",
                "build path: the build path leaked (`i-capture-the-build-path-1`)",
            ),
            (
                b"LC_ALL=C",
                b"LC_ALL=sk_SK.CP1250",
                "locale: the locale leaked (`sk_SK.CP1250`)",
            ),
            (
                b"",
                b"i-capture-the-environment-1",
                "sentinel: the environment leaked (`i-capture-the-environment-1`)",
            ),
            (
                "žiak\n".as_bytes(),
                b"\x9eiak\n",
                "locale: the same text, in UTF-8 and in CP1250",
            ),
            (
                b"jobs=2",
                b"jobs=1",
                "sentinel: 2 and 1 are the numbers of processors",
            ),
            (
                b"serial 7",
                b"serial 8",
                "counter: 7 and 8 are near each other, and all else in the line is the same",
            ),
        ];
        for (first, second, expected) in table {
            assert_eq!(told(first, second), expected);
        }
    }
}
