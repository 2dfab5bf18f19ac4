//! What a replay carried from one answer to later requests.

/// A value that one answer gave and later requests used; what it is, never the value itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Carried {
    /// The scenario.
    pub scenario: String,
    /// What it is: `cookie PHPSESSID`, `hidden field token`, `link parameter id`, `capture id`.
    pub what: String,
    /// The step whose answer gave it.
    pub seen_in: String,
    /// The steps whose requests used it, in their order.
    pub used_in: Vec<String>,
}
