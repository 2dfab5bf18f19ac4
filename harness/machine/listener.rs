//! What listens in a guest: `/proc/<pid>/net/{tcp,tcp6,udp,udp6}` (`proc_net_tcp` in the kernel's documentation) of its init.

use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use super::error::MachineError;

/// TCP's state LISTEN, and what a UDP socket that was not connected has, in the kernel's tables.
const LISTEN: &str = "0A";
const UNCONNECTED: &str = "07";

/// The transport of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// An address that others can reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// The transport.
    pub transport: Transport,
    /// The port.
    pub port: u16,
    /// The address it is bound to.
    pub address: IpAddr,
}

impl fmt::Display for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        write!(
            formatter,
            "{transport} port {} on {}",
            self.port, self.address
        )
    }
}

/// Lists what listens in the network namespace of a process on anything but loopback.
pub fn listeners(leader: u32) -> Result<Vec<Listener>, MachineError> {
    let mut found = Vec::new();
    for (table, transport, state) in [
        ("tcp", Transport::Tcp, LISTEN),
        ("tcp6", Transport::Tcp, LISTEN),
        ("udp", Transport::Udp, UNCONNECTED),
        ("udp6", Transport::Udp, UNCONNECTED),
    ] {
        let path = format!("/proc/{leader}/net/{table}");
        let path = Path::new(&path);
        // A kernel without IPv6 has no tables for it.
        if table.ends_with('6') && !path.exists() {
            continue;
        }
        let text = fs::read_to_string(path).map_err(MachineError::file("read", path))?;
        found.extend(
            text.lines()
                .skip(1)
                .filter_map(|line| parse(line, transport, state)),
        );
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn parse(line: &str, transport: Transport, state: &str) -> Option<Listener> {
    let mut words = line.split_whitespace();
    let (address, port) = words.nth(1)?.split_once(':')?;
    if words.nth(1)? != state {
        return None;
    }
    let address = parse_address(address)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (!address.is_loopback()).then_some(Listener {
        transport,
        port,
        address,
    })
}

/// Reads an address as the kernel writes it: 32-bit words in host byte order.
fn parse_address(text: &str) -> Option<IpAddr> {
    let words: Vec<u32> = text
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    match words.as_slice() {
        [word] => Some(IpAddr::V4(Ipv4Addr::from(word.to_ne_bytes()))),
        [_, _, _, _] => {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            Some(IpAddr::V6(Ipv6Addr::from(
                <[u8; 16]>::try_from(bytes).ok()?,
            )))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_on_loopback_and_connections_are_left_out() {
        let lines = [
            "0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0",
            "1: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0",
            "2: 0203630A:0050 0103630A:C350 01 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0",
        ];
        let found: Vec<String> = lines
            .iter()
            .filter_map(|line| parse(line, Transport::Tcp, LISTEN))
            .map(|one| one.to_string())
            .collect();
        assert_eq!(found, ["tcp port 80 on 0.0.0.0"]);
        let six = "0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1";
        assert_eq!(
            parse(six, Transport::Tcp, LISTEN).unwrap().to_string(),
            "tcp port 80 on ::"
        );
    }
}
