//! A network namespace at the end of a veth pair, for as long as a check lasts: what passes there passes to a guest.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::{
    machine::{Subnet, free_subnet},
    outcome::chain,
    tool::{ToolCall, ToolProcess, Toolbox},
};

/// What does not arrive on one machine within this time was dropped; the kernel sends a lost SYN again after a second.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A port on which nobody listens (discard, RFC 863): the refusal is the answer.
const CLOSED: u16 = 9;

/// Makes the pair. Arguments: the host's end, the process of the namespace, the host's address, the guest's. The host's end
/// forwards, so that only packet filters are in the way.
const CONNECT: &str = "\
ip link add \"$1\" type veth peer name host0 netns \"$2\"; \
ip address add \"$3/30\" dev \"$1\"; ip link set \"$1\" up; echo 1 > \"/proc/sys/net/ipv4/conf/$1/forwarding\"; \
exec nsenter --net=\"/proc/$2/ns/net\" sh -ec 'ip link set lo up; ip address add \"$1/30\" dev host0; ip link set host0 up; \
ip route add default via \"$2\"' sh \"$4\" \"$3\"";

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It was answered.
    Passes,
    /// It was not, or something on the way refused it.
    Dropped(String),
}

/// The pair; gone when it is dropped, with the namespace's only process.
#[derive(Debug)]
pub(super) struct Wire {
    subnet: Subnet,
    process: u32,
    _namespace: ToolProcess,
}

impl Wire {
    /// Makes a pair whose end on the host has this name, at most 15 characters.
    pub(super) async fn connect(link: &str, toolbox: &Toolbox) -> Result<Self, String> {
        let failed = |error: &(dyn std::error::Error + 'static)| chain(error);
        let subnet = free_subnet(link).map_err(|error| failed(&error))?;
        let call = ToolCall::new("unshare").args(["--net", "sleep", "20"]);
        let namespace = toolbox.start(&call).map_err(|error| failed(&error))?;
        let process = namespace.id().ok_or("unshare has no process")?;
        await_namespace(process).await?;
        let call = ToolCall::new("sh")
            .args(["-ec", CONNECT, "sh", link])
            .args([
                process.to_string(),
                subnet.host.to_string(),
                subnet.guest.to_string(),
            ]);
        toolbox.run(&call).await.map_err(|error| failed(&error))?;
        Ok(Self {
            subnet,
            process,
            _namespace: namespace,
        })
    }

    /// Connects from the host to the other end.
    pub(super) async fn host_connects(&self) -> Passage {
        match timeout(PATIENCE, TcpStream::connect((self.subnet.guest, CLOSED))).await {
            Ok(Ok(_answered)) => Passage::Passes,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Passage::Passes
            }
            Ok(Err(error)) => Passage::Dropped(error.to_string()),
            Err(_elapsed) => Passage::Dropped("no answer".to_owned()),
        }
    }

    /// Connects from this end to the other end of another pair, through the host.
    pub(super) async fn to_other(
        &self,
        other: &Self,
        toolbox: &Toolbox,
    ) -> Result<Passage, String> {
        let script = format!("exec 3<>/dev/tcp/{}/{CLOSED}", other.subnet.guest);
        let seconds = PATIENCE.as_secs_f64().to_string();
        let call = self.inside(&["timeout", &seconds, "bash", "-c", &script]);
        let (_, output) = toolbox
            .run_to_exit(&call)
            .await
            .map_err(|error| chain(&error))?;
        if output.stderr.contains("Connection refused") {
            return Ok(Passage::Passes);
        }
        let last = output.stderr.lines().last().unwrap_or("no answer");
        Ok(Passage::Dropped(last.to_owned()))
    }

    /// Sends a datagram from this end to a port of the host.
    pub(super) async fn datagram_to_host(
        &self,
        port: u16,
        toolbox: &Toolbox,
    ) -> Result<Passage, String> {
        let host: Ipv4Addr = self.subnet.host;
        let socket = UdpSocket::bind((host, port))
            .await
            .map_err(|error| format!("port {port} of {host}: {error}"))?;
        let script = format!("echo > /dev/udp/{host}/{port}");
        let call = self.inside(&["bash", "-c", &script]);
        let (_, output) = toolbox
            .run_to_exit(&call)
            .await
            .map_err(|error| chain(&error))?;
        match timeout(PATIENCE, socket.recv(&mut [0; 16])).await {
            Ok(Ok(_arrived)) => Ok(Passage::Passes),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Ok(Passage::Dropped(format!(
                "nothing arrived {}",
                output.stderr.trim()
            ))),
        }
    }

    fn inside(&self, program: &[&str]) -> ToolCall {
        ToolCall::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.process))
            .args(program)
    }
}

/// Waits until the process has its namespace.
async fn await_namespace(process: u32) -> Result<(), String> {
    let namespace = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).ok();
    let deadline = Instant::now() + PATIENCE;
    while namespace(&process.to_string()).is_none_or(|theirs| Some(theirs) == namespace("self")) {
        if Instant::now() > deadline {
            return Err("unshare makes no network namespace here".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
