//! systemd-nspawn's messages over `sd_notify(3)`: among them the process number of the guest's init.

use tokio::net::UnixDatagram;

/// Waits for `X_NSPAWN_LEADER_PID`.
pub(super) async fn leader(socket: &UnixDatagram) -> std::io::Result<u32> {
    let mut buffer = vec![0; 8192];
    loop {
        let read = socket.recv(&mut buffer).await?;
        if let Some(leader) = str::from_utf8(&buffer[..read]).ok().and_then(parse) {
            return Ok(leader);
        }
    }
}

fn parse(message: &str) -> Option<u32> {
    message
        .lines()
        .find_map(|line| line.strip_prefix("X_NSPAWN_LEADER_PID=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_is_found_among_other_messages() {
        assert_eq!(
            parse("STATUS=Container running.\nX_NSPAWN_LEADER_PID=615"),
            Some(615)
        );
        assert_eq!(parse("STOPPING=1\nSTATUS=Terminating..."), None);
    }
}
