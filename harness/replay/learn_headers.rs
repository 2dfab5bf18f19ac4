//! The header lines of a snapshot, learnt from several rounds and by the rules of their names.

use std::borrow::Cow;

use super::{
    evidence::{Learner, Sight},
    header_rule::{HeaderRule, rule},
    kind::token,
    learn::sights,
    run::Observation,
};
use crate::{
    exchange::{Answer, HeaderLine},
    snapshot::{Hole, HoleKind, Template, secret_digest},
};

/// Learns all header lines; `length_varies` tells whether the length of the body follows from what varies.
pub(super) fn headers(
    learner: &mut Learner<'_>,
    observations: &[&Observation],
    authority: &str,
    length_varies: bool,
) -> Result<Vec<(String, Template)>, String> {
    let mut headers = Vec::new();
    let Some(Observation { answer: first, .. }) = observations.first() else {
        return Ok(headers);
    };
    for (index, line) in first.headers.iter().enumerate() {
        let values: Vec<String> = observations
            .iter()
            .map(|one| {
                value_at(&one.answer, first, index)
                    .unwrap_or_else(|| line.value_text())
                    .into_owned()
            })
            .collect();
        let name = line.name_text().into_owned();
        let sights = sights(&values, observations, authority, &[]);
        learner.in_location = line.is("location");
        let value = header(learner, &name, &sights, length_varies)
            .map_err(|what| format!("header {name}: {what}"))?;
        headers.push((name, value));
    }
    Ok(headers)
}

/// Returns the value of the header that stands at `index` in `first`, by name and occurrence.
fn value_at<'a>(answer: &'a Answer, first: &Answer, index: usize) -> Option<Cow<'a, str>> {
    let name = &first.headers.get(index)?.name;
    let same = |line: &&HeaderLine| line.name.eq_ignore_ascii_case(name);
    let occurrence = first.headers[..index].iter().filter(same).count();
    answer
        .headers
        .iter()
        .filter(same)
        .nth(occurrence)
        .map(HeaderLine::value_text)
}

fn header(
    learner: &mut Learner<'_>,
    name: &str,
    sights: &[Sight<'_>],
    length_varies: bool,
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
                stray: false,
            }));
            template.push_text(&rest[digits..]);
            Ok(template)
        }
        HeaderRule::Length { reason } if length_varies => {
            let mut template = Template::default();
            template.push_hole(learner.hole(HoleKind::Free {
                most: first.len() + 2,
                reason: reason.to_owned(),
                still: false,
                stray: false,
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
                    stray: false,
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
    // mod_deflate puts its mark before or behind the last quote.
    let value = value.trim_start_matches("W/").trim_end_matches("-gzip");
    let parts: Vec<&str> = value
        .trim_matches('"')
        .trim_end_matches("-gzip")
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
        let digest = secret_digest(values[0]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inode_is_known_in_the_tags_of_compressed_files_too() {
        for (value, expected) in [
            ("\"12ab-140-4c6e8a12\"", true),
            ("W/\"12ab-140-4c6e8a12\"", true),
            ("\"12ab-140-4c6e8a12-gzip\"", true),
            ("\"12ab-140-4c6e8a12\"-gzip", true),
            ("\"140-4c6e8a12-gzip\"", false),
            ("\"draft-of-page\"", false),
        ] {
            assert_eq!(is_apache_etag(value), expected, "{value}");
        }
    }
}
