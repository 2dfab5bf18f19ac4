//! Lines of one round beside those of another.

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
