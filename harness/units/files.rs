//! The files, each a function of what the project says.

use std::time::Duration;

use crate::{machine::production_arguments, tool::NSPAWN_ENVIRONMENT};

/// An interface's name has at most 15 characters (IFNAMSIZ); systemd-nspawn cuts longer ones and adds a hash.
const LONGEST_LINK: usize = 15;

/// What systemd adds to the time that the guest may take to stop, before it kills: for what systemd-nspawn does itself.
const MARGIN: Duration = Duration::from_secs(30);

/// What production is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Production {
    /// The machine's name.
    pub machine: String,
    /// Where the tree is; `%i` is the machine's name.
    pub tree: String,
    /// How long a clean stop may take.
    pub stop_timeout: Duration,
}

/// A file of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFile {
    /// Its path on the host, without the slash at the beginning.
    pub path: String,
    /// What stands in it.
    pub content: String,
    /// Whether it is a program.
    pub executable: bool,
}

/// Returns the files for production.
pub fn files(production: &Production) -> Vec<UnitFile> {
    let machine = &production.machine;
    let file = |path: String, content: String| UnitFile {
        path,
        content,
        executable: false,
    };
    vec![
        file(
            "etc/systemd/system/app-nspawn@.service".to_owned(),
            service(production),
        ),
        file(
            format!("etc/systemd/journald@{machine}.conf"),
            JOURNALD.to_owned(),
        ),
        file(
            format!("etc/systemd/network/70-ve-{machine}.network"),
            network(machine),
        ),
        file(
            "etc/systemd/networkd.conf.d/50-app-nspawn.conf".to_owned(),
            NETWORKD.to_owned(),
        ),
        file(
            "etc/sysctl.d/60-app-nspawn.conf".to_owned(),
            SYSCTL.to_owned(),
        ),
        file(
            "etc/nftables.d/app-nspawn.nft".to_owned(),
            NFTABLES.to_owned(),
        ),
        UnitFile {
            executable: true,
            ..file(
                "usr/local/sbin/app-nspawn-iptables".to_owned(),
                IPTABLES.to_owned(),
            )
        },
    ]
}

fn service(production: &Production) -> String {
    let arguments = production_arguments(
        &production.tree,
        "%i",
        "%i",
        "/run/systemd/journal.%i/dev-log",
    );
    let seconds = (production.stop_timeout + MARGIN).as_secs();
    format!(
        "\
# The old server %i in a container. The arguments are those of the tested boot; here the guest's writes stay in the tree.
[Unit]
Description=Old server %i under systemd-nspawn
Documentation=man:systemd-nspawn(1) man:systemd.exec(5)
# Required, not wanted: as long as something requires the socket it is not removed when its journald ends, and what is bound
# into the guest as /dev/log stays alive.
Requires=systemd-journald@%i.socket
Wants=systemd-journald@%i.service
After=systemd-journald@%i.socket systemd-journald@%i.service
After=network.target systemd-networkd.service
PartOf=machines.target
Before=machines.target
RequiresMountsFor={tree}

[Service]
Type=notify
# Old guests need it before systemd 257; later versions ignore it.
Environment={name}={value}
ExecStart=/usr/bin/systemd-nspawn {arguments}
# The first signal goes to systemd-nspawn, which sends SIGINT to the guest's init: ctrlaltdel in its /etc/inittab, which must halt.
KillMode=mixed
# {stop} s were enough in the test; a database that is killed must be repaired.
TimeoutStopSec={seconds}s
# 133 is a reboot from inside.
RestartForceExitStatus=133
SuccessExitStatus=133
Restart=on-failure
RestartSec=5s
Slice=machine.slice
Delegate=yes
TasksMax=16384
DevicePolicy=closed
DeviceAllow=/dev/net/tun rwm
DeviceAllow=char-pts rw

[Install]
WantedBy=machines.target
",
        tree = production.tree,
        name = NSPAWN_ENVIRONMENT.0,
        value = NSPAWN_ENVIRONMENT.1,
        arguments = arguments.join(" \\\n    "),
        stop = production.stop_timeout.as_secs(),
    )
}

const JOURNALD: &str = "\
# The journal of the guest's syslog: journalctl --namespace=NAME.
# A journald of a namespace ends half a minute after its last stream; messages to /dev/log don't count. A retention of more than
# that keeps it.
[Journal]
Storage=persistent
MaxRetentionSec=1year
# An old server logs in bursts: nothing may be dropped.
RateLimitIntervalSec=0
";

fn network(machine: &str) -> String {
    let link = format!("ve-{machine}");
    let name = if link.len() <= LONGEST_LINK {
        link
    } else {
        "ve-*".to_owned()
    };
    format!(
        "\
# The host's end of the guest's link. It comes before 80-container-ve.network, and before files that match everything.
[Match]
Kind=veth
Name={name}

[Network]
# A free range; the host has its first address.
Address=0.0.0.0/28
LinkLocalAddressing=no
DHCPServer=yes
IPMasquerade=ipv4
# systemd 256 and newer forward by link.
IPv4Forwarding=yes
LLDP=no
"
    )
}

const NETWORKD: &str = "\
# Since systemd 256 IPMasquerade= makes only the guest's link forward; the way out must, too. Older versions ignore it.
[Network]
IPv4Forwarding=yes
";

const SYSCTL: &str = "\
# Without it the guest reaches this host and nothing else.
net.ipv4.ip_forward = 1
";

const NFTABLES: &str = "\
# Load it with: nft -f /etc/nftables.d/app-nspawn.nft (and include it in /etc/nftables.conf).
# An accept here does not undo a drop in another table: where one drops (Docker, firewalld), put the two lines of `forward` there.
table inet app_nspawn
delete table inet app_nspawn
table inet app_nspawn {
    chain forward {
        type filter hook forward priority filter - 1; policy accept;
        iifname \"ve-*\" accept
        oifname \"ve-*\" accept
    }
    chain postrouting {
        type filter hook postrouting priority 300; policy accept;
        # DHCP clients of before 2014 drop answers whose checksum the card would fill in; none at all they take.
        oifname \"ve-*\" udp dport 68 udp checksum set 0
    }
}
";

const IPTABLES: &str = "\
#!/bin/sh
# The same for hosts with iptables: app-nspawn-iptables add|remove. Adding twice adds once.
set -eu
case ${1:-} in add|remove) ;; *) echo \"usage: $0 add|remove\" >&2; exit 2 ;; esac
rule() {
    table=$1 chain=$2
    shift 2
    while iptables -w -t \"$table\" -C \"$chain\" \"$@\" 2> /dev/null; do iptables -w -t \"$table\" -D \"$chain\" \"$@\"; done
    [ \"$action\" = remove ] || iptables -w -t \"$table\" -I \"$chain\" 1 \"$@\"
}
action=$1
rule filter FORWARD -i ve-+ -j ACCEPT
rule filter FORWARD -o ve-+ -j ACCEPT
rule filter INPUT -i ve-+ -p udp --dport 67 -j ACCEPT
# DHCP clients of before 2014 drop answers whose checksum the card would fill in.
rule mangle POSTROUTING -o ve-+ -p udp --dport 68 -j CHECKSUM --checksum-fill
";

#[cfg(test)]
mod tests {
    use super::*;

    fn production() -> Production {
        Production {
            machine: "ctr".to_owned(),
            tree: "/srv/app/%i/rootfs".to_owned(),
            stop_timeout: Duration::from_secs(60),
        }
    }

    #[test]
    fn the_service_starts_what_was_tested() {
        let files = files(&production());
        let service = &files[0].content;
        let start = service.split("ExecStart=").nth(1).unwrap();
        let start = start.split("\n#").next().unwrap();
        insta::assert_snapshot!(start, @r"
        /usr/bin/systemd-nspawn --quiet \
            --settings=no \
            --keep-unit \
            --resolv-conf=off \
            --timezone=off \
            --link-journal=no \
            --directory=/srv/app/%i/rootfs \
            --machine=%i \
            --hostname=%i \
            --private-users=pick \
            --private-users-ownership=map \
            --network-veth \
            --kill-signal=SIGINT \
            --bind=/run/systemd/journal.%i/dev-log:/dev/log \
            --boot
        ");
        assert!(service.contains("TimeoutStopSec=90s\n"), "{service}");
    }

    #[test]
    fn a_link_whose_name_is_cut_is_matched_by_its_beginning() {
        let name = |machine: &str| {
            let text = network(machine);
            let line = text.lines().find(|line| line.starts_with("Name=")).unwrap();
            line.to_owned()
        };
        assert_eq!(name("ctr-lenny"), "Name=ve-ctr-lenny");
        assert_eq!(name("ctr-lenny-2024"), "Name=ve-*");
    }
}
