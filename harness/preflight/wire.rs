//! A network namespace at the end of a veth pair, for as long as a check lasts: what passes there passes to a guest.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt::set_socket_reuseaddr};
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

/// How long systemd-networkd may take to come to rest.
const SETTLING: Duration = Duration::from_secs(10);

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
    link: String,
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
            link: link.to_owned(),
            process,
            _namespace: namespace,
        })
    }

    /// Asks until the answer counts: systemd-networkd, which takes the link for a guest's, takes away an address that is not its
    /// own when it first sees the link. An answer that came without one is none.
    pub(super) async fn ask(
        &self,
        toolbox: &Toolbox,
        question: impl AsyncFn() -> Result<Passage, String>,
    ) -> Result<Passage, String> {
        let deadline = Instant::now() + SETTLING;
        loop {
            let answer = question().await;
            if answer == Ok(Passage::Passes) || self.has_its_address(toolbox).await? {
                return answer;
            }
            if Instant::now() > deadline {
                return Err(format!("something takes the address of {} away", self.link));
            }
            let range = format!("{}/30", self.subnet.host);
            let call = ToolCall::new("ip").args(["address", "replace", &range, "dev", &self.link]);
            toolbox.run(&call).await.map_err(|error| chain(&error))?;
        }
    }

    async fn has_its_address(&self, toolbox: &Toolbox) -> Result<bool, String> {
        let call =
            ToolCall::new("ip").args(["-4", "-oneline", "address", "show", "dev", &self.link]);
        let output = toolbox.run(&call).await.map_err(|error| chain(&error))?;
        let range = format!("{}/30", self.subnet.host);
        Ok(output.text().split_whitespace().any(|word| word == range))
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
        let socket = listen(host, port, &self.link)
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

/// Listens on an address and a link, even if somebody listens on all addresses of the link, as systemd-networkd does: the kernel
/// gives a datagram to whom it fits best (`SO_REUSEADDR`, socket(7)).
fn listen(host: Ipv4Addr, port: u16, link: &str) -> io::Result<UdpSocket> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(host, port))?;
    let socket = std::net::UdpSocket::from(socket);
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket)?;
    socket.bind_device(Some(link.as_bytes()))?;
    Ok(socket)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_datagram_is_heard_beside_somebody_who_listens_on_all_addresses() {
        let theirs = listen(Ipv4Addr::UNSPECIFIED, 0, "lo").unwrap();
        let port = theirs.local_addr().unwrap().port();
        let ours = listen(Ipv4Addr::LOCALHOST, port, "lo").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        sender
            .send_to(b"x", (Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let heard = timeout(PATIENCE, ours.recv(&mut [0; 16])).await;
        assert_eq!(heard.unwrap().unwrap(), 1);
    }
}
