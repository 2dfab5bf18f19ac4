//! Another order of installation that dpkg accepts as well.

use super::lock::LockedAction;
use crate::digest::Sha256Digest;

/// Returns the actions in another order, chosen by `seed`.
///
/// Only what stands together changes places. Between two `configure`, apt unpacks what may be unpacked in any order; dpkg
/// configures what it is given in the order of the dependencies, whatever the order of the names. Removals stay.
pub(super) fn shuffled(actions: &[LockedAction], seed: u64) -> Vec<LockedAction> {
    let shuffled = grouped(actions, |group| {
        group.sort_by_cached_key(|action| {
            Sha256Digest::of(format!("{seed} {action}").as_bytes()).to_string()
        });
    });
    // Of few packages, a shuffle may lead to the order that they had.
    if shuffled == actions {
        grouped(actions, <[LockedAction]>::reverse)
    } else {
        shuffled
    }
}

/// Returns the actions with each group of what may change places in another order.
fn grouped(actions: &[LockedAction], reorder: impl Fn(&mut [LockedAction])) -> Vec<LockedAction> {
    let same_verb = |one: &LockedAction, other: &LockedAction| verb(one) == verb(other);
    actions
        .chunk_by(same_verb)
        .flat_map(|group| {
            let mut group = group.to_vec();
            if !matches!(group[0], LockedAction::Remove(_)) {
                reorder(&mut group);
            }
            group
        })
        .collect()
}

fn verb(action: &LockedAction) -> &'static str {
    match action {
        LockedAction::Unpack(_) => "unpack",
        LockedAction::Configure(_) => "configure",
        LockedAction::Remove(_) => "remove",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(lines: &[&str]) -> Vec<LockedAction> {
        let action = |line: &&str| LockedAction::try_from((*line).to_owned()).unwrap();
        lines.iter().map(action).collect()
    }

    fn lines(actions: &[LockedAction]) -> Vec<String> {
        actions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn two_packages_always_change_places() {
        let locked = actions(&["unpack a", "unpack b"]);
        for seed in 0..16 {
            assert_eq!(lines(&shuffled(&locked, seed)), ["unpack b", "unpack a"]);
        }
    }

    #[test]
    fn another_order_changes_places_within_groups_only_and_is_the_same_for_a_seed() {
        let locked = actions(&[
            "unpack libc6",
            "configure libc6",
            "remove exim4",
            "remove at",
            "unpack a",
            "unpack b",
            "unpack c",
            "unpack d",
            "configure a",
            "configure b",
            "configure c",
            "configure d",
        ]);
        let sorted = |part: &[LockedAction]| {
            let mut part = lines(part);
            part.sort();
            part
        };
        for seed in 0..20 {
            let other = shuffled(&locked, seed);
            assert_eq!(other, shuffled(&locked, seed));
            assert_eq!(other[..4], locked[..4]);
            assert_eq!(sorted(&other[4..8]), lines(&locked[4..8]));
            assert_eq!(sorted(&other[8..]), lines(&locked[8..]));
        }
        assert!((0..20).any(|seed| shuffled(&locked, seed) != locked));
    }
}
