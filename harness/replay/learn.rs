//! From the answers of several rounds to one snapshot.

use std::collections::BTreeMap;

use super::{
    asked::{asked, first_line, sent_names},
    clock_evidence::PageDays,
    evidence::{Doubt, Learner, Sight},
    excerpt::excerpts,
    header_rule::{HeaderRule, rule},
    kind::token,
    names::Names,
    run::Observation,
    token::Known,
    varied::Varied,
};
use crate::{
    charset::{Charset, Detection, decode_exactly, detect, visible},
    exchange::{Answer, Limits},
    scenario::{HandWrittenHole, Scenario, Step},
    snapshot::{Body, Hole, HoleKind, Snapshot, Template, Zone, moment, store},
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
        if !lenient {
            steady(first, &other.answer)?;
        }
        // It has no holes: it would be a difference at each replay.
        same_anomalies(first, &other.answer)?;
    }
    let mut learner = Learner {
        zone: ground.zone,
        names: &mut ground.names,
        lenient,
        in_location: false,
        written: &step.holes,
        local: BTreeMap::new(),
        days: PageDays::default(),
        doubt: Doubt::default(),
        wanted: BTreeMap::new(),
        within: BTreeMap::new(),
        elsewhere: ground.elsewhere,
        varied: Varied::default(),
    };
    let detection = detect(
        first.header("Content-Type").as_deref(),
        &first.body,
        ground.charset,
    );
    let is_text = is_text(first, detection.charset);
    let body = if is_text {
        let texts = texts(observations, detection.charset, lenient)?;
        let sights = sights(&texts, observations, ground.authority, &step.holes);
        let template = learner.text(&sights);
        Body::Text(template.map_err(|what| format!("body {what}"))?)
    } else {
        binary(first, observations, lenient)?
    };
    let headers = headers(&mut learner, first, observations, ground.authority, &body)?;
    for (reason, varied) in std::mem::take(&mut learner.wanted) {
        *ground.wanted.entry(reason).or_default() |= varied;
    }
    ground.doubt.clock |= learner.doubt.clock;
    ground.doubt.duration |= learner.doubt.duration;
    ground.varied.merge(learner.varied);
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
        anomalies: first.anomalies.iter().map(ToString::to_string).collect(),
        charset: is_text.then_some(detection),
        zone: ground.zone.clone(),
        body,
    })
}

fn sights<'a>(
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
        let is_coded = first.header("Content-Encoding").is_some();
        let hint = if is_coded {
            ": holes are learnt of a page that is not compressed, without the step's Accept-Encoding"
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

fn headers(
    learner: &mut Learner<'_>,
    first: &Answer,
    observations: &[&Observation],
    authority: &str,
    body: &Body,
) -> Result<Vec<(String, Template)>, String> {
    let body_varies = match body {
        Body::Text(template) => !template.holes().is_empty(),
        Body::Binary { .. } => false,
    };
    let mut headers = Vec::new();
    for (index, line) in first.headers.iter().enumerate() {
        let values: Vec<String> = observations
            .iter()
            .map(|one| value_at(&one.answer, first, index).unwrap_or_else(|| line.value_text()))
            .collect();
        let name = line.name_text();
        let sights = sights(&values, observations, authority, &[]);
        learner.in_location = line.is("location");
        let value = header(learner, &name, &sights, body_varies)
            .map_err(|what| format!("header {name}: {what}"))?;
        headers.push((name, value));
    }
    Ok(headers)
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
    let kind = answer
        .header("Content-Type")
        .map(|kind| kind.to_ascii_lowercase());
    let declared = match kind.as_deref() {
        Some(kind) => {
            kind.starts_with("text/")
                || ["xml", "json", "javascript"]
                    .iter()
                    .any(|word| kind.contains(word))
        }
        None => true,
    };
    let has_controls = answer.body.iter().any(|byte| {
        *byte == 0 || (kind.is_none() && *byte < 0x20 && !b"\t\r\n\x0c".contains(byte))
    });
    let is_coded = answer
        .header("Content-Encoding")
        .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    declared && !has_controls && !is_coded && decode_exactly(&answer.body, charset).is_ok()
}

fn steady(first: &Answer, other: &Answer) -> Result<(), String> {
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

/// Returns the value of the header that stands at `index` in `first`, by name and occurrence.
fn value_at(answer: &Answer, first: &Answer, index: usize) -> Option<String> {
    let name = &first.headers.get(index)?.name;
    let same = |line: &&crate::exchange::HeaderLine| line.name.eq_ignore_ascii_case(name);
    let occurrence = first.headers[..index].iter().filter(same).count();
    answer
        .headers
        .iter()
        .filter(same)
        .nth(occurrence)
        .map(crate::exchange::HeaderLine::value_text)
}

fn header(
    learner: &mut Learner<'_>,
    name: &str,
    sights: &[Sight<'_>],
    body_varies: bool,
) -> Result<Template, String> {
    let first = sights.first().ok_or("it has no value")?.text;
    match rule(name) {
        HeaderRule::Behind {
            words,
            most,
            reason,
        } => {
            let Some((before, rest)) = first.split_once(words) else {
                return learner.line(sights);
            };
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let mut template = Template::literal(&format!("{before}{words}"));
            template.push_hole(learner.hole(HoleKind::Free {
                most,
                reason: reason.to_owned(),
                still: false,
            }));
            template.push_text(&rest[digits..]);
            Ok(template)
        }
        HeaderRule::Length { reason } if body_varies => {
            let mut template = Template::default();
            template.push_hole(learner.hole(HoleKind::Free {
                most: first.len() + 2,
                reason: reason.to_owned(),
                still: false,
            }));
            Ok(template)
        }
        HeaderRule::Equal | HeaderRule::Length { .. } => learner.line(sights),
        HeaderRule::Etag { reason } => Ok(match first.split_once('-') {
            Some((inode, rest)) if is_apache_etag(first) => {
                let quoted = inode.trim_start_matches("W/");
                let mut template = Template::literal(&inode[..=inode.len() - quoted.len()]);
                template.push_hole(learner.hole(HoleKind::Free {
                    most: 16,
                    reason: reason.to_owned(),
                    still: false,
                }));
                template.push_text(&format!("-{rest}"));
                template
            }
            Some(_) | None => learner.line(sights)?,
        }),
        HeaderRule::Cookie => cookie(learner, sights),
    }
}

fn is_apache_etag(value: &str) -> bool {
    let parts: Vec<&str> = value
        .trim_start_matches("W/")
        .trim_matches('"')
        .split('-')
        .collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Keeps a cookie's name and attributes; its value is never kept in the clear.
fn cookie(learner: &mut Learner<'_>, sights: &[Sight<'_>]) -> Result<Template, String> {
    let mut values = Vec::new();
    let mut names = Vec::new();
    let mut rests = Vec::new();
    for sight in sights {
        let end = sight.text.find(';').unwrap_or(sight.text.len());
        let (pair, rest) = sight.text.split_at(end);
        let (name, value) = pair.split_once('=').ok_or("it is no cookie")?;
        names.push(name);
        values.push(value);
        rests.push(Sight {
            text: rest,
            ..*sight
        });
    }
    names.dedup();
    let [name] = names.as_slice() else {
        return Err("the cookie's name varies".to_owned());
    };
    let mut template = Template::literal(&format!("{name}="));
    let same = values.iter().all(|value| *value == values[0]);
    if same && (values[0].is_empty() || values[0] == "deleted") {
        template.push_text(values[0]);
    } else if same && values.len() > 1 {
        let digest = crate::snapshot::secret_digest(values[0]);
        let kind = HoleKind::Secret { digest };
        template.push_hole(learner.named(kind, "secret", &values));
    } else {
        let kind = token(&values, 1).ok_or("the cookie's value varies, and not as a token does")?;
        let hole: Hole = learner.named(kind, "session", &values);
        template.push_hole(hole);
    }
    template.push(learner.line(&rests)?);
    Ok(template)
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
