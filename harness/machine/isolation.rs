//! The guest kept apart from the old server: an address that was forgotten in its configuration must fail, not find the old
//! database and be taken for the copy's. The kernel's routing refuses it inside the guest's network namespace (ip-route(8), type
//! `prohibit`), where systemd-networkd would otherwise forward it.

use std::{collections::BTreeSet, net::IpAddr, path::Path};

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
            .map_err(MachineError::tool(
                "ask for the guest's way to the old server",
            ))?;
        if exit == ToolExit::Code(0) {
            found.push(address);
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
        let script =
            "ip link set lo up && ip route add default dev lo && echo ready && exec sleep 60";
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
        guest.kill().unwrap();
        guest.wait().unwrap();
        kept.unwrap();
        assert_eq!((before.unwrap(), after.unwrap()), (vec![old], Vec::new()));
    }
}
