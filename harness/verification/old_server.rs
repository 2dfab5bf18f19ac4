//! Where the old server is: a candidate that reaches it may show its pages and change its data.

use std::{collections::BTreeSet, net::IpAddr};

use super::plan::Plan;
use crate::{
    database::{DatabaseAddress, Target},
    exchange::Server,
    machine::{self, Machine},
    outcome::{Case, CaseId, Difference},
};

/// Returns the addresses of the old server and its database, as this host resolves them; none where a name is unknown here.
pub(super) async fn addresses(plan: &Plan) -> BTreeSet<IpAddr> {
    let mut found = BTreeSet::new();
    for host in hosts(plan) {
        // The port plays no part.
        if let Ok(addresses) = tokio::net::lookup_host((host.as_str(), 0)).await {
            found.extend(addresses.map(|address| address.ip().to_canonical()));
        }
    }
    found
}

fn hosts(plan: &Plan) -> BTreeSet<String> {
    let Some(legacy) = &plan.project.legacy else {
        return BTreeSet::new();
    };
    let web = legacy.url.as_deref().map(Server::parse);
    let database = legacy
        .database
        .as_deref()
        .map(str::parse::<DatabaseAddress>);
    let mut hosts = BTreeSet::new();
    if let Some(Ok(server)) = web {
        hosts.insert(server.host);
    }
    if let Some(Ok(DatabaseAddress {
        target: Target::Tcp { host, .. },
        ..
    })) = database
    {
        hosts.insert(host);
    }
    hosts
}

/// Checks that no way leads from the guest to the old server, where the project names one.
pub(super) async fn apart_case(plan: &Plan, guest: &Machine) -> Option<Case> {
    let hosts = hosts(plan);
    if hosts.is_empty() {
        return None;
    }
    let id = CaseId::new(&["boot", "old-server"]);
    let addresses = addresses(plan).await;
    let reached = match machine::reachable(guest.leader, &addresses, &plan.toolbox).await {
        Ok(reached) => reached,
        Err(error) => return Some(Case::broken(id, &error)),
    };
    let differences = reached.iter().map(|address| {
        Difference::new(address.to_string(), "route", "no way", "a way").because(
            "a forgotten address in the candidate's configuration would be answered by the old server",
        )
    });
    let names: Vec<String> = hosts.into_iter().collect();
    let evidence = format!("the guest has no way to {}", names.join(", "));
    Some(Case::compared(id, differences.collect(), evidence))
}
