//! The charset of a page: found without a panic, decoded without a lost byte, and misreadings explained in one line.
//!
//! The first byte splits the rest into a `Content-Type` and a body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrate_verify::charset::{Charset, Reading, decode_exactly, detect, explain, form};

fuzz_target!(|data: &[u8]| {
    let Some((&split, rest)) = data.split_first() else {
        return;
    };
    let (kind, body) = rest.split_at(usize::from(split).min(rest.len()));
    let kind = std::str::from_utf8(kind).ok();
    let found = detect(kind, body, Charset::WINDOWS_1250);
    if let Ok(decoded) = decode_exactly(body, found.charset) {
        assert_eq!(form::encode(&decoded.text, found.charset), body);
    }
    // Every byte string is read somehow, and back; so is what stands in the snapshot.
    let reading = Reading::of(body, found.charset, Charset::WINDOWS_1250).unwrap();
    let text = reading.decode(body, found.charset).unwrap();
    assert_eq!(reading.encode(&text, found.charset), body);
    assert_eq!(reading.parse(&reading.show(&text)), text);
    if let Some(text) = Reading::Stray.decode(body, found.charset) {
        assert_eq!(Reading::Stray.encode(&text, found.charset), body);
        assert_eq!(Reading::Stray.parse(&Reading::Stray.show(&text)), text);
    }
    // Every byte string is a text in CP1250, and back.
    let decoded = decode_exactly(body, Charset::WINDOWS_1250).unwrap();
    assert_eq!(form::encode(&decoded.text, Charset::WINDOWS_1250), body);
    let middle = body.len() / 2;
    let default = detect(None, b"", Charset::WINDOWS_1250);
    for read_as in [default, found] {
        let cause = explain(&body[..middle], &body[middle..], read_as, found);
        assert!(!cause.unwrap_or_default().contains('\n'));
    }
});
