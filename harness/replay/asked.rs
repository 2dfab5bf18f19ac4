//! What a step asks, as a digest: a snapshot belongs to one question only.

use super::secrets::without_passwords;
use crate::{
    digest::Sha256Digest,
    exchange::{HttpVersion, Limits},
    scenario::{Part, PartContent, Sent, Step},
};

/// Returns the first line of what a step asks, as the scenario writes it, without the values of passwords; with the
/// version where that is not the usual one.
pub(super) fn first_line(step: &Step, limits: &Limits) -> String {
    let line = format!("{} {}", step.method, without_passwords(&step.target));
    match step.version.unwrap_or(limits.dialect.version) {
        HttpVersion::Http11 => line,
        version @ HttpVersion::Http10 => format!("{line} {}", version.as_str()),
    }
}

/// Returns the digest of everything that a step asks; a file counts by its content, one that can't be read as missing. That the
/// project keeps connections, or which content codings it accepts, counts as the header that it sends: answers to other requests can't be
/// compared. So does an old version of HTTP.
pub(super) fn asked(step: &Step, limits: &Limits) -> String {
    let mut parts = Parts::default();
    parts.extend([&step.method, &step.target, &step.follow.to_string()]);
    for (name, value) in &step.headers {
        parts.extend([name, value]);
    }
    let says = |wanted: &str| {
        let mut names = step.headers.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(wanted))
    };
    if limits.dialect.keep_alive && !says("connection") {
        parts.extend(["Connection", "keep-alive"]);
    }
    match &limits.dialect.accept_encoding {
        Some(accepted) if !says("accept-encoding") => parts.extend(["Accept-Encoding", accepted]),
        Some(_) | None => {}
    }
    match step.version.unwrap_or(limits.dialect.version) {
        HttpVersion::Http11 => {}
        version @ HttpVersion::Http10 => parts.push(version.as_str()),
    }
    match &step.sent {
        Sent::Nothing => {}
        Sent::Body(text) => parts.push(text),
        Sent::Form(fields) => {
            for (name, value) in fields {
                parts.extend([name, value]);
            }
        }
        Sent::Multipart(fields) => {
            for Part { name, content } in fields {
                parts.push(name);
                match content {
                    PartContent::Text(text) => parts.push(text),
                    PartContent::File {
                        path,
                        name,
                        content_type,
                    } => {
                        let content = std::fs::read(path).ok();
                        let digest = content.map(|bytes| Sha256Digest::of(&bytes).to_string());
                        parts.extend([name, content_type, &digest.unwrap_or_default()]);
                    }
                }
            }
        }
    }
    Sha256Digest::of(parts.text.as_bytes()).to_string()
}

/// What a step asks, part by part.
#[derive(Default)]
struct Parts {
    text: String,
}

impl Parts {
    /// Adds a part with its length, which keeps `a`, `bc` apart from `ab`, `c`.
    fn push(&mut self, part: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&part.len().to_string());
        self.text.push(':');
        self.text.push_str(part);
    }

    fn extend<const COUNT: usize>(&mut self, parts: [&str; COUNT]) {
        for part in parts {
            self.push(part);
        }
    }
}

/// Returns the names of the fields that a step sends.
pub(super) fn sent_names(sent: &Sent) -> Vec<String> {
    match sent {
        Sent::Nothing => Vec::new(),
        Sent::Body(_) => vec!["body".to_owned()],
        Sent::Form(fields) => fields.iter().map(|(name, _)| name.clone()).collect(),
        Sent::Multipart(parts) => parts.iter().map(|part| part.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{scenario, snapshot::store};

    /// The digest is part of the snapshots' format: another one makes every recorded snapshot a stranger.
    #[test]
    fn the_repositorys_snapshots_belong_to_what_its_scenarios_ask() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scenarios = scenario::load(&repository.join("scenarios")).unwrap();
        assert!(!scenarios.is_empty());
        for scenario in scenarios {
            for (index, step) in scenario.steps.iter().enumerate() {
                let file = store::file_name(index + 1, &step.name, 0);
                let path = repository.join("snapshots").join(&scenario.name).join(file);
                let snapshot = store::read(&path).unwrap().unwrap();
                let asked = asked(step, &Limits::default());
                assert_eq!(snapshot.asked, asked, "{}", path.display());
            }
        }
    }
}
