//! From the answers of several rounds to one snapshot.

use std::collections::BTreeMap;

use super::{
    asked::{asked, first_line, sent_names},
    binary::is_compressed,
    clock_evidence::PageDays,
    coding,
    evidence::{Doubt, Learner, Sight},
    excerpt::excerpts,
    learn_headers::headers,
    names::Names,
    run::Observation,
    token::Known,
    varied::Varied,
};
use crate::{
    charset::{Charset, Detection, Reading, decode_exactly, detect, visible},
    exchange::{Answer, Limits},
    scenario::{HandWrittenHole, Scenario, Step},
    snapshot::{Body, Snapshot, Template, Zone, moment, store},
};

/// Of bytes that nobody wrote one in nine is a control character; a text has one that somebody pasted.
const FEWEST_BETWEEN_CONTROLS: usize = 50;

/// What all steps of a scenario have in common while they are recorded.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) authority: &'a str,
    pub(super) zone: &'a Zone,
    pub(super) charset: Charset,
    pub(super) limits: &'a Limits,
    pub(super) names: Names,
    pub(super) doubt: Doubt,
    /// Reasons of holes that a person wrote, and whether what they hold has varied.
    pub(super) wanted: BTreeMap<String, bool>,
    /// Where numbers vary on any page.
    pub(super) elsewhere: &'a Varied,
    /// Where they vary in this scenario.
    pub(super) varied: Varied,
}

/// Makes the snapshot of one answer, one observation a round; says what varies where that is not understood.
pub(super) fn learn(
    ground: &mut Ground<'_>,
    step: &Step,
    observations: &[&Observation],
) -> Result<Snapshot, String> {
    let first = &observations.first().ok_or("there is no answer")?.answer;
    let lenient = ground.scenario.mutates;
    for other in observations {
        steady(first, &other.answer, lenient)?;
    }
    let detection = detect(
        first.header("Content-Type").as_deref(),
        &first.body,
        ground.charset,
    );
    let read = reading_of(observations, detection.charset, ground.charset);
    let (charset, authority) = (detection.charset, ground.authority);
    let mut learner = ground.learner(&step.holes, read.unwrap_or_default());
    let body = match read {
        Some(_) => Body::Text(page(&mut learner, observations, charset, authority)?),
        None => binary(first, observations, lenient)?,
    };
    let coded = coding::learn(first, observations, &body, lenient)?;
    let length_varies = match &coded {
        Some(coded) => coded.digest.is_none(),
        None => !body.holes().is_empty(),
    };
    let headers = headers(&mut learner, observations, authority, length_varies)?;
    let Learner {
        wanted,
        doubt,
        varied,
        ..
    } = learner;
    ground.keep(wanted, doubt, varied);
    Ok(Snapshot {
        description: format!("{}: {}", ground.scenario.title, step.name),
        request: first_line(step, ground.limits),
        sent: sent_names(&step.sent),
        asked: asked(step, ground.limits),
        accepted: None,
        differs: None,
        status: visible(&first.status_line),
        headers,
        framing: first.framing.as_str().to_owned(),
        coded,
        anomalies: first.anomalies.iter().map(ToString::to_string).collect(),
        charset: read.map(|_| detection),
        reading: read.unwrap_or_default(),
        zone: ground.zone.clone(),
        body,
    })
}

impl Ground<'_> {
    /// Makes what learns one answer.
    fn learner<'s>(&'s mut self, written: &'s [HandWrittenHole], reading: Reading) -> Learner<'s> {
        Learner {
            zone: self.zone,
            reading,
            names: &mut self.names,
            lenient: self.scenario.mutates,
            in_location: false,
            written,
            local: BTreeMap::new(),
            days: PageDays::default(),
            doubt: Doubt::default(),
            wanted: BTreeMap::new(),
            within: BTreeMap::new(),
            elsewhere: self.elsewhere,
            varied: Varied::default(),
        }
    }

    /// Keeps what one answer has shown.
    fn keep(&mut self, wanted: BTreeMap<String, bool>, doubt: Doubt, varied: Varied) {
        for (reason, varied) in wanted {
            *self.wanted.entry(reason).or_default() |= varied;
        }
        self.doubt.clock |= doubt.clock;
        self.doubt.duration |= doubt.duration;
        self.varied.merge(varied);
    }
}

/// Learns a page.
fn page(
    learner: &mut Learner<'_>,
    observations: &[&Observation],
    charset: Charset,
    authority: &str,
) -> Result<Template, String> {
    let texts = texts(observations, charset, learner.reading, learner.lenient)?;
    let sights = sights(&texts, observations, authority, learner.written);
    let template = learner.text(&sights);
    template.map_err(|what| format!("body {what}"))
}

/// Joins what each round showed with what was known then.
pub(super) fn sights<'a>(
    texts: &'a [String],
    observations: &[&'a Observation],
    authority: &'a str,
    written: &'a [HandWrittenHole],
) -> Vec<Sight<'a>> {
    texts
        .iter()
        .zip(observations)
        .map(|(text, observation)| Sight {
            text,
            now: server_clock(observation),
            known: Known {
                authority,
                secrets: &observation.secrets,
                written,
            },
        })
        .collect()
}

fn binary(first: &Answer, observations: &[&Observation], lenient: bool) -> Result<Body, String> {
    let varies = observations
        .iter()
        .any(|other| other.answer.body != first.body);
    if varies && !lenient {
        let kind = first.header("Content-Type");
        let hint = if first.is_coded() {
            ": holes are learnt of a page whose Content-Encoding is gzip or deflate, or that has none"
        } else if is_declared_text(kind.as_deref()) {
            ", and holes are learnt of text alone: it has zero bytes or control characters, which no text has, or is compressed and does not say so"
        } else {
            ""
        };
        return Err(format!("the bytes of the body vary{hint}"));
    }
    Ok(Body::Binary {
        bytes: first.body.clone(),
        extension: store::extension_of(first.header("Content-Type").as_deref()),
    })
}

/// Returns the clock of a server by the answer's `Date`, else by our own.
pub(super) fn server_clock(observation: &Observation) -> i64 {
    observation
        .answer
        .header("Date")
        .and_then(|date| moment::parse("D, d M Y H:i:s \\G\\M\\T", &date))
        .and_then(|date| date.distance(0, &Zone::utc()))
        .unwrap_or(observation.at)
}

/// Returns how the body of all rounds is read: as the first one is, but where another round has bytes that this has not.
fn reading_of(
    observations: &[&Observation],
    charset: Charset,
    default: Charset,
) -> Option<Reading> {
    let mut readings = observations
        .iter()
        .map(|one| reading(&one.answer, charset, default));
    let first = readings.next()??;
    let other = readings.flatten().find(|other| *other != Reading::Declared);
    let reads_all = |reading: &Reading| {
        let mut bodies = observations.iter().map(|one| &one.answer.body);
        bodies.all(|body| reading.decode(body, charset).is_some())
    };
    match first {
        Reading::Declared => Some(other.filter(reads_all).unwrap_or(first)),
        Reading::Other(_) | Reading::Stray => Some(first),
    }
}

/// Returns how a body is read where it is text: by its declared type, and because it can be read without loss.
fn reading(answer: &Answer, charset: Charset, default: Charset) -> Option<Reading> {
    let kind = answer.header("Content-Type");
    let has_controls = answer
        .body
        .iter()
        .any(|byte| *byte == 0 || (kind.is_none() && is_control(*byte)));
    if !is_declared_text(kind.as_deref()) || has_controls || is_compressed(answer) {
        return None;
    }
    let reading = Reading::of(&answer.body, charset, default)?;
    let is_likely = match reading {
        Reading::Declared => true,
        Reading::Other(_) | Reading::Stray => is_likely_text(&answer.body, kind.is_some()),
    };
    is_likely.then_some(reading)
}

/// Returns whether bytes that are not in their charset are the bytes of a text, and not of a picture that is declared to be one.
fn is_likely_text(body: &[u8], is_declared: bool) -> bool {
    let controls = body.iter().filter(|byte| is_control(**byte)).count();
    let letters = body.iter().filter(|byte| byte.is_ascii()).count();
    controls * FEWEST_BETWEEN_CONTROLS <= body.len() && (is_declared || letters * 2 >= body.len())
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 && !b"\t\r\n\x0c".contains(&byte)
}

/// Returns whether a `Content-Type` is one of texts; nothing says that it is not.
fn is_declared_text(kind: Option<&str>) -> bool {
    let Some(kind) = kind.map(str::to_ascii_lowercase) else {
        return true;
    };
    let mut words = ["xml", "json", "javascript"].iter();
    kind.starts_with("text/") || words.any(|word| kind.contains(word))
}

/// Refuses what varies beside headers' values and bodies.
fn steady(first: &Answer, other: &Answer, lenient: bool) -> Result<(), String> {
    // What breaks the protocol has no holes: it would be a difference at each replay.
    same_anomalies(first, other)?;
    if lenient {
        return Ok(());
    }
    let varies = |what: &str| Err(format!("{what} varies"));
    let names = |answer: &Answer| -> Vec<Vec<u8>> {
        answer
            .headers
            .iter()
            .map(|line| line.name.clone())
            .collect()
    };
    if first.status_line != other.status_line {
        return varies("the status line");
    }
    if names(first) != names(other) {
        return varies("the list of headers");
    }
    if first.framing != other.framing {
        return varies("the framing");
    }
    Ok(())
}

fn same_anomalies(first: &Answer, other: &Answer) -> Result<(), String> {
    if first.anomalies == other.anomalies {
        return Ok(());
    }
    let named = |answer: &Answer| match answer.anomalies.as_slice() {
        [] => "nothing".to_owned(),
        anomalies => anomalies
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let (one, another) = excerpts(&named(first), &named(other));
    Err(format!(
        "what breaks the protocol varies: {one} in one round, {another} in another"
    ))
}

fn texts(
    observations: &[&Observation],
    charset: Charset,
    reading: Reading,
    lenient: bool,
) -> Result<Vec<String>, String> {
    let mut texts: Vec<String> = Vec::new();
    for one in observations {
        let body = &one.answer.body;
        match (reading.decode(body, charset), texts.first()) {
            (Some(text), _) => texts.push(text),
            (None, Some(first)) if lenient => texts.push(first.clone()),
            (None, _) => {
                return Err(match decode_exactly(body, reading.charset(charset)) {
                    Err(error) => error.to_string(),
                    Ok(_) => "the body holds characters that stand for bytes".to_owned(),
                });
            }
        }
    }
    Ok(texts)
}

/// Returns how the old server's page is read, for the texts that evidence is looked for in.
pub(super) fn text_of(answer: &Answer, default: Charset) -> Option<String> {
    let Detection { charset, .. } = detect(
        answer.header("Content-Type").as_deref(),
        &answer.body,
        default,
    );
    reading(answer, charset, default)?.decode(&answer.body, charset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Framing, HeaderLine};

    #[test]
    fn a_body_is_text_by_its_type_and_its_bytes() {
        let cp1250 = "Základná škola, Žilina".chars().map(|one| {
            let letter = one.to_string();
            crate::charset::form::encode(&letter, Charset::WINDOWS_1250)
        });
        let cp1250: Vec<u8> = cp1250.flatten().collect();
        let html = Some("text/html; charset=utf-8");
        let noise: Vec<u8> = (1..=255)
            .cycle()
            .take(1000)
            .map(|byte: u8| byte ^ 0x55)
            .collect();
        let noise: Vec<u8> = noise.into_iter().filter(|byte| *byte != 0).collect();
        let other = Some(Reading::Other(Charset::WINDOWS_1250));
        let table: [(Option<&str>, &[u8], Option<Reading>); 12] = [
            (html, b"", Some(Reading::Declared)),
            (html, &cp1250, other),
            (
                html,
                "Ž\u{10d} \u{f78a}".as_bytes(),
                Some(Reading::Declared),
            ),
            (html, b"\xc5\xbe \xc4\x8d \xe8", Some(Reading::Stray)),
            (html, b"\xc5\xbe \xc4\x8d \xe8 \0", None),
            (html, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None),
            (html, &noise, None),
            (
                html,
                &[cp1250.repeat(4).as_slice(), b"\x0b"].concat(),
                other,
            ),
            (Some("image/png"), &cp1250, None),
            (None, b"u\xe8ite\xbe", Some(Reading::Declared)),
            (
                Some("text/plain; charset=utf-8"),
                b"\xe8\xbe\x9d\xef\xf2",
                other,
            ),
            (html, b"\x1f\x8b\xe8", None),
        ];
        for (kind, body, expected) in table {
            let header = |value: &str| HeaderLine {
                name: b"Content-Type".to_vec(),
                value: value.as_bytes().to_vec(),
            };
            let answer = Answer {
                status_line: b"HTTP/1.1 200 OK".to_vec(),
                headers: kind.map(header).into_iter().collect(),
                framing: Framing::Close,
                wire_length: body.len(),
                body: body.to_vec(),
                coded: None,
                anomalies: Vec::new(),
            };
            let Detection { charset, .. } = detect(kind, body, Charset::WINDOWS_1250);
            let found = reading(&answer, charset, Charset::WINDOWS_1250);
            assert_eq!(found, expected, "{kind:?} {}", visible(body));
        }
        // Nothing says that these bytes are a text, and most are none.
        assert!(!is_likely_text(b"\xe8\xbe\x9d\xef", false));
        assert!(is_likely_text(b"u\xe8ite\xbe", false));
    }
}
