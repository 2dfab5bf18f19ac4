//! The host's mounts before and after: a guest's shutdown scripts must not reach them.

use std::{fs, path::Path};

use super::error::MachineError;

/// One mount of the host, as `/proc/self/mountinfo` (proc(5)) tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostMount {
    /// Where it is mounted.
    pub point: String,
    /// Options of the mount, then of its file system.
    pub options: String,
    /// The file system's type.
    pub kind: String,
}

/// Lists the host's mounts.
pub fn host_mounts() -> Result<Vec<HostMount>, MachineError> {
    let path = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(path).map_err(MachineError::file("read", path))?;
    Ok(text.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<HostMount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let (point, options) = (mount.next()?, mount.next()?);
    let mut file_system = file_system.split(' ');
    let kind = file_system.next()?;
    let super_options = file_system.nth(1)?;
    Some(HostMount {
        point: point.to_owned(),
        options: format!("{options} {super_options}"),
        kind: kind.to_owned(),
    })
}

/// Says what changed between two looks: mounts that were there and are gone or have other options.
///
/// A new mount is somebody else's work: what the harness mounts is in a namespace of its own.
pub fn changed_mounts(before: &[HostMount], after: &[HostMount]) -> Vec<(String, String, String)> {
    let changed = before.iter().filter_map(|mount| {
        let same = after
            .iter()
            .find(|other| other.point == mount.point && other.kind == mount.kind);
        match same {
            None => Some((
                mount.point.clone(),
                mount.options.clone(),
                "not mounted".to_owned(),
            )),
            Some(other) if read_only(&other.options) != read_only(&mount.options) => Some((
                mount.point.clone(),
                mount.options.clone(),
                other.options.clone(),
            )),
            Some(_) => None,
        }
    });
    changed.collect()
}

fn read_only(options: &str) -> Vec<bool> {
    options
        .split(' ')
        .map(|some| some.split(',').any(|option| option == "ro"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_that_became_read_only_or_went_is_named() {
        let before: Vec<HostMount> = [
            "29 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
            "30 29 0:5 / /proc rw - proc proc rw",
        ]
        .iter()
        .filter_map(|line| parse(line))
        .collect();
        let after: Vec<HostMount> = ["29 1 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 ro"]
            .iter()
            .filter_map(|line| parse(line))
            .collect();
        assert!(changed_mounts(&before, &before).is_empty());
        let points: Vec<String> = changed_mounts(&before, &after)
            .into_iter()
            .map(|(point, ..)| point)
            .collect();
        assert_eq!(points, ["/", "/proc"]);
    }
}
