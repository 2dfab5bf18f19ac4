//! Two pages compared: the same is silent, another one is not, whatever they are made of.
//!
//! A zero byte parts the recorded page from the one that comes. Both are taken for CP1250, then for UTF-8, which most of them are not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrate_verify::{
    charset::{Charset, Detection, Reading, Source},
    exchange::{Answer, Framing},
    replay::{Clock, Options, differences},
    snapshot::{Body, Snapshot, Template, Zone},
};

fn answer(body: &[u8]) -> Answer {
    Answer {
        status_line: b"HTTP/1.1 200 OK".to_vec(),
        headers: Vec::new(),
        framing: Framing::Close,
        wire_length: body.len(),
        body: body.to_vec(),
        coded: None,
        anomalies: Vec::new(),
    }
}

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|byte| *byte == 0);
    let (old, new) = data.split_at(at.unwrap_or(data.len()));
    let new = new.get(1..).unwrap_or_default();
    for charset in [Charset::WINDOWS_1250, Charset::UTF_8] {
        compared(old, new, charset);
    }
});

fn compared(old: &[u8], new: &[u8], charset: Charset) {
    let reading = Reading::of(old, charset, Charset::WINDOWS_1250).unwrap();
    let text = reading.decode(old, charset).unwrap();
    let snapshot = Snapshot {
        description: "fuzz".to_owned(),
        request: "GET /".to_owned(),
        sent: Vec::new(),
        asked: String::new(),
        accepted: None,
        differs: None,
        status: "HTTP/1.1 200 OK".to_owned(),
        headers: Vec::new(),
        framing: "close".to_owned(),
        coded: None,
        anomalies: Vec::new(),
        charset: Some(Detection {
            charset,
            source: Source::Default,
        }),
        reading,
        zone: Zone::utc(),
        body: Body::Text(Template::literal(&text)),
    };
    let options = Options::new(charset, Some(Zone::utc()), Clock::new(|| 1_795_515_753));
    let compare = |body: &[u8]| differences(&snapshot, &answer(body), "old.example", &options);
    let has_meta = |page: &[u8]| {
        page.windows(5)
            .any(|five| five.eq_ignore_ascii_case(b"<meta"))
    };
    let has_mark = |page: &[u8]| page.starts_with(b"\xef\xbb\xbf");
    // What begins so is never recorded as a page.
    let is_gzip = old.starts_with(b"\x1f\x8b");
    if !has_meta(old) && !has_mark(old) && !is_gzip {
        assert_eq!(compare(old), []);
    }
    if old != new {
        assert_ne!(compare(new), [], "another page was taken for the same");
    }
}
