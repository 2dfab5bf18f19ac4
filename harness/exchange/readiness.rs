//! Whether a server is up: asked with an ordinary client, because its answer is no evidence of anything else.

use std::time::Duration;

use reqwest::{Client, redirect::Policy};

/// A guest that boots answers late; it is asked again.
const LIMIT: Duration = Duration::from_secs(10);

/// Returns whether the server answers a request for `path` with anything but an error of its own (5xx).
pub async fn is_ready(url: &str, path: &str) -> bool {
    // A proxy of the environment would answer for a guest that is still down.
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(LIMIT)
        .build();
    let Ok(client) = client else {
        return false;
    };
    match client.get(format!("{url}{path}")).send().await {
        Ok(answer) => !answer.status().is_server_error(),
        Err(_down) => false,
    }
}
