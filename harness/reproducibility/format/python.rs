//! Compiled Python: a magic number that ends in a line break, the time of its source, the code.

/// The magic number of Python 3.7, from which on flags stand before the time (PEP 552).
const WITH_FLAGS: u16 = 3390;
/// The first magic number of Python 2: the numbers of Python 3 are lower.
const PYTHON_2: u16 = 20_000;

/// Returns the times of two sources, in seconds since 1970, where nothing else of two compiled files differs.
pub(in super::super) fn python_times(first: &[u8], second: &[u8]) -> Option<(u32, u32)> {
    let at = position(first)?;
    let parts = |bytes: &'_ [u8]| {
        let (head, rest) = bytes.split_at_checked(at)?;
        let (time, code) = rest.split_at_checked(4)?;
        Some((
            head.to_vec(),
            u32::from_le_bytes(time.try_into().ok()?),
            code.to_vec(),
        ))
    };
    let (first, second) = (parts(first)?, parts(second)?);
    (first.0 == second.0 && first.2 == second.2 && first.1 != second.1)
        .then_some((first.1, second.1))
}

/// Says that only the time of their source differs in two compiled files.
pub(in super::super) fn explain_python(first: &[u8], second: &[u8]) -> Option<String> {
    let (first, second) = python_times(first, second)?;
    Some(format!(
        "compiled python: only its source's time differs: {first} and {second}"
    ))
}

/// Returns where the time stands; none where it is not compiled Python, or is checked by a hash and not by a time.
fn position(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..8).filter(|head| head[2..4] == *b"\r\n")?;
    let magic = u16::from_le_bytes([head[0], head[1]]);
    if !(WITH_FLAGS..PYTHON_2).contains(&magic) {
        return Some(4);
    }
    (head[4..8] == [0; 4]).then_some(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_source_is_read_where_its_python_writes_it() {
        let old = |time: u8, code: &str| {
            [b"\xb3\xf2\r\n", &[time, 0, 0, 0][..], code.as_bytes()].concat()
        };
        let new = |flag: u8, time: u8, code: &str| {
            [
                b"\xa7\x0d\r\n",
                &[flag, 0, 0, 0, time, 0, 0, 0, 9, 0, 0, 0][..],
                code.as_bytes(),
            ]
            .concat()
        };
        assert_eq!(python_times(&old(1, "code"), &old(2, "code")), Some((1, 2)));
        assert_eq!(python_times(&old(1, "code"), &old(2, "other")), None);
        assert_eq!(
            python_times(&new(0, 1, "code"), &new(0, 2, "code")),
            Some((1, 2))
        );
        assert_eq!(python_times(&new(0, 1, "code"), &new(0, 2, "other")), None);
        assert_eq!(python_times(&new(1, 1, "code"), &new(1, 2, "code")), None);
        assert_eq!(python_times(&old(1, "code"), &old(1, "code")), None);
    }
}
