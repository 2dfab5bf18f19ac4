//! Booting: from the verified tree to a guest that answers, and what a booted guest must look like.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    old_server::{OldServer, apart_case},
    plan::Plan,
};
use crate::{
    exchange,
    machine::{
        self, Addressing, BootConfig, HostMount, Layer, Listener, Machine, MachineError, Transport,
        forwarding_switch, host_mounts, listeners,
    },
    outcome::{Case, CaseId, Difference},
    project::Recipe,
    workspace::WorkspaceError,
};

/// Why a guest can't be booted.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The machine does not start, or does not answer.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The host can't be told to forward its packets.
    #[error("can't give the guest the way out for which container.forward asks")]
    Forward(#[source] WorkspaceError),
}

/// A guest that runs, with what must be compared when it has stopped.
#[derive(Debug)]
pub struct Guest {
    /// The machine.
    pub machine: Machine,
    /// Its address as a URL.
    pub url: String,
    /// The host's mounts before it was booted.
    pub mounts: Vec<HostMount>,
    /// How long it took until the ready path answered.
    pub ready_after: Duration,
    /// The old server, to which it has no way.
    pub old_server: OldServer,
}

/// Boots the tree, which is only read, and waits until the guest has its runlevel and the ready path answers.
pub async fn boot_guest(plan: &Plan, tree: &Path) -> Result<Guest, BootError> {
    boot_on(plan, tree, Layer::ThrowAway).await
}

/// Boots the tree with this layer.
pub(super) async fn boot_on(plan: &Plan, tree: &Path, layer: Layer) -> Result<Guest, BootError> {
    let container = &plan.project.container;
    let limit = container.boot_timeout.0;
    let old_server = OldServer::look_up(plan).await;
    let config = BootConfig {
        tree: tree.to_owned(),
        layer,
        machine: plan.workspace.id.machine(),
        hostname: container.machine.clone(),
        folder: plan.workspace.folder.clone(),
        registered: Path::new("/run/systemd/system").exists(),
        interfaces: None,
        apart: old_server.addresses(),
        uplinks: uplinks(plan).await?,
    };
    let mounts = host_mounts()?;
    let started = Instant::now();
    let deadline = started + limit;
    let mut machine = machine::boot(config, limit, &plan.toolbox).await?;
    let url = format!("http://{}", machine.address);
    let has_runlevels = plan.project.rootfs.recipe == Recipe::Sysvinit;
    let mut ready_after = None;
    // The page may answer long before the last rc script has ended, or after it.
    let ready_after = loop {
        if ready_after.is_none() && exchange::is_ready(&url, &container.ready).await {
            ready_after = Some(started.elapsed());
        }
        let is_up = !has_runlevels || machine.runlevel().is_some();
        let what = match ready_after {
            Some(after) if is_up && Instant::now() <= deadline => break after,
            Some(_) if is_up => "be up in time".to_owned(),
            Some(_) => "reach its runlevel".to_owned(),
            None => format!("answer {}{}", url, container.ready),
        };
        machine.still_runs(&what, deadline, limit).await?;
    };
    Ok(Guest {
        machine,
        url,
        mounts,
        ready_after,
        old_server,
    })
}

/// Returns the links by which the guest's packets may leave, if the project asks for that; until the run has ended they forward.
async fn uplinks(plan: &Plan) -> Result<BTreeSet<String>, BootError> {
    if !plan.project.container.forward {
        return Ok(BTreeSet::new());
    }
    let links = machine::uplinks(&plan.toolbox).await?;
    for link in &links {
        let switched = plan.workspace.switch_on(&forwarding_switch(link));
        switched.map_err(BootError::Forward)?;
    }
    Ok(links)
}

/// Checks the booted guest: private users, nothing but the exposed ports listens, no way leads to the old server, and none elsewhere but where
/// the project asks for one.
pub(super) async fn boot_cases(plan: &Plan, guest: &Guest) -> Vec<Case> {
    let id = |name: &str| CaseId::new(&["boot", name]);
    let seconds = guest.ready_after.as_secs_f64();
    let ready = format!(
        "{}{} answers {seconds:.1} s after the start, init is process {}",
        guest.url, plan.project.container.ready, guest.machine.leader
    );
    let mut cases = vec![
        Case::same(id("ready"), ready),
        private_users(id("private-users"), guest.machine.leader),
        listener_case(plan, guest),
    ];
    cases.extend(apart_case(plan, guest).await);
    cases.push(way_out_case(plan, guest).await);
    cases
}

/// Checks that the guest has a way out where the project asks for one, and nowhere else.
async fn way_out_case(plan: &Plan, guest: &Guest) -> Case {
    let id = CaseId::new(&["boot", "way-out"]);
    let (leader, config) = (guest.machine.leader, &guest.machine.config);
    let anywhere = BTreeSet::from(machine::ANYWHERE);
    let reached = match machine::reachable(leader, &anywhere, &plan.toolbox).await {
        Ok(reached) => reached,
        Err(error) => return Case::broken(id, &error),
    };
    if config.uplinks.is_empty() {
        let cause = "what a test sends would be real; `forward = true` in [container] allows it";
        let differences = reached.iter().map(|address| {
            Difference::new(address.to_string(), "route", "no way", "a way").because(cause)
        });
        return Case::compared(id, differences.collect(), "the guest has no way out");
    }
    let links: Vec<&str> = config.uplinks.iter().map(String::as_str).collect();
    let how = format!(
        "container.forward: the guest's packets leave by {}, as this host's; table inet {} of nftables holds the rules, and clears the UDP checksums of DHCP answers",
        links.join(", "),
        config.table()
    );
    let differences = if reached.is_empty() {
        let cause = "nothing told the guest its default route";
        vec![Difference::new("default", "route", "a way", "no way").because(cause)]
    } else {
        Vec::new()
    };
    Case::compared(id, differences, how)
}

fn private_users(id: CaseId, leader: u32) -> Case {
    let map = match fs::read_to_string(format!("/proc/{leader}/uid_map")) {
        Ok(map) => map,
        Err(error) => return Case::broken(id, &error),
    };
    let host = map.split_whitespace().nth(1).map(str::parse::<u32>);
    let Some(Ok(host)) = host else {
        return Case::not_run(id, "the kernel shows no user map of the guest's init");
    };
    let differences = if host == 0 {
        let cause = "systemd-nspawn made no user namespace: root of the guest is root of the host";
        vec![
            Difference::new("uid_map", "private users", "a range of its own", map.trim())
                .because(cause),
        ]
    } else {
        Vec::new()
    };
    Case::compared(
        id,
        differences,
        format!("the guest's root is user {host} of the host"),
    )
}

/// Compares what listens with what the project exposes, both ways.
fn listener_case(plan: &Plan, guest: &Guest) -> Case {
    let id = CaseId::new(&["boot", "listeners"]);
    let found = match listeners(guest.machine.leader) {
        Ok(found) => found,
        Err(error) => return Case::broken(id, &error),
    };
    let expose = &plan.project.container.expose;
    // The DHCP client listens for the host's systemd-networkd (RFC 2131, section 4.1).
    let by_dhcp = guest.machine.addressing == Addressing::Networkd;
    let differences = listener_differences(&found, expose, by_dhcp);
    let names: Vec<String> = found.iter().map(ToString::to_string).collect();
    Case::compared(
        id,
        differences,
        format!(
            "reachable: {}",
            if names.is_empty() {
                "nothing".to_owned()
            } else {
                names.join(", ")
            }
        ),
    )
}

fn listener_differences(found: &[Listener], expose: &[u16], by_dhcp: bool) -> Vec<Difference> {
    let exposed = |port: u16, transport: Transport| match transport {
        Transport::Tcp => expose.contains(&port),
        Transport::Udp => by_dhcp && (port == 68 || port == 546),
    };
    let mut differences: Vec<Difference> = found
        .iter()
        .filter(|one| !exposed(one.port, one.transport))
        .map(|one| {
            Difference::new(one.to_string(), "listener", "nothing", one.to_string())
                .because("it is not in container.expose")
        })
        .collect();
    for port in expose {
        if !found
            .iter()
            .any(|one| one.port == *port && one.transport == Transport::Tcp)
        {
            differences.push(Difference::new(
                format!("tcp port {port}"),
                "listener",
                "listens",
                "nothing",
            ));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_listener_and_a_port_that_nobody_has_are_named() {
        let listener = |transport, port| Listener {
            transport,
            port,
            address: std::net::Ipv4Addr::UNSPECIFIED.into(),
        };
        let web = listener(Transport::Tcp, 80);
        let loci = |found: &[Listener], by_dhcp| -> Vec<String> {
            let differences = listener_differences(found, &[80], by_dhcp);
            differences.into_iter().map(|one| one.locus).collect()
        };
        assert_eq!(loci(std::slice::from_ref(&web), false), [""; 0]);
        assert_eq!(loci(&[], false), ["tcp port 80"]);
        let foreign = [web.clone(), listener(Transport::Tcp, 3306)];
        assert_eq!(loci(&foreign, false), ["tcp port 3306 on 0.0.0.0"]);
        let dhcp = [web, listener(Transport::Udp, 68)];
        assert_eq!(loci(&dhcp, true), [""; 0]);
        assert_eq!(loci(&dhcp, false), ["udp port 68 on 0.0.0.0"]);
    }
}
