//! Hostile answers: whatever comes over the connection, reading it ends in an answer or in an error, within its limits.
//!
//! The first byte chooses the method; the others are what the server sends before it closes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use migrate_verify::exchange::{Limits, Server, read_answer};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
});

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let server = Server::parse("http://old.example").unwrap();
    let limits = Limits {
        head: 4096,
        body: 16 << 10,
        ..Limits::default()
    };
    let method = ["GET", "HEAD", "POST"][usize::from(choice % 3)];
    let stream = tokio::io::join(bytes, tokio::io::sink());
    let answer = RUNTIME.block_on(read_answer(stream, method, &server, &limits));
    if let Ok(answer) = answer {
        // A chunk's head may take the buffer over the limit by what one read brings.
        assert!(answer.body.len() <= limits.body + (64 << 10));
        assert!(answer.coded_body().len() <= bytes.len());
        assert!(!(answer.is_coded() && answer.coded.is_some()));
        assert!(answer.headers.len() <= limits.head + (64 << 10));
        for anomaly in &answer.anomalies {
            assert!(!anomaly.to_string().chars().any(char::is_control));
        }
    }
});
