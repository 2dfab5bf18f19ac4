//! The guest kept apart from the old server: an address that was forgotten in its configuration must fail, not find the old
//! database and be taken for the copy's. The kernel's routing refuses it inside the guest's network namespace (ip-route(8), type
//! `prohibit`), where systemd-networkd would otherwise forward it. The same for everything beyond its link, unless the project asks
//! for a way out: a mail or a payment that a test sends is a real one.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use super::error::MachineError;
use crate::tool::{ToolCall, ToolExit, Toolbox};

/// Refuses the way to these addresses to a guest; its own loopback is no way to anywhere.
pub(super) async fn keep_apart(
    leader: u32,
    addresses: &BTreeSet<IpAddr>,
    toolbox: &Toolbox,
) -> Result<(), MachineError> {
    for address in outside(leader, addresses) {
        let text = address.to_string();
        let call = ip(leader, address).args(["route", "replace", "prohibit", text.as_str()]);
        toolbox.run(&call).await.map_err(MachineError::tool(
            "keep the guest apart from the old server",
        ))?;
    }
    Ok(())
}

/// Refuses every way beyond the guest's link, also one that DHCP brings later: routes but default ones count, then nothing does
/// (ip-rule(8), `suppress_prefixlength`).
pub(super) async fn keep_in(leader: u32, toolbox: &Toolbox) -> Result<(), MachineError> {
    for address in outside(leader, &BTreeSet::from(ANYWHERE)) {
        for rule in [
            &[
                "pref",
                "100",
                "lookup",
                "main",
                "suppress_prefixlength",
                "0",
            ][..],
            &["pref", "101", "prohibit"],
        ] {
            let call = ip(leader, address).args(["rule", "add"]).args(rule);
            let refused = toolbox.run(&call).await;
            refused.map_err(MachineError::tool("refuse the guest every way out"))?;
        }
    }
    Ok(())
}

/// Addresses of no machine (RFC 5737, RFC 3849), which only a default route leads to.
pub const ANYWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// How ip(8) ends where the kernel refuses.
const NO_WAY: i32 = 2;

/// Returns those of these addresses to which the guest has a way.
pub async fn reachable(
    leader: u32,
    addresses: &BTreeSet<IpAddr>,
    toolbox: &Toolbox,
) -> Result<Vec<IpAddr>, MachineError> {
    let mut found = Vec::new();
    for address in outside(leader, addresses) {
        let text = address.to_string();
        let call = ip(leader, address).args(["route", "get", text.as_str()]);
        let (exit, _) = toolbox
            .run_to_exit(&call)
            .await
            .map_err(MachineError::tool("ask for the guest's ways"))?;
        match exit {
            ToolExit::Code(0) => found.push(address),
            ToolExit::Code(NO_WAY) => {}
            // That nobody could ask is no word on the way.
            ToolExit::Code(_) | ToolExit::Signal(_) => {
                return Err(MachineError::NotAsked { exit });
            }
        }
    }
    Ok(found)
}

fn outside(leader: u32, addresses: &BTreeSet<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let speaks_ipv6 = Path::new(&format!("/proc/{leader}/net/if_inet6")).exists();
    addresses
        .iter()
        .copied()
        .filter(move |address| !address.is_loopback() && (address.is_ipv4() || speaks_ipv6))
}

fn ip(leader: u32, address: IpAddr) -> ToolCall {
    let family = if address.is_ipv4() { "-4" } else { "-6" };
    ToolCall::new("nsenter")
        .arg(format!("--net=/proc/{leader}/ns/net"))
        .args(["ip", family])
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[tokio::test]
    async fn privileged_what_a_guest_could_reach_is_named_and_then_refused() {
        let script = "ip link set lo up && ip link add host0 type veth peer name host1 && ip link set host1 up && ip address add 10.0.0.2/30 dev host0 && ip link set host0 up && ip route add default via 10.0.0.1 && echo ready && exec sleep 60";
        #[expect(
            clippy::disallowed_methods,
            reason = "a network namespace that plays the guest's"
        )]
        let mut guest = std::process::Command::new("unshare")
            .args(["--net", "sh", "-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(guest.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        assert_eq!(ready, "ready\n", "network namespaces need root");
        let toolbox = Toolbox::new(
            ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
                .map(Into::into)
                .into(),
        );
        let old: IpAddr = "192.0.2.10".parse().unwrap();
        let addresses = BTreeSet::from([old, "127.0.0.1".parse().unwrap()]);
        let before = reachable(guest.id(), &addresses, &toolbox).await;
        let kept = keep_apart(guest.id(), &addresses, &toolbox).await;
        let after = reachable(guest.id(), &addresses, &toolbox).await;
        let everywhere = ["10.0.0.1", "203.0.113.1"].map(|text| text.parse::<IpAddr>().unwrap());
        let everywhere = BTreeSet::from(everywhere);
        let free = reachable(guest.id(), &everywhere, &toolbox).await;
        keep_in(guest.id(), &toolbox).await.unwrap();
        let kept_in = reachable(guest.id(), &everywhere, &toolbox).await;
        guest.kill().unwrap();
        guest.wait().unwrap();
        // A guest that is gone has no way, and nobody knows.
        let gone = reachable(guest.id(), &everywhere, &toolbox).await;
        assert!(
            matches!(gone, Err(MachineError::NotAsked { .. })),
            "{gone:?}"
        );
        kept.unwrap();
        assert_eq!((before.unwrap(), after.unwrap()), (vec![old], Vec::new()));
        // Its link stays, the default route is there and leads nowhere.
        assert_eq!(free.unwrap().len(), 2);
        assert_eq!(kept_in.unwrap(), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    }
}
