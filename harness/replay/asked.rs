//! What a step asks, as a digest: a snapshot belongs to one question only.

use crate::{
    digest::Sha256Digest,
    scenario::{Part, PartContent, Sent, Step},
};

/// Returns the digest of everything that a step asks; a file counts by its content, one that can't be read as missing.
pub(super) fn asked(step: &Step) -> String {
    let mut parts: Vec<String> = vec![
        step.method.clone(),
        step.target.clone(),
        step.follow.to_string(),
    ];
    for (name, value) in &step.headers {
        parts.extend([name.clone(), value.clone()]);
    }
    match &step.sent {
        Sent::Nothing => {}
        Sent::Body(text) => parts.push(text.clone()),
        Sent::Form(fields) => {
            for (name, value) in fields {
                parts.extend([name.clone(), value.clone()]);
            }
        }
        Sent::Multipart(fields) => {
            for Part { name, content } in fields {
                parts.push(name.clone());
                match content {
                    PartContent::Text(text) => parts.push(text.clone()),
                    PartContent::File {
                        path,
                        name,
                        content_type,
                    } => {
                        let content = std::fs::read(path).ok();
                        let digest = content.map(|bytes| Sha256Digest::of(&bytes).to_string());
                        parts.extend([
                            name.clone(),
                            content_type.clone(),
                            digest.unwrap_or_default(),
                        ]);
                    }
                }
            }
        }
    }
    // Lengths keep `a`, `bc` apart from `ab`, `c`.
    let parts: Vec<String> = parts
        .iter()
        .map(|part| format!("{}:{part}", part.len()))
        .collect();
    let text = parts.join("\n");
    Sha256Digest::of(text.as_bytes()).to_string()
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
                assert_eq!(snapshot.asked, asked(step), "{}", path.display());
            }
        }
    }
}
