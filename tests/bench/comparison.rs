//! How many pages of 20 kB are compared offline, a second and core: `cargo bench --bench comparison`.
//!
//! Prints a line each: `equal` (the same bytes), `holes` (the same page with another time in every tenth line), `different` (every
//! fourth line differs, some moved, and the pages are compared as documents too).
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that can't go on has failed"
)]

use std::{
    fmt::Write as _,
    hint::black_box,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use migrate_verify::{
    charset::{Charset, Detection, Reading, Source},
    exchange::{Answer, Framing, HeaderLine},
    replay::{Clock, Options, differences},
    snapshot::{Body, ClockZone, Hole, HoleKind, Snapshot, Template, Zone},
};

/// 2026-11-24 10:22:33 UTC.
const NOW: i64 = 1_795_515_753;
/// How long each is measured.
const LONG: Duration = Duration::from_secs(2);

fn page(line: impl Fn(usize) -> String) -> String {
    let mut page = "<!DOCTYPE html>\n<html><head><title>Trieda</title></head>\n<body>\n".to_owned();
    for number in 0..340 {
        page.push_str(&line(number));
    }
    page.push_str("</body></html>\n");
    page
}

fn plain(number: usize) -> String {
    format!(
        "<tr class=\"r{}\"><td>Žiak {number}</td><td>priemer {},5</td></tr>\n",
        number % 2,
        number % 4
    )
}

fn answer(page: &str) -> Answer {
    let body = page
        .chars()
        .map(|character| match character {
            'Ž' => 0x8e,
            ascii => u8::try_from(ascii).unwrap(),
        })
        .collect::<Vec<u8>>();
    Answer {
        status_line: b"HTTP/1.1 200 OK".to_vec(),
        headers: vec![HeaderLine {
            name: b"Content-Type".to_vec(),
            value: b"text/html; charset=windows-1250".to_vec(),
        }],
        framing: Framing::Length,
        wire_length: body.len(),
        body,
        coded: None,
        anomalies: Vec::new(),
    }
}

fn snapshot(body: Template) -> Snapshot {
    Snapshot {
        description: "bench: page".to_owned(),
        request: "GET /".to_owned(),
        sent: Vec::new(),
        asked: String::new(),
        accepted: None,
        differs: None,
        status: "HTTP/1.1 200 OK".to_owned(),
        headers: vec![(
            "Content-Type".to_owned(),
            Template::literal("text/html; charset=windows-1250"),
        )],
        framing: "content-length".to_owned(),
        coded: None,
        anomalies: Vec::new(),
        charset: Some(Detection {
            charset: Charset::WINDOWS_1250,
            source: Source::Header,
        }),
        reading: Reading::Declared,
        zone: Zone::utc(),
        body: Body::Text(body),
    }
}

fn with_holes() -> (Template, String) {
    let mut template = Template::default();
    let time = |number: usize| number.is_multiple_of(10);
    let text = page(|number| {
        let mut line = plain(number);
        if time(number) {
            writeln!(line, "<i>o 10:22:33</i>").unwrap();
        }
        line
    });
    let mut parts = text.split("10:22:33").peekable();
    while let Some(part) = parts.next() {
        template.push_text(part);
        if parts.peek().is_some() {
            template.push_hole(Hole {
                name: "time-1".to_owned(),
                kind: HoleKind::Clock {
                    formats: vec!["H:i:s".to_owned()],
                    offset: 0,
                    zone: ClockZone::Own,
                },
            });
        }
    }
    (template, text.replace("10:22:33", "10:22:34"))
}

fn measure(name: &str, snapshot: &Snapshot, answer: &Answer, differ: bool) {
    let options = Options::new(Charset::WINDOWS_1250, Some(Zone::utc()), Clock::new(|| NOW));
    let compared = || {
        differences(
            black_box(snapshot),
            black_box(answer),
            "old.example",
            &options,
        )
    };
    assert_eq!(compared().is_empty(), !differ, "{name}: {:?}", compared());
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < LONG {
        black_box(compared());
        count += 1;
    }
    let figure = f64::from(count) / started.elapsed().as_secs_f64();
    let line = format!("{name} {figure:.0}\n");
    io::stdout().write_all(line.as_bytes()).unwrap();
}

fn main() {
    let text = page(plain);
    assert!((18_000..22_000).contains(&text.len()), "{}", text.len());
    measure(
        "equal",
        &snapshot(Template::literal(&text)),
        &answer(&text),
        false,
    );
    let (template, holes) = with_holes();
    measure("holes", &snapshot(template), &answer(&holes), false);
    let different = page(|number| match number % 8 {
        0 => plain(number).replace("priemer", "Priemer"),
        4 => plain(number + 8),
        _ => plain(number),
    });
    measure(
        "different",
        &snapshot(Template::literal(&text)),
        &answer(&different),
        true,
    );
}
