//! Whether two addresses lead to one server.

use std::{collections::BTreeSet, net::SocketAddr};

use super::request::Server;

/// Returns whether two servers have an address in common: whoever answers there is the same.
pub async fn same_machine(first: &Server, second: &Server) -> bool {
    if first.authority == second.authority {
        return true;
    }
    let (first, second) = (addresses(first).await, addresses(second).await);
    first.intersection(&second).next().is_some()
}

/// Resolves a server; none where its name is unknown, which asking it will show.
async fn addresses(server: &Server) -> BTreeSet<SocketAddr> {
    tokio::net::lookup_host((server.host.as_str(), server.port))
        .await
        .map(|found| {
            found
                .map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()))
                .collect()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_name_of_an_address_is_the_same_server() {
        let server = |url: &str| Server::parse(url).unwrap();
        let one = server("http://127.0.0.1:8080");
        for (url, same) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080", true),
            ("http://[::ffff:127.0.0.1]:8080", true),
            ("http://127.0.0.1:8081", false),
            ("http://192.0.2.1:8080", false),
        ] {
            assert_eq!(same_machine(&one, &server(url)).await, same, "{url}");
        }
    }
}
