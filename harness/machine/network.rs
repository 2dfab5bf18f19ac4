//! The guest's network: one veth pair.
//!
//! Where systemd-networkd runs, it addresses both ends (by DHCP, as in production, with the host as the way out); otherwise
//! the harness does, with four addresses of its own and no way out but the one that the project asks for.

use std::{fs, net::Ipv4Addr, path::Path};

use super::error::MachineError;
use crate::tool::{ToolCall, Toolbox};

/// Ranges are taken from 10.198.0.0/16.
const POOL: [u8; 2] = [10, 198];

/// Who gives the guest its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// systemd-networkd on the host, by DHCP.
    Networkd,
    /// The harness, at both ends.
    Harness(Subnet),
}

/// A range of four addresses: network, host, guest, broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The host's end.
    pub host: Ipv4Addr,
    /// The guest's end.
    pub guest: Ipv4Addr,
}

/// The guest's /etc/network/interfaces where the harness addresses it: its own says DHCP, which nobody would answer.
pub(super) const INTERFACES: &str = "# For this boot only: the harness addresses host0.\nauto lo\niface lo inet loopback\n\nauto host0\niface host0 inet manual\n";

impl Addressing {
    /// Decides by what the host runs; `seed` spreads runs over the ranges.
    pub fn choose(seed: &str) -> Result<Self, MachineError> {
        if networkd_runs() {
            return Ok(Self::Networkd);
        }
        free_subnet(seed).map(Self::Harness)
    }
}

/// Returns a range that no route of this host covers; `seed` spreads runs over the ranges.
pub fn free_subnet(seed: &str) -> Result<Subnet, MachineError> {
    let path = Path::new("/proc/net/route");
    let routes = fs::read_to_string(path).map_err(MachineError::file("read", path))?;
    let hash = seed.bytes().fold(5381_u32, |hash, byte| {
        hash.wrapping_mul(33) ^ u32::from(byte)
    });
    first_free(&routes, hash).ok_or(MachineError::NoFreeRange)
}

/// Tells whether systemd-networkd runs on this host; its folders in /run stay behind when it has ended.
pub fn networkd_runs() -> bool {
    // The kernel keeps fifteen bytes of a program's name.
    let is_networkd = |name: &str| name.trim_end() == "systemd-network";
    let processes = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    processes
        .filter_map(|process| fs::read_to_string(process.path().join("comm")).ok())
        .any(|name| is_networkd(&name))
}

/// Gives both ends of the veth pair their addresses, and puts them up.
pub(super) async fn address_both_ends(
    link: &str,
    leader: u32,
    subnet: Subnet,
    toolbox: &Toolbox,
) -> Result<(), MachineError> {
    let inside = format!("--net=/proc/{leader}/ns/net");
    let ip = |arguments: &[&str]| ToolCall::new("ip").args(arguments);
    let guest_ip = |arguments: &[&str]| {
        ToolCall::new("nsenter")
            .args([inside.as_str(), "ip"])
            .args(arguments)
    };
    let calls = [
        ip(&[
            "address",
            "add",
            &format!("{}/30", subnet.host),
            "dev",
            link,
        ]),
        ip(&["link", "set", link, "up"]),
        guest_ip(&[
            "address",
            "add",
            &format!("{}/30", subnet.guest),
            "dev",
            "host0",
        ]),
        guest_ip(&["link", "set", "host0", "up"]),
        guest_ip(&["link", "set", "lo", "up"]),
    ];
    for call in calls {
        toolbox
            .run(&call)
            .await
            .map_err(MachineError::tool("address the guest"))?;
    }
    Ok(())
}

/// Returns the first range from `start` on that no route but a default one covers.
fn first_free(routes: &str, start: u32) -> Option<Subnet> {
    let taken: Vec<(u32, u32)> = routes
        .lines()
        .skip(1)
        .filter_map(parse_route)
        .filter(|&(_, mask)| mask != 0)
        .collect();
    (0..16_384_u32)
        .map(|step| {
            u32::from_be_bytes([POOL[0], POOL[1], 0, 0]) | (start.wrapping_add(step) % 16_384) << 2
        })
        .find(|network| {
            !taken
                .iter()
                .any(|&(destination, mask)| overlaps(*network, destination, mask))
        })
        .map(|network| Subnet {
            host: Ipv4Addr::from(network | 1),
            guest: Ipv4Addr::from(network | 2),
        })
}

fn overlaps(network: u32, destination: u32, mask: u32) -> bool {
    let common = mask & 0xffff_fffc;
    network & common == destination & common
}

/// Reads destination and mask of a line of `/proc/net/route`: hexadecimal, in host byte order.
fn parse_route(line: &str) -> Option<(u32, u32)> {
    let mut words = line.split_whitespace();
    let destination = u32::from_str_radix(words.nth(1)?, 16).ok()?;
    let mask = u32::from_str_radix(words.nth(5)?, 16).ok()?;
    Some((
        u32::from_be_bytes(destination.to_ne_bytes()),
        u32::from_be_bytes(mask.to_ne_bytes()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

    #[test]
    fn a_range_that_a_route_covers_is_not_taken() {
        let default =
            format!("{HEADER}eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
        assert_eq!(
            first_free(&default, 0).unwrap().host,
            Ipv4Addr::new(10, 198, 0, 1)
        );
        let taken =
            format!("{default}ve-a\t0000C60A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n");
        assert_eq!(
            first_free(&taken, 0).unwrap().guest,
            Ipv4Addr::new(10, 198, 0, 6)
        );
        let all = format!("{default}tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n");
        assert_eq!(first_free(&all, 0), None);
    }
}
