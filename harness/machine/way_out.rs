//! A way out for the guest, where the project asks for one: its packets leave by the host's own links, under the host's address.
//!
//! The rules stand in a table of nftables that is owned by the process that made it (nft(8), `flags owner`): the kernel removes
//! the table with the process, and the process ends with its input, a pipe that this program holds open. So a run that is killed
//! leaves no rule. What the guest's own link is told goes with the link; that the host's links forward is the workspace's to
//! change and to put back.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::{io::AsyncReadExt, time::sleep};

use super::{call::BootConfig, error::MachineError, network::Addressing};
use crate::tool::{ToolCall, ToolExit, ToolProcess, Toolbox};

/// How long nft may take; it takes milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

/// It lives as long as the guest: a day of acceptance tests.
const LIFE: Duration = Duration::from_secs(86_400);

/// How often the kernel is asked for the table.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The rules, as long as they are in force.
#[derive(Debug)]
pub(super) struct WayOut {
    nft: ToolProcess,
    // The pipe's writing end: without it nft ends.
    _input: File,
}

/// Returns the links by which this host itself has a way out.
pub async fn uplinks(toolbox: &Toolbox) -> Result<BTreeSet<String>, MachineError> {
    let call = ToolCall::new("ip").args(["-4", "-oneline", "route", "show", "default"]);
    let output = toolbox.run(&call).await;
    let text = output
        .map_err(MachineError::tool("ask for this host's way out"))?
        .text();
    let links = links_of(&text);
    if links.is_empty() {
        return Err(MachineError::NoWayOut {
            why: "this host has no default route itself".to_owned(),
        });
    }
    Ok(links)
}

/// Returns the file that says whether a link of this host forwards (ip-sysctl.rst, `forwarding`).
pub fn forwarding_switch(link: &str) -> PathBuf {
    PathBuf::from(format!("/proc/sys/net/ipv4/conf/{link}/forwarding"))
}

fn links_of(routes: &str) -> BTreeSet<String> {
    let link = |route: &str| {
        let mut words = route.split_whitespace().skip_while(|word| *word != "dev");
        words.nth(1).map(str::to_owned)
    };
    routes.lines().filter_map(link).collect()
}

impl WayOut {
    /// Puts the rules in force, if the configuration names links by which the guest may leave.
    pub(super) async fn open(
        config: &BootConfig,
        toolbox: &Toolbox,
    ) -> Result<Option<Self>, MachineError> {
        if config.uplinks.is_empty() {
            return Ok(None);
        }
        let path = config.folder.join("nft");
        if path.exists() {
            fs::remove_file(&path).map_err(MachineError::file("remove", &path))?;
        }
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .map_err(|errno| MachineError::file("create", &path)(errno.into()))?;
        // For reading, too: so nobody waits for the other end.
        let input = File::options().read(true).write(true).open(&path);
        let mut input = input.map_err(MachineError::file("open", &path))?;
        let call = ToolCall::new("nft").arg("-i").stdin(&path).limit(LIFE);
        let nft = toolbox
            .start(&call)
            .map_err(MachineError::tool("open the guest's way out"))?;
        let rules = rules(config);
        writeln!(input, "{rules}").map_err(MachineError::file("write", &path))?;
        let mut way_out = Self { nft, _input: input };
        way_out.await_table(&config.table(), toolbox).await?;
        Ok(Some(way_out))
    }

    async fn await_table(&mut self, table: &str, toolbox: &Toolbox) -> Result<(), MachineError> {
        let failed = || MachineError::tool("open the guest's way out");
        let call = ToolCall::new("nft").args(["list", "table", "inet", table]);
        let deadline = Instant::now() + LIMIT;
        loop {
            let (exit, _) = toolbox.run_to_exit(&call).await.map_err(failed())?;
            let ended = self.nft.try_exit().map_err(failed())?;
            if exit == ToolExit::Code(0) && ended.is_none() {
                return Ok(());
            }
            if ended.is_some() || Instant::now() > deadline {
                return Err(self.refused().await);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Quotes what nft says to rules that are not in force.
    async fn refused(&mut self) -> MachineError {
        let mut said = Vec::new();
        if let Some((_, mut stderr)) = self.nft.take_outputs() {
            // It may still run, and say nothing more.
            let read = stderr.read_to_end(&mut said);
            let _silent = tokio::time::timeout(LOOK_EVERY, read).await;
        }
        let said = said.escape_ascii().to_string().replace("\\n", " ");
        MachineError::NoWayOut {
            why: format!(
                "nft does not take its rules (a table with an owner needs Linux 5.12 and nftables 0.9.9): {said}"
            ),
        }
    }

    /// Lets the guest use it, where the harness addresses the guest; systemd-networkd tells the guest its way itself.
    pub(super) async fn lead(
        link: &str,
        leader: u32,
        addressing: Addressing,
        toolbox: &Toolbox,
    ) -> Result<(), MachineError> {
        let switch = forwarding_switch(link);
        fs::write(&switch, "1").map_err(MachineError::file("write", &switch))?;
        let subnet = match addressing {
            Addressing::Harness(subnet) => subnet,
            Addressing::Networkd => return Ok(()),
        };
        let host = subnet.host.to_string();
        let call = ToolCall::new("nsenter")
            .arg(format!("--net=/proc/{leader}/ns/net"))
            .args(["ip", "route", "add", "default", "via", &host])
            .args(["dev", "host0"]);
        let told = toolbox.run(&call).await;
        told.map_err(MachineError::tool("show the guest its way out"))?;
        Ok(())
    }

    /// Takes the rules away; returns when they are.
    pub(super) async fn close(mut self) -> Result<(), MachineError> {
        let failed = || MachineError::tool("close the guest's way out");
        self.nft
            .signal(rustix::process::Signal::KILL)
            .map_err(failed())?;
        self.nft.wait(LIMIT).await.map_err(failed())?;
        Ok(())
    }
}

/// Returns the rules, on one line as nft reads it: only by the host's ways out, never to the old server, and nothing that nobody
/// asked for comes in. The checksum of DHCP answers is cleared, which clients of before 2014 take; nftables can't fill it in.
fn rules(config: &BootConfig) -> String {
    let (table, link) = (config.table(), config.link());
    let quoted: Vec<String> = config
        .uplinks
        .iter()
        .map(|one| format!("{one:?}"))
        .collect();
    let uplinks = quoted.join(", ");
    let family = |keyword: &str, is_meant: fn(&IpAddr) -> bool| {
        let meant = config.apart.iter().filter(|address| is_meant(address));
        let addresses: Vec<String> = meant.map(ToString::to_string).collect();
        if addresses.is_empty() {
            return String::new();
        }
        let addresses = addresses.join(", ");
        format!("iifname \"{link}\" {keyword} daddr {{ {addresses} }} reject; ")
    };
    let (old, old6) = (
        family("ip", IpAddr::is_ipv4),
        family("ip6", IpAddr::is_ipv6),
    );
    format!(
        "table inet {table} {{ flags owner; \
         chain forward {{ type filter hook forward priority filter - 1; policy accept; {old}{old6}\
         iifname \"{link}\" oifname != {{ {uplinks} }} reject; iifname \"{link}\" accept; \
         oifname \"{link}\" ct state established,related accept; oifname \"{link}\" reject; }}; \
         chain source {{ type nat hook postrouting priority srcnat; policy accept; iifname \"{link}\" masquerade; }}; \
         chain checksum {{ type filter hook postrouting priority 300; policy accept; \
         oifname \"{link}\" udp dport 68 udp checksum set 0; }}; }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Layer;

    #[test]
    fn every_link_of_a_default_route_is_a_way_out() {
        let routes = "default via 192.0.2.1 dev eth0 \ndefault dev tun0 scope link metric 50\n";
        let links: Vec<String> = links_of(routes).into_iter().collect();
        assert_eq!(links, ["eth0", "tun0"]);
        assert!(links_of("").is_empty());
    }

    #[test]
    fn the_rules_let_the_guest_out_by_these_links_and_not_to_the_old_server() {
        let config = BootConfig {
            tree: "/srv/tree".into(),
            layer: Layer::ThrowAway,
            machine: "mv-abcde".to_owned(),
            hostname: "ctr".to_owned(),
            folder: "/var/lib/run".into(),
            registered: false,
            interfaces: None,
            apart: ["192.0.2.10", "2001:db8::1"]
                .map(|text| text.parse().unwrap())
                .into(),
            uplinks: ["eth0".to_owned()].into(),
        };
        insta::assert_snapshot!(rules(&config).replace("; ", ";\n"), @r#"
        table inet mv_abcde { flags owner;
        chain forward { type filter hook forward priority filter - 1;
        policy accept;
        iifname "ve-mv-abcde" ip daddr { 192.0.2.10 } reject;
        iifname "ve-mv-abcde" ip6 daddr { 2001:db8::1 } reject;
        iifname "ve-mv-abcde" oifname != { "eth0" } reject;
        iifname "ve-mv-abcde" accept;
        oifname "ve-mv-abcde" ct state established,related accept;
        oifname "ve-mv-abcde" reject;
        };
        chain source { type nat hook postrouting priority srcnat;
        policy accept;
        iifname "ve-mv-abcde" masquerade;
        };
        chain checksum { type filter hook postrouting priority 300;
        policy accept;
        oifname "ve-mv-abcde" udp dport 68 udp checksum set 0;
        };
        }
        "#);
    }
}
