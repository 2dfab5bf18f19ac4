//! Where the old server is: a candidate that reaches it may show its pages and change its data.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{boot::Guest, plan::Plan};
use crate::{
    database::{DatabaseAddress, Target},
    exchange::Server,
    machine,
    outcome::{Case, CaseId, Difference},
};

/// The old server's names in the project, with their addresses as this host resolves them; none where a name is unknown here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OldServer {
    /// By what the project says: a host, or an address that can't be read.
    pub hosts: BTreeMap<String, BTreeSet<IpAddr>>,
}

impl OldServer {
    /// Looks up what `legacy.url` and `legacy.database` name.
    pub(super) async fn look_up(plan: &Plan) -> Self {
        let mut hosts = BTreeMap::new();
        for name in names(plan) {
            // The port plays no part.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses = found.map(|found| found.map(|one| one.ip().to_canonical()).collect());
            hosts.insert(name, addresses.unwrap_or_default());
        }
        Self { hosts }
    }

    /// Returns all addresses.
    pub(super) fn addresses(&self) -> BTreeSet<IpAddr> {
        self.hosts.values().flatten().copied().collect()
    }

    /// Returns the names that say nothing about where the old server is: unknown ones, and tunnels, which end on this host.
    fn unknown(&self) -> Vec<&str> {
        let is_unknown = |addresses: &BTreeSet<IpAddr>| addresses.iter().all(IpAddr::is_loopback);
        let unknown = self.hosts.iter().filter(|(_, found)| is_unknown(found));
        unknown.map(|(name, _)| name.as_str()).collect()
    }
}

fn names(plan: &Plan) -> BTreeSet<String> {
    let Some(legacy) = &plan.project.legacy else {
        return BTreeSet::new();
    };
    // What can't be read is not quoted: it may hold a password.
    let unread = |key: &str| key.to_owned();
    let web = legacy
        .url
        .iter()
        .map(|url| Server::parse(url).map_or_else(|_| unread("legacy.url"), |server| server.host));
    // A socket is on this machine, where no guest gets.
    let database = legacy.database.iter().filter_map(|address| {
        let address = address.parse::<DatabaseAddress>();
        match address.map(|address| address.target) {
            Ok(Target::Tcp { host, .. }) => Some(host),
            Ok(Target::Socket(_)) => None,
            Err(_) => Some(unread("legacy.database")),
        }
    });
    web.chain(database).collect()
}

/// Checks that no way leads from the guest to the old server, where the project names one.
pub(super) async fn apart_case(plan: &Plan, guest: &Guest) -> Option<Case> {
    let old = &guest.old_server;
    if old.hosts.is_empty() {
        return None;
    }
    let id = CaseId::new(&["boot", "old-server"]);
    let leader = guest.machine.leader;
    Some(
        match machine::reachable(leader, &old.addresses(), &plan.toolbox).await {
            Ok(reached) => judged(id, old, &reached),
            Err(error) => Case::broken(id, &error),
        },
    )
}

fn judged(id: CaseId, old: &OldServer, reached: &[IpAddr]) -> Case {
    let differences: Vec<Difference> = reached
        .iter()
        .map(|address| {
            Difference::new(address.to_string(), "route", "no way", "a way").because(
                "a forgotten address in the candidate's configuration would be answered by the old server",
            )
        })
        .collect();
    let unknown = old.unknown();
    if differences.is_empty() && !unknown.is_empty() {
        let reason = format!(
            "whether the guest can reach the old server is not known: {} leads to no address but this host's own (a tunnel, or an unknown name); to do without: `boot/old-server` in run.without",
            unknown.join(", ")
        );
        return Case::not_run(id, reason);
    }
    let names: Vec<&str> = old.hosts.keys().map(String::as_str).collect();
    let evidence = format!("the guest has no way to {}", names.join(", "));
    Case::compared(id, differences, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn an_old_server_of_unknown_address_is_never_called_out_of_reach() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let old = |hosts: &[(&str, &[&str])]| OldServer {
            hosts: hosts
                .iter()
                .map(|(name, found)| {
                    let found = found.iter().map(|text| address(text)).collect();
                    ((*name).to_owned(), found)
                })
                .collect(),
        };
        let word = |old: &OldServer, reached: &[IpAddr]| match judged(
            CaseId::new(&["boot", "old-server"]),
            old,
            reached,
        )
        .outcome
        {
            Outcome::Same => "same",
            Outcome::Different(_) => "different",
            Outcome::NotRun => "not run",
            Outcome::Broken | Outcome::Waived => "another",
        };
        let known = old(&[("192.0.2.10", &["192.0.2.10"])]);
        assert_eq!(word(&known, &[]), "same");
        assert_eq!(word(&known, &[address("192.0.2.10")]), "different");
        assert_eq!(word(&old(&[("old.example", &[])]), &[]), "not run");
        let tunnel = old(&[
            ("192.0.2.10", &["192.0.2.10"]),
            ("localhost", &["127.0.0.1", "::1"]),
        ]);
        assert_eq!(word(&tunnel, &[]), "not run");
        assert_eq!(word(&tunnel, &[address("192.0.2.10")]), "different");
    }
}
