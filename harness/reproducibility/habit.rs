//! Whether two contents differ in what a known offender is known for, and in nothing else: a habit explains no other change.

use super::format::{differ_in_order, python_times};

/// Tells whether two contents differ as a known offender's do.
pub(super) type Habit = fn(&[u8], &[u8]) -> bool;

/// Accounts in other days of the last password change (shadow(5), third field).
pub(super) fn days(first: &[u8], second: &[u8]) -> bool {
    without(first, &[2]).eq(without(second, &[2]))
}

/// Users with other numbers, or in another order (passwd(5), third and fourth field).
pub(super) fn user_numbers(first: &[u8], second: &[u8]) -> bool {
    same_but(first, second, &[2, 3])
}

/// Groups with other numbers, or in another order (group(5), third field).
pub(super) fn group_numbers(first: &[u8], second: &[u8]) -> bool {
    same_but(first, second, &[2])
}

/// The same packages, in another order or configured from another version.
pub(super) fn package_order(first: &[u8], second: &[u8]) -> bool {
    differ_in_order(first, second)
}

/// The same code, of a source with another time.
pub(super) fn source_time(first: &[u8], second: &[u8]) -> bool {
    python_times(first, second).is_some()
}

/// Tells whether two files of colon-separated fields have the same lines in any order, but for some fields.
fn same_but(first: &[u8], second: &[u8], but: &[usize]) -> bool {
    let sorted = |bytes| {
        let mut lines: Vec<_> = without(bytes, but).collect();
        lines.sort_unstable();
        lines
    };
    sorted(first) == sorted(second)
}

/// Returns the colon-separated fields of each line, without some.
fn without<'a>(bytes: &'a [u8], but: &[usize]) -> impl Iterator<Item = Vec<&'a [u8]>> {
    bytes.split(|&byte| byte == b'\n').map(move |line| {
        line.split(|&byte| byte == b':')
            .enumerate()
            .filter(|(index, _)| !but.contains(index))
            .map(|(_, field)| field)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_explains_no_other_change() {
        let table: [(Habit, &str, &str, bool); 12] = [
            (days, "a:x:1:\nb:y:1:\n", "a:x:2:\nb:y:1:\n", true),
            (days, "a:x:1:\nb:y:1:\n", "b:y:1:\na:x:1:\n", false),
            (days, "a:x:1:\n", "a:z:2:\n", false),
            (
                user_numbers,
                "a:x:1:1:\nb:x:2:2:\n",
                "b:x:1:1:\na:x:2:2:\n",
                true,
            ),
            (user_numbers, "a:x:1:1:\n", "a:x:1:1:\nb:x:2:2:\n", false),
            (
                user_numbers,
                "a:x:1:1::/:/bin/sh\n",
                "a:x:1:1::/:/bin/false\n",
                false,
            ),
            (group_numbers, "a:x:1:\n", "a:x:2:\n", true),
            (group_numbers, "a:x:1:\n", "a:x:1:b\n", false),
            (
                package_order,
                "Package: a\nVersion: 1\n\nPackage: b\n\n",
                "Package: b\n\nPackage: a\nVersion: 1\n\n",
                true,
            ),
            (
                package_order,
                "Package: a\nVersion: 1\n\n",
                "Package: a\nVersion: 1\nConfig-Version: 1\n\n",
                true,
            ),
            (
                package_order,
                "Package: a\nVersion: 1\n\n",
                "Package: a\nVersion: 2\n\n",
                false,
            ),
            (source_time, "\0\0\r\n1234code", "\0\0\r\n1235cod3", false),
        ];
        for (habit, first, second, expected) in table {
            let found = habit(first.as_bytes(), second.as_bytes());
            assert_eq!(found, expected, "{first} {second}");
        }
    }
}
