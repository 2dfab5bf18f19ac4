//! The way to a guest and from it: does a packet pass, and would a guest of systemd-networkd get an address and a way out?

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    finding::{Check, host_check},
    firewall::{self, Rules},
    guest::Guest,
    nspawn,
    wire::{Passage, Wire},
};
use crate::{
    machine::networkd_runs,
    outcome::Case,
    tool::{ToolCall, Toolbox},
};

/// Why most checks here are for hosts with systemd-networkd.
const OWN: &str =
    "systemd-networkd does not run here: the harness gives both ends an address, and no way out";

/// The DHCP server's port (RFC 2131, section 4.1).
const DHCP: u16 = 67;

/// What was seen of the host's network.
#[derive(Clone, Debug)]
struct Network {
    /// From the host to a guest.
    direct: Result<Passage, String>,
    /// The rest, where systemd-networkd runs.
    networkd: Option<Networkd>,
    /// The rules that explain it.
    rules: Rules,
}

/// What a guest of systemd-networkd needs.
#[derive(Clone, Debug)]
struct Networkd {
    /// From a guest through the host.
    through: Result<Passage, String>,
    /// A DHCP question from a guest.
    dhcp: Result<Passage, String>,
    /// Which links forward; `all` is the global switch.
    forwards: BTreeMap<String, bool>,
    /// The link of the default route.
    uplink: Option<String>,
    /// systemd's version.
    version: Option<u32>,
    /// The administrator's .network files.
    files: BTreeMap<String, String>,
}

/// Checks the way to a guest; `seed` keeps the names of links of two runs apart.
pub(super) async fn checks(seed: &str, toolbox: &Toolbox) -> Vec<Case> {
    let network = look(seed, networkd_runs(), toolbox).await;
    let names = ["dhcp", "forwarding", "forward-rules", "networkd-files"].map(host_check);
    let mut cases = vec![traffic(host_check("traffic"), &network)];
    match &network.networkd {
        None => cases.extend(names.map(|check| check.does_not_apply(OWN))),
        Some(networkd) => {
            let [dhcp_check, forwarding_check, rules_check, files_check] = names;
            cases.extend([
                dhcp(dhcp_check, networkd, &network.rules),
                forwarding(forwarding_check, networkd),
                forward_rules(rules_check, networkd, &network.rules),
                files(files_check, &networkd.files),
            ]);
        }
    }
    cases
}

async fn look(seed: &str, by_networkd: bool, toolbox: &Toolbox) -> Network {
    // Names as systemd-nspawn gives them, so that rules for ve-* take them for a guest's.
    let wire = Wire::connect(&format!("ve-mvp{seed}"), toolbox).await;
    let direct = match &wire {
        Ok(wire) => {
            wire.ask(toolbox, async || Ok(wire.host_connects().await))
                .await
        }
        Err(why) => Err(why.clone()),
    };
    let networkd = match (by_networkd, &wire) {
        (false, _) => None,
        (true, Ok(wire)) => Some(look_at_networkd(wire, seed, toolbox).await),
        (true, Err(why)) => Some(Networkd {
            through: Err(why.clone()),
            dhcp: Err(why.clone()),
            ..state(toolbox).await
        }),
    };
    Network {
        direct,
        networkd,
        rules: firewall::rules(toolbox).await,
    }
}

async fn look_at_networkd(wire: &Wire, seed: &str, toolbox: &Toolbox) -> Networkd {
    let through = match Wire::connect(&format!("mvq{seed}"), toolbox).await {
        Ok(other) => {
            wire.ask(toolbox, async || wire.to_other(&other, toolbox).await)
                .await
        }
        Err(why) => Err(why),
    };
    let dhcp = wire
        .ask(toolbox, async || wire.datagram_to_host(DHCP, toolbox).await)
        .await;
    Networkd {
        through,
        dhcp,
        ..state(toolbox).await
    }
}

/// Reads what the kernel and systemd-networkd have been told.
async fn state(toolbox: &Toolbox) -> Networkd {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let links = fs::read_dir("/proc/sys/net/ipv4/conf")
        .into_iter()
        .flatten();
    let names = links.filter_map(|link| link.ok()?.file_name().into_string().ok());
    let forwards = names.map(|name| {
        let on = text(&format!("/proc/sys/net/ipv4/conf/{name}/forwarding")).trim() == "1";
        (name, on)
    });
    let routes = text("/proc/net/route");
    let uplink = routes.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace();
        let link = words.next()?;
        (words.next()? == "00000000").then(|| link.to_owned())
    });
    let version = toolbox
        .run(&ToolCall::new("systemd-nspawn").arg("--version"))
        .await;
    Networkd {
        through: Err(String::new()),
        dhcp: Err(String::new()),
        forwards: forwards.collect(),
        uplink,
        version: version
            .ok()
            .and_then(|output| nspawn::version(&output.text())),
        files: administrators_files(),
    }
}

fn administrators_files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in ["/etc/systemd/network", "/run/systemd/network"] {
        for entry in fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
        {
            let path = entry.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "network")
            {
                // A file that can't be read says nothing; a link to /dev/null says that the name is masked.
                let text = fs::read_to_string(&path).unwrap_or_default();
                found.insert(path.display().to_string(), text);
            }
        }
    }
    found
}

fn traffic(check: Check<'_>, network: &Network) -> Case {
    match &network.direct {
        Ok(Passage::Passes) => check.fine("a connection from this host to a veth pair like a guest's was answered"),
        Ok(Passage::Dropped(how)) => check.finding(
            &format!("a connection from this host to a veth pair like a guest's got {how}: {}", network.rules.suspects()),
            "no page of the guest could be asked for",
            "iptables -I INPUT 1 -i ve-+ -j ACCEPT; iptables -I OUTPUT 1 -o ve-+ -j ACCEPT (or the same in every nftables chain that drops)",
        ),
        Err(why) => check.not_made(why),
    }
}

fn dhcp(check: Check<'_>, networkd: &Networkd, rules: &Rules) -> Case {
    match &networkd.dhcp {
        Ok(Passage::Passes) => {
            check.fine("a question to port 67 arrived from a veth pair like a guest's")
        }
        Ok(Passage::Dropped(_)) => check.finding(
            &format!(
                "a question to port 67 of this host did not arrive: {}",
                rules.suspects()
            ),
            "systemd-networkd would never hear the guest's DHCP client",
            "iptables -I INPUT 1 -i ve-+ -p udp --dport 67 -j ACCEPT",
        ),
        Err(why) => check.not_made(why),
    }
}

fn forwarding(check: Check<'_>, networkd: &Networkd) -> Case {
    let on = |link: &str| networkd.forwards.get(link).copied().unwrap_or_default();
    if on("all") {
        return check.fine("net.ipv4.ip_forward is 1");
    }
    let per_link = networkd.version.is_some_and(|version| version >= 256);
    match &networkd.uplink {
        None => check.does_not_apply("this host has no way out itself"),
        Some(uplink) if per_link && on(uplink) => {
            check.fine(format!("{uplink} forwards, systemd-networkd sees to the guest's link"))
        }
        Some(uplink) => check.finding(
            &format!("net.ipv4.ip_forward is 0, and {uplink} does not forward"),
            "the guest would reach this host and nothing else",
            if per_link {
                "IPv4Forwarding=yes in the [Network] section of /etc/systemd/networkd.conf (`units` writes it)"
            } else {
                "sysctl -w net.ipv4.ip_forward=1 (`units` writes /etc/sysctl.d for it)"
            },
        ),
    }
}

fn forward_rules(check: Check<'_>, networkd: &Networkd, rules: &Rules) -> Case {
    match &networkd.through {
        Ok(Passage::Passes) => check.fine("a connection from a link like a guest's passed through this host"),
        Ok(Passage::Dropped(how)) => check.finding(
            &format!("a connection through this host got {how}: {}", rules.suspects()),
            "the guest would reach nothing but this host",
            "iptables -I FORWARD 1 -i ve-+ -j ACCEPT; iptables -I FORWARD 1 -o ve-+ -j ACCEPT; with nftables the same in every chain of the forward hook (`units` writes both)",
        ),
        Err(why) => check.not_made(why),
    }
}

fn files(check: Check<'_>, files: &BTreeMap<String, String>) -> Case {
    let guilty: Vec<&str> = files
        .iter()
        .filter(|(path, text)| overrides(path, text))
        .map(|(path, _)| path.as_str())
        .collect();
    if guilty.is_empty() {
        return check.fine("no file of the administrator takes ve-* from 80-container-ve.network");
    }
    check.finding(
        &format!("{} also match a guest's link and come before 80-container-ve.network", guilty.join(", ")),
        "systemd-networkd uses only the first file that matches: the guest's link gets no DHCP server",
        "add `Name=!ve-*` or a real name to their [Match], or install the 70-… file that `units` writes",
    )
}

/// Tells whether systemd-networkd takes this file for a guest's link (systemd.network(5)); ours is meant to.
fn overrides(path: &str, text: &str) -> bool {
    let name = Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if name == "80-container-ve.network" {
        return true;
    }
    if name > "80-container-ve.network" || text.contains("DHCPServer=yes") {
        return false;
    }
    let section = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[Match]")
        .skip(1);
    let mut matches: Option<bool> = None;
    for line in section.take_while(|line| !line.starts_with('[')) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let mut words = value.split_whitespace();
        let one = match key.trim() {
            "Name" if value.trim().starts_with('!') => {
                !words.any(|word| glob(word.trim_start_matches('!')))
            }
            "Name" => words.any(glob),
            "Type" => words.any(|word| word == "ether" || word == "*"),
            "Kind" => words.any(|word| word == "veth" || word == "*"),
            // Anything else is a property that this guest's link has not: an address, a path, a driver.
            _ => false,
        };
        matches = Some(matches.unwrap_or(true) && one);
    }
    matches.unwrap_or_default()
}

/// Tells whether a pattern of names takes a guest's link.
fn glob(pattern: &str) -> bool {
    let Some((before, _)) = pattern.split_once('*') else {
        return pattern.starts_with("ve-");
    };
    "ve-".starts_with(before) || before.starts_with("ve-")
}

/// Decides whether DHCP answers reach this guest's client.
pub(super) async fn checksum(check: Check<'_>, guest: Option<&Guest>, toolbox: &Toolbox) -> Case {
    if !networkd_runs() {
        return check.does_not_apply(OWN);
    }
    checksum_case(check, guest, &firewall::rules(toolbox).await)
}

fn checksum_case(check: Check<'_>, guest: Option<&Guest>, rules: &Rules) -> Case {
    let fill = rules.fill_checksums();
    if fill == Ok(true) {
        return check.fine("checksums of DHCP answers are filled in or cleared");
    }
    let Some(guest) = guest else {
        return check.not_made("checksums of DHCP answers are not filled in, and which DHCP client the guest has is not known before its tree is (--rootfs DIR)");
    };
    let Some(client) = guest.picky_dhcp_client() else {
        return check.does_not_apply("the guest has no DHCP client of before 2014");
    };
    match fill {
        Err(why) => check.not_made(&why),
        Ok(_) => check.finding(
            &format!("the guest has {client}, and no rule fills in checksums of DHCP answers"),
            "it drops answers whose checksum the network card would have filled in (\"5 bad udp checksums in 5 packets\")",
            "iptables -t mangle -A POSTROUTING -o ve-+ -p udp --dport 68 -j CHECKSUM --checksum-fill, or nftables' `udp checksum set 0` (`units` writes both)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    fn rules() -> Rules {
        Rules {
            nft: Err("nft is not installed".to_owned()),
            iptables: Ok(":FORWARD DROP [0:0]\n".to_owned()),
        }
    }

    fn networkd() -> Networkd {
        Networkd {
            through: Ok(Passage::Passes),
            dhcp: Ok(Passage::Passes),
            forwards: [("all", false), ("eth0", false)]
                .map(|(link, on)| (link.to_owned(), on))
                .into(),
            uplink: Some("eth0".to_owned()),
            version: Some(252),
            files: BTreeMap::new(),
        }
    }

    #[test]
    fn what_does_not_pass_is_a_finding_with_the_rule_that_drops_it() {
        let dropped = || Ok(Passage::Dropped("no answer".to_owned()));
        let unknown = || Err("no namespace".to_owned());
        let table = [
            (Ok(Passage::Passes), Outcome::Same),
            (dropped(), Outcome::Broken),
            (unknown(), Outcome::NotRun),
        ];
        for (passage, expected) in table {
            let seen = Networkd {
                through: passage.clone(),
                dhcp: passage.clone(),
                ..networkd()
            };
            let network = Network {
                direct: passage,
                networkd: None,
                rules: rules(),
            };
            let cases = [
                traffic(host_check("a"), &network),
                dhcp(host_check("b"), &seen, &rules()),
                forward_rules(host_check("c"), &seen, &rules()),
            ];
            for case in cases {
                assert_eq!(case.outcome, expected, "{case:?}");
                assert_eq!(
                    expected == Outcome::Broken,
                    case.reason.contains(":FORWARD DROP"),
                    "{case:?}"
                );
            }
        }
    }

    #[test]
    fn forwarding_is_global_or_by_link_as_systemd_does_it() {
        let outcome = |all, eth0, version, uplink: Option<&str>| {
            let seen = Networkd {
                forwards: [("all", all), ("eth0", eth0)]
                    .map(|(link, on)| (link.to_owned(), on))
                    .into(),
                version: Some(version),
                uplink: uplink.map(str::to_owned),
                ..networkd()
            };
            forwarding(host_check("x"), &seen).outcome
        };
        assert_eq!(outcome(true, false, 252, Some("eth0")), Outcome::Same);
        assert_eq!(outcome(false, true, 252, Some("eth0")), Outcome::Broken);
        assert_eq!(outcome(false, true, 256, Some("eth0")), Outcome::Same);
        assert_eq!(outcome(false, false, 256, Some("eth0")), Outcome::Broken);
        assert_eq!(outcome(false, false, 252, None), Outcome::Same);
    }

    #[test]
    fn a_file_that_takes_the_guests_link_is_named() {
        let table = [
            (
                "/etc/systemd/network/80-container-ve.network",
                "[Match]\nName=x\n",
                true,
            ),
            (
                "/etc/systemd/network/10-lan.network",
                "[Match]\nType=ether\n[Network]\nDHCP=yes\n",
                true,
            ),
            (
                "/etc/systemd/network/10-all.network",
                "[Match]\nName=*\n",
                true,
            ),
            (
                "/etc/systemd/network/10-v.network",
                "[Match]\nName=v*\n",
                true,
            ),
            (
                "/etc/systemd/network/10-not.network",
                "[Match]\nName=!ve-* !vb-*\n",
                false,
            ),
            (
                "/etc/systemd/network/10-eth.network",
                "[Match]\nName=e*\n",
                false,
            ),
            (
                "/etc/systemd/network/10-mac.network",
                "[Match]\nType=ether\nMACAddress=1:2:3:4:5:6\n",
                false,
            ),
            (
                "/etc/systemd/network/90-all.network",
                "[Match]\nName=*\n",
                false,
            ),
            (
                "/etc/systemd/network/70-ours.network",
                "[Match]\nName=ve-ctr\n[Network]\nDHCPServer=yes\n",
                false,
            ),
            ("/etc/systemd/network/10-empty.network", "", false),
        ];
        for (path, text, expected) in table {
            assert_eq!(overrides(path, text), expected, "{path}");
        }
    }

    #[test]
    fn only_an_old_client_needs_checksums() {
        let lenny = Guest {
            dhcp_clients: vec![("dhcp3-client".to_owned(), "3.1.1-6".to_owned())],
            ..Guest::example(62, Some("2.7"))
        };
        let new = Guest::example(62, Some("2.36"));
        let filled = Rules {
            iptables: Ok("-j CHECKSUM --checksum-fill".to_owned()),
            ..rules()
        };
        let unread = Rules {
            iptables: Err("no".to_owned()),
            ..rules()
        };
        let table = [
            (rules(), Some(&lenny), Outcome::Broken),
            (rules(), Some(&new), Outcome::Same),
            (rules(), None, Outcome::NotRun),
            (filled, None, Outcome::Same),
            (unread.clone(), Some(&lenny), Outcome::NotRun),
            (unread, Some(&new), Outcome::Same),
        ];
        for (rules, guest, expected) in table {
            let case = checksum_case(host_check("x"), guest, &rules);
            assert_eq!(case.outcome, expected, "{case:?}");
        }
    }
}
