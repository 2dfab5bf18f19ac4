//! What a unit that someone wrote by hand for an old guest lacks, setting by setting.

use super::unit_file::{UnitText, words};
use crate::outcome::{Case, CaseId, Outcome};

/// A service whose guest holds a database needs at least so long to stop.
const SHORTEST_STOP: u64 = 60;

/// A unit as the checks see it.
struct Unit {
    text: UnitText,
    arguments: Vec<String>,
}

/// What is wrong, why it matters, what mends it; or what is right.
type Found = Result<String, (String, &'static str, &'static str)>;

/// A check of a unit.
type Check = fn(&Unit) -> Found;

/// Each check with its name.
const CHECKS: [(&str, Check); 14] = [
    ("nspawn", nspawn),
    ("boot", boot),
    ("kill-signal", kill_signal),
    ("private-users", private_users),
    ("settings", settings),
    ("keep-unit", keep_unit),
    ("network", network),
    ("console", console),
    ("timezone", timezone),
    ("dev-log", dev_log),
    ("control-groups", control_groups),
    ("kill-mode", kill_mode),
    ("reboot", reboot),
    ("stop-time", stop_time),
];

/// Checks a unit file, a case for each check.
pub fn lint(text: &str) -> Vec<Case> {
    let text = UnitText::parse(text);
    let arguments = text.value("ExecStart").map(words).unwrap_or_default();
    let unit = Unit { text, arguments };
    CHECKS
        .iter()
        .map(|(name, check)| {
            let id = CaseId::new(&["unit", name]);
            match check(&unit) {
                Ok(seen) => Case::same(id, seen),
                Err((seen, why, fix)) => Case {
                    id,
                    outcome: Outcome::Broken,
                    reason: format!("{seen}; {why}. Fix: {fix}"),
                },
            }
        })
        .collect()
}

impl Unit {
    /// Returns the value of an option of systemd-nspawn, as `--option=value` or `--option value`.
    fn option(&self, long: &str, short: Option<&str>) -> Option<&str> {
        let mut words = self.arguments.iter();
        while let Some(word) = words.next() {
            if let Some(value) = word
                .strip_prefix(long)
                .and_then(|rest| rest.strip_prefix('='))
            {
                return Some(value);
            }
            if word == long || Some(word.as_str()) == short {
                return words.next().map(String::as_str);
            }
        }
        None
    }

    fn has(&self, flags: &[&str]) -> bool {
        self.arguments
            .iter()
            .any(|word| flags.contains(&word.as_str()))
    }

    fn mentions(&self, keys: &[&str], words: &str) -> bool {
        keys.iter().any(|key| {
            self.text
                .values(key)
                .iter()
                .any(|value| value.contains(words))
        })
    }
}

fn nspawn(unit: &Unit) -> Found {
    let program = unit.arguments.first().map_or("", String::as_str);
    if program.ends_with("systemd-nspawn") {
        return Ok(program.to_owned());
    }
    Err((
        format!("ExecStart= starts `{program}`"),
        "this is no unit of a container, or a script hides what it does",
        "start systemd-nspawn in ExecStart= itself",
    ))
}

fn boot(unit: &Unit) -> Found {
    if unit.has(&["--boot", "-b"]) {
        return Ok("--boot".to_owned());
    }
    Err((
        "no --boot".to_owned(),
        "the guest's own init would not run",
        "--boot",
    ))
}

fn kill_signal(unit: &Unit) -> Found {
    match unit.option("--kill-signal", None) {
        Some("SIGINT" | "INT" | "2") => Ok("--kill-signal=SIGINT".to_owned()),
        other => Err((
            other.map_or("no --kill-signal".to_owned(), |signal| {
                format!("--kill-signal={signal}")
            }),
            "sysvinit ignores every other signal: a stop would hang and then kill the database",
            "--kill-signal=SIGINT",
        )),
    }
}

fn private_users(unit: &Unit) -> Found {
    const WHY: &str = "without a user namespace the guest's shutdown scripts can turn the host's file systems read-only";
    const FIX: &str = "--private-users=pick --private-users-ownership=map";
    let users = if unit.has(&["-U"]) {
        Some("pick")
    } else {
        unit.option("--private-users", None)
    };
    match (users, unit.option("--private-users-ownership", None)) {
        (None, _) => Err(("no --private-users".to_owned(), WHY, FIX)),
        (Some(users @ ("no" | "false" | "0" | "identity")), _) => {
            Err((format!("--private-users={users}"), WHY, FIX))
        }
        (Some(users), Some("map")) => Ok(format!("--private-users={users}, owners are mapped")),
        (Some(users), ownership) => Err((
            format!(
                "--private-users={users} with ownership {}",
                ownership.unwrap_or("auto")
            ),
            "where owners can't be mapped, every file of the tree is given another one: it is no longer the tree that was verified",
            "--private-users-ownership=map",
        )),
    }
}

fn settings(unit: &Unit) -> Found {
    match unit.option("--settings", None) {
        Some("no" | "false" | "0") => Ok("--settings=no".to_owned()),
        other => Err((
            other.map_or("no --settings".to_owned(), |value| {
                format!("--settings={value}")
            }),
            "a .nspawn file of the machine's name, even an empty one, changes network and capabilities",
            "--settings=no",
        )),
    }
}

fn keep_unit(unit: &Unit) -> Found {
    if unit.has(&["--keep-unit"]) {
        return Ok("--keep-unit".to_owned());
    }
    Err((
        "no --keep-unit".to_owned(),
        "the guest runs in a scope beside the service: limits don't count, and a reboot from inside is not seen",
        "--keep-unit",
    ))
}

fn network(unit: &Unit) -> Found {
    let options = [
        "--network-bridge",
        "--network-zone",
        "--network-interface",
        "--network-macvlan",
        "--network-ipvlan",
        "--network-namespace-path",
        "--network-veth-extra",
    ];
    if unit.has(&["--network-veth", "-n", "--private-network"])
        || options
            .iter()
            .any(|option| unit.option(option, None).is_some())
    {
        return Ok("a network of its own".to_owned());
    }
    Err((
        "no network of its own".to_owned(),
        "every service of the guest would listen on this host's addresses",
        "--network-veth",
    ))
}

fn console(unit: &Unit) -> Found {
    if unit.has(&["--pipe", "-P"]) || unit.option("--console", None) == Some("pipe") {
        return Err((
            "--console=pipe".to_owned(),
            "there would be no /dev/console, and sysvinit would be silent",
            "leave --console out: a service gets a read-only console",
        ));
    }
    Ok("init has a console".to_owned())
}

fn timezone(unit: &Unit) -> Found {
    match unit.option("--timezone", None) {
        Some("off") => Ok("--timezone=off".to_owned()),
        other => Err((
            other.map_or("no --timezone".to_owned(), |value| {
                format!("--timezone={value}")
            }),
            "systemd-nspawn would replace the guest's /etc/localtime by the host's",
            "--timezone=off",
        )),
    }
}

fn dev_log(unit: &Unit) -> Found {
    let binds = unit
        .arguments
        .iter()
        .filter_map(|word| word.strip_prefix("--bind="));
    let log = binds.into_iter().find(|bind| bind.ends_with(":/dev/log"));
    match log {
        None => Err((
            "nothing is bound as /dev/log".to_owned(),
            "what the guest logs by syslog is lost, unless it has a daemon of its own",
            "--bind=/run/systemd/journal.%i/dev-log:/dev/log",
        )),
        Some(log) if !log.contains("/journal.") => Ok(format!("/dev/log is {log}")),
        Some(_) if unit.mentions(&["Requires", "BindsTo"], "systemd-journald@") => {
            Ok("/dev/log is a journald namespace's, and the unit requires it".to_owned())
        }
        Some(_) => Err((
            "the journald namespace is not required".to_owned(),
            "its socket goes with it, and what is bound into the guest is dead until the next start",
            "Requires=systemd-journald@%i.socket and After= the same, and MaxRetentionSec=1year in /etc/systemd/journald@NAME.conf",
        )),
    }
}

fn control_groups(unit: &Unit) -> Found {
    if unit.mentions(&["Environment"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1") {
        return Ok("the guest has the unified hierarchy".to_owned());
    }
    Err((
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY is not set".to_owned(),
        "before systemd 257 a guest without systemd is given control groups of version 1, which today's hosts don't have",
        "Environment=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
    ))
}

fn kill_mode(unit: &Unit) -> Found {
    match unit.text.value("KillMode") {
        Some("mixed") => Ok("KillMode=mixed".to_owned()),
        other => Err((
            format!("KillMode={}", other.unwrap_or("control-group")),
            "the guest's programs would be killed beside its init, the database before it has stopped",
            "KillMode=mixed",
        )),
    }
}

fn reboot(unit: &Unit) -> Found {
    let has = |key: &str| {
        unit.text
            .values(key)
            .iter()
            .any(|value| value.split_whitespace().any(|word| word == "133"))
    };
    if has("RestartForceExitStatus") && has("SuccessExitStatus") {
        return Ok("133 starts the guest again".to_owned());
    }
    Err((
        "133 is not in RestartForceExitStatus= and SuccessExitStatus=".to_owned(),
        "systemd-nspawn ends with it when the guest reboots: it would stay down",
        "RestartForceExitStatus=133 and SuccessExitStatus=133",
    ))
}

fn stop_time(unit: &Unit) -> Found {
    let Some(text) = unit
        .text
        .value("TimeoutStopSec")
        .or(unit.text.value("TimeoutSec"))
    else {
        return Ok("systemd's default, 90 s unless the host says otherwise".to_owned());
    };
    if text == "infinity" || text == "0" {
        return Ok("without a limit".to_owned());
    }
    match seconds(text) {
        Some(seconds) if seconds >= SHORTEST_STOP => Ok(format!("{seconds} s")),
        _ => Err((
            format!("TimeoutStopSec={text}"),
            "a database that is not stopped in time is killed and must be repaired",
            "TimeoutStopSec=90s, or more than the test took",
        )),
    }
}

/// Reads a time span of one unit, or of minutes and seconds (systemd.time(7)).
fn seconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    for word in text.split_whitespace() {
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = word[..digits].parse().ok()?;
        let unit = match &word[digits..] {
            "" | "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" | "hr" => 3600,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::units::{Production, files};

    fn findings(text: &str) -> Vec<String> {
        lint(text)
            .into_iter()
            .filter(|case| case.outcome != Outcome::Same)
            .map(|case| case.id.as_str().trim_start_matches("unit/").to_owned())
            .collect()
    }

    fn ours() -> String {
        let production = Production {
            machine: "ctr".to_owned(),
            tree: "/srv/ctr".to_owned(),
            stop_timeout: Duration::from_secs(60),
        };
        files(&production).swap_remove(0).content
    }

    #[test]
    fn the_unit_that_is_written_passes_and_each_line_that_is_taken_away_is_missed() {
        assert_eq!(findings(&ours()), [""; 0]);
        let table = [
            ("--boot", "--quiet", "boot"),
            ("--kill-signal=SIGINT", "--quiet", "kill-signal"),
            (
                "--kill-signal=SIGINT",
                "--kill-signal=SIGRTMIN+3",
                "kill-signal",
            ),
            (
                "--private-users=pick",
                "--private-users=no",
                "private-users",
            ),
            (
                "--private-users-ownership=map",
                "--private-users-ownership=chown",
                "private-users",
            ),
            ("--settings=no", "--settings=override", "settings"),
            ("--keep-unit", "--quiet", "keep-unit"),
            ("--network-veth", "--quiet", "network"),
            ("--quiet", "--pipe", "console"),
            ("--timezone=off", "--timezone=auto", "timezone"),
            (
                "--bind=/run/systemd/journal.%i/dev-log:/dev/log",
                "--quiet",
                "dev-log",
            ),
            ("Requires=systemd-journald@%i.socket", "", "dev-log"),
            (
                "Environment=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
                "",
                "control-groups",
            ),
            ("KillMode=mixed", "", "kill-mode"),
            ("RestartForceExitStatus=133", "", "reboot"),
            ("TimeoutStopSec=90s", "TimeoutStopSec=10", "stop-time"),
            (
                "/usr/bin/systemd-nspawn",
                "/usr/local/bin/start-it",
                "nspawn",
            ),
        ];
        for (from, to, expected) in table {
            let text = ours();
            assert!(text.contains(from), "{from}");
            assert_eq!(findings(&text.replacen(from, to, 1)), [expected], "{from}");
        }
    }

    #[test]
    fn a_unit_as_people_write_it_from_a_talk_has_these_gaps() {
        let text = "[Unit]\nWants=systemd-journald@%i.service\n[Service]\nKillMode=mixed\nRestartForceExitStatus=133\nSuccessExitStatus=133\n\
            ExecStart=systemd-nspawn --quiet --keep-unit --settings=override --boot --machine=%i --directory=/srv/app/%i/rootfs \\\n \
            --private-users=pick --network-veth --kill-signal=SIGINT --bind=/run/systemd/journal.%i/dev-log:/dev/log\n";
        assert_eq!(
            findings(text),
            [
                "private-users",
                "settings",
                "timezone",
                "dev-log",
                "control-groups"
            ]
        );
    }

    #[test]
    fn an_empty_file_passes_nothing_that_matters() {
        let found = findings("");
        for name in [
            "nspawn",
            "boot",
            "kill-signal",
            "private-users",
            "settings",
            "network",
            "dev-log",
            "reboot",
        ] {
            assert!(found.iter().any(|one| one == name), "{name}");
        }
    }
}
