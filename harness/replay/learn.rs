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
    charset::{Charset, Detection, decode_exactly, detect, visible},
    exchange::{Answer, Limits},
    scenario::{HandWrittenHole, Scenario, Step},
    snapshot::{Body, Snapshot, Template, Zone, moment, store},
};

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
    let is_text = is_text(first, detection.charset);
    let (charset, authority) = (detection.charset, ground.authority);
    let mut learner = ground.learner(&step.holes);
    let body = if is_text {
        Body::Text(page(&mut learner, observations, charset, authority)?)
    } else {
        binary(first, observations, charset, lenient)?
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
        charset: is_text.then_some(detection),
        zone: ground.zone.clone(),
        body,
    })
}

impl Ground<'_> {
    /// Makes what learns one answer.
    fn learner<'s>(&'s mut self, written: &'s [HandWrittenHole]) -> Learner<'s> {
        Learner {
            zone: self.zone,
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
    let texts = texts(observations, charset, learner.lenient)?;
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

fn binary(
    first: &Answer,
    observations: &[&Observation],
    charset: Charset,
    lenient: bool,
) -> Result<Body, String> {
    let varies = observations
        .iter()
        .any(|other| other.answer.body != first.body);
    if varies && !lenient {
        let kind = first.header("Content-Type");
        let hint = match decode_exactly(&first.body, charset) {
            _ if first.is_coded() => {
                ": holes are learnt of a page whose Content-Encoding is gzip or deflate, or that has none"
                    .to_owned()
            }
            Err(error) if is_declared_text(kind.as_deref()) => {
                format!(", and holes are learnt of text alone: {error}")
            }
            Ok(_) | Err(_) => String::new(),
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

/// Returns whether a body is text: by its declared type, and because it can be read without loss.
pub(super) fn is_text(answer: &Answer, charset: Charset) -> bool {
    let kind = answer.header("Content-Type");
    let declared = is_declared_text(kind.as_deref());
    let has_controls = answer.body.iter().any(|byte| {
        *byte == 0 || (kind.is_none() && *byte < 0x20 && !b"\t\r\n\x0c".contains(byte))
    });
    declared
        && !has_controls
        && !is_compressed(answer)
        && decode_exactly(&answer.body, charset).is_ok()
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
    lenient: bool,
) -> Result<Vec<String>, String> {
    let mut texts: Vec<String> = Vec::new();
    for one in observations {
        match (decode_exactly(&one.answer.body, charset), texts.first()) {
            (Ok(decoded), _) => texts.push(decoded.text),
            (Err(_), Some(first)) if lenient => texts.push(first.clone()),
            (Err(error), _) => return Err(error.to_string()),
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
    if !is_text(answer, charset) {
        return None;
    }
    decode_exactly(&answer.body, charset)
        .ok()
        .map(|decoded| decoded.text)
}
