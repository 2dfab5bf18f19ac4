//! The call of systemd-nspawn (systemd-nspawn(1)), as data.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, time::Duration};

use crate::tool::{NSPAWN_ARGUMENTS, ToolCall, nspawn};

/// The guest may run this long: a day of acceptance tests.
const LIMIT: Duration = Duration::from_secs(86_400);

/// Where what the guest writes goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// To a layer in memory that is thrown away: the tree is only read.
    ThrowAway,
    /// Into the tree, as in production. Its owners stay as they are: they are mapped.
    Tree,
}

impl Layer {
    fn arguments(self) -> [&'static str; 2] {
        match self {
            // Over an overlay of its own, systemd-nspawn can't map: it changes owners in the layer.
            Self::ThrowAway => ["--volatile=overlay", "--private-users=pick"],
            Self::Tree => ["--private-users=pick", "--private-users-ownership=map"],
        }
    }
}

/// How a guest is booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootConfig {
    /// The tree.
    pub tree: PathBuf,
    /// Where what the guest writes goes.
    pub layer: Layer,
    /// The machine's name on this host, one for each run.
    pub machine: String,
    /// The guest's host name.
    pub hostname: String,
    /// A folder of the run, not below /tmp: sockets, the place where the tree is bound.
    pub folder: PathBuf,
    /// Whether systemd is the host's PID 1, so that the machine can be registered.
    pub registered: bool,
    /// A file that is seen as the guest's /etc/network/interfaces, where the harness addresses the guest.
    pub interfaces: Option<PathBuf>,
    /// The old server's addresses, to which the guest has no way.
    pub apart: BTreeSet<IpAddr>,
    /// The host's links by which the guest's packets may leave; none where it has no way out.
    pub uplinks: BTreeSet<String>,
}

impl BootConfig {
    /// Returns where systemd-nspawn tells the leader's process number.
    pub fn notify_socket(&self) -> PathBuf {
        self.folder.join("notify")
    }

    /// Returns the socket that is the guest's /dev/log.
    pub fn log_socket(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Returns where the tree is bound.
    pub fn bound_tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// Returns the table of nftables that holds the rules of its way out.
    pub fn table(&self) -> String {
        self.machine.replace('-', "_")
    }

    /// Returns the host's end of the veth pair.
    pub fn link(&self) -> String {
        format!("ve-{}", self.machine)
    }
}

/// Returns the call that boots the guest.
pub fn boot_call(config: &BootConfig) -> ToolCall {
    let mut call = nspawn(&config.tree, &config.bound_tree(), None)
        .arg(format!(
            "--register={}",
            if config.registered { "yes" } else { "no" }
        ))
        .arg(format!("--machine={}", config.machine))
        .arg(format!("--hostname={}", config.hostname))
        .args(config.layer.arguments())
        .args(guest_arguments(&config.log_socket().display().to_string()));
    if let Some(interfaces) = &config.interfaces {
        call = call.arg(format!(
            "--bind-ro={}:/etc/network/interfaces",
            interfaces.display()
        ));
    }
    call.arg("--boot")
        .env(
            "NOTIFY_SOCKET",
            config.notify_socket().display().to_string(),
        )
        .limit(LIMIT)
}

/// Returns the arguments with which systemd-nspawn starts the guest in production: what was tested, the guest's writes in
/// the tree. Words may hold systemd's specifiers.
pub fn production_arguments(tree: &str, machine: &str, hostname: &str, log: &str) -> Vec<String> {
    let fixed = NSPAWN_ARGUMENTS.map(str::to_owned).into_iter();
    fixed
        .chain([
            format!("--directory={tree}"),
            format!("--machine={machine}"),
            format!("--hostname={hostname}"),
        ])
        .chain(Layer::Tree.arguments().map(str::to_owned))
        .chain(guest_arguments(log))
        .chain(["--boot".to_owned()])
        .collect()
}

/// What an old guest needs of systemd-nspawn, tested or not: a link of its own, a signal that its init knows, its /dev/log.
fn guest_arguments(log: &str) -> [String; 3] {
    [
        "--network-veth".to_owned(),
        "--kill-signal=SIGINT".to_owned(),
        format!("--bind={log}:/dev/log"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_the_one_that_production_uses_with_a_throw_away_layer() {
        let config = BootConfig {
            tree: "/srv/tree".into(),
            layer: Layer::ThrowAway,
            machine: "mv-abcde".to_owned(),
            hostname: "ctr".to_owned(),
            folder: "/var/lib/run".into(),
            registered: false,
            interfaces: Some("/var/lib/run/interfaces".into()),
            apart: BTreeSet::new(),
            uplinks: BTreeSet::new(),
        };
        let text = boot_call(&config).to_string();
        insta::assert_snapshot!(text.split_once(" systemd-nspawn ").unwrap().1, @"--quiet --settings=no --keep-unit --resolv-conf=off --timezone=off --link-journal=no --directory=/var/lib/run/tree --register=no --machine=mv-abcde --hostname=ctr --volatile=overlay --private-users=pick --network-veth --kill-signal=SIGINT --bind=/var/lib/run/log:/dev/log --bind-ro=/var/lib/run/interfaces:/etc/network/interfaces --boot");
        let production = production_arguments("/srv/ctr", "ctr", "ctr", "/run/log").join(" ");
        insta::assert_snapshot!(production, @"--quiet --settings=no --keep-unit --resolv-conf=off --timezone=off --link-journal=no --directory=/srv/ctr --machine=ctr --hostname=ctr --private-users=pick --private-users-ownership=map --network-veth --kill-signal=SIGINT --bind=/run/log:/dev/log --boot");
    }
}
