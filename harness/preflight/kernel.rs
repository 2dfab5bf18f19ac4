//! The kernel's release number, which scripts of old Debian packages take apart.

use super::{finding::Check, guest::Guest};
use crate::outcome::Case;

/// What lenny's /etc/init.d/glibc.sh and libc6's preinst do with a release number (`uname -r`): everything from the first
/// hyphen is cut off, the first three numbers are read as shell arithmetic, each must fit into a byte.
fn reads(release: &str) -> Result<(), String> {
    let version = release.split('-').next().unwrap_or(release);
    let parts: Vec<&str> = version.split('.').collect();
    if parts.len() < 3 {
        return Err(format!(
            "{release} has fewer than three numbers, which is a syntax error in shell arithmetic"
        ));
    }
    for part in &parts[..3] {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match part[..digits].parse::<u32>() {
            Ok(number) if number < 255 => {}
            Ok(number) => {
                return Err(format!(
                    "{release} has a {number}, and the scripts stop at 255"
                ));
            }
            Err(_) => return Err(format!("{release} has a part that is no number")),
        }
    }
    Ok(())
}

/// Decides for a guest whether its libc can be installed or upgraded under this kernel.
pub(super) fn decide(check: Check<'_>, release: &str, guest: Option<&Guest>) -> Case {
    match (reads(release), guest) {
        (Ok(()), _) => check.fine(format!("{release} can be read by old scripts")),
        (Err(_), Some(guest)) if !guest.libc_is_old() => {
            check.does_not_apply("the guest's libc is new enough to read any release number")
        }
        (Err(why), Some(_)) => check.finding(
            &why,
            "installing or upgrading the guest's libc6 fails",
            "build on a kernel of another release, or leave libc6 as the image has it",
        ),
        (Err(why), None) => check.not_made(&format!(
            "{why}; whether the guest's libc minds is not known before its tree is (--rootfs DIR)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn release_numbers_that_break_old_scripts_are_known() {
        let good = [
            "6.1.0-18-amd64",
            "6.6.87.2-microsoft-standard-WSL2",
            "6.18.44",
            "5.10.254",
        ];
        let bad = [
            "5.4.302", "4.19.325", "4.14.336", "5.10.255", "6.8-rc3", "6.8",
        ];
        for (release, reads_well) in good
            .map(|one| (one, true))
            .into_iter()
            .chain(bad.map(|one| (one, false)))
        {
            assert_eq!(reads(release).is_ok(), reads_well, "{release}");
        }
    }

    #[test]
    fn only_an_old_guest_minds_the_release() {
        let check = Check {
            stage: "build",
            name: "kernel-release",
        };
        let lenny = Guest::example(62, Some("2.7-18lenny7"));
        let bookworm = Guest::example(62, Some("2.36-9"));
        assert_eq!(
            decide(check, "5.4.302", Some(&lenny)).outcome,
            Outcome::Broken
        );
        assert_eq!(
            decide(check, "5.4.302", Some(&bookworm)).outcome,
            Outcome::Same
        );
        assert_eq!(decide(check, "5.4.302", None).outcome, Outcome::NotRun);
        assert_eq!(decide(check, "6.1.0", None).outcome, Outcome::Same);
    }
}
