//! What a scenario sends that is nobody's business: the values of password fields.

use crate::scenario::{PartContent, Scenario, Sent};

/// A shorter value stands in pages by chance.
pub(super) const SHORTEST: usize = 6;

/// Parts of the names that password fields have.
const NAMES: [&str; 7] = [
    "pass", "heslo", "pwd", "passwd", "password", "secret", "kennwort",
];

/// Returns the values of a scenario's password fields, the longest first.
pub(super) fn passwords(scenario: &Scenario) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for step in &scenario.steps {
        let mut add = |name: &str, value: &str| {
            if is_password(name) && value.len() >= SHORTEST && !value.contains("${") {
                found.push(value.to_owned());
            }
        };
        match &step.sent {
            Sent::Form(fields) => fields.iter().for_each(|(name, value)| add(name, value)),
            Sent::Multipart(parts) => {
                for part in parts {
                    if let PartContent::Text(value) = &part.content {
                        add(&part.name, value);
                    }
                }
            }
            Sent::Nothing | Sent::Body(_) => {}
        }
    }
    found.sort_by_key(|value| std::cmp::Reverse(value.len()));
    found.dedup();
    found
}

/// Tells by its name whether a field holds a password.
fn is_password(name: &str) -> bool {
    let name = name.to_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}
