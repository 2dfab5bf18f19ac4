//! A unit file as systemd reads it (systemd.syntax(7)): sections, keys, lines that go on after a backslash.

/// The settings of a file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitText {
    settings: Vec<(String, String)>,
}

impl UnitText {
    /// Reads a file; lines that are no setting are passed over, as systemd does.
    pub(super) fn parse(text: &str) -> Self {
        let mut settings = Vec::new();
        let mut joined = String::new();
        for line in text.lines() {
            let line = line.trim();
            // A comment may stand between the parts of a setting.
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(part) = line.strip_suffix('\\') {
                joined.push_str(part);
                joined.push(' ');
                continue;
            }
            joined.push_str(line);
            if let Some((key, value)) = joined.split_once('=')
                && !joined.starts_with('[')
            {
                settings.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            joined.clear();
        }
        Self { settings }
    }

    /// Returns the values of a key, in order; an empty one takes back those before it.
    pub(super) fn values(&self, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for (_, value) in self.settings.iter().filter(|(name, _)| name == key) {
            if value.is_empty() {
                values.clear();
            } else {
                values.push(value.as_str());
            }
        }
        values
    }

    /// Returns the last value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.values(key).last().copied()
    }
}

/// Splits a command line into words (systemd.service(5), "Command lines"): blanks separate, quotes hold together.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_systemd_reads_them() {
        let text = "[Service]\nExecStart=/bin/a \\\n  # why\n  --b \\\n  'c d'\nEnvironment=A=1\nEnvironment=\nEnvironment=\"B=2 3\"\n; no\n";
        let unit = UnitText::parse(text);
        assert_eq!(
            words(unit.value("ExecStart").unwrap()),
            ["/bin/a", "--b", "c d"]
        );
        assert_eq!(unit.values("Environment"), ["\"B=2 3\""]);
        assert_eq!(unit.value("Type"), None);
    }
}
