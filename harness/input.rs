//! Files that a person wrote: read with a limit, and refused with file, line, column and a hint.
//!
//! Every TOML file of a project comes through [`read_toml`], so that a mistake in any of them looks the same.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// No file that a person writes is larger; a larger one is a mistake or an attack.
const LARGEST: u64 = 4 << 20;

/// A file of the project that can't be used, with the place and, where there is one, the way out.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", path.display(), place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
pub struct InputError {
    /// The file.
    pub path: PathBuf,
    /// Line and column, both from 1, where the mistake has a place.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The system's error, where the file could not be read.
    #[source]
    pub source: Option<io::Error>,
}

impl InputError {
    /// Makes an error about a whole file.
    pub fn new(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            place: None,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds line and column of a byte offset in `text`.
    #[must_use]
    pub fn at(mut self, text: &str, offset: usize) -> Self {
        self.place = Some(line_and_column(text, offset));
        self
    }
}

/// Reads a TOML file into `T`; returns the text too, for errors that are found later.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<(T, String), InputError> {
    let text = read_text(path)?;
    match toml::from_str(&text) {
        Ok(value) => Ok((value, text)),
        Err(error) => {
            let mut input_error = InputError::new(path, error.message().trim_end());
            if let Some(span) = error.span() {
                input_error = input_error.at(&text, span.start);
            }
            Err(input_error)
        }
    }
}

/// Reads a UTF-8 text file of bounded size.
pub fn read_text(path: &Path) -> Result<String, InputError> {
    let unreadable = |source: io::Error| InputError {
        source: Some(source),
        ..InputError::new(path, "can't be read")
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(InputError::new(
            path,
            format!("is {size} bytes long, more than the {LARGEST} allowed"),
        ));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..offset]
            .split(|&byte| byte == b'\n')
            .count();
        InputError {
            place: Some((line, 1)),
            ..InputError::new(path, "is not UTF-8 text")
        }
        .hint("project files are written in UTF-8; the charset of the pages is `legacy.charset`")
    })
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only parsing is tested")]
        number: u8,
    }

    fn error_for(content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("example.toml");
        fs::write(&path, content).unwrap();
        let error = read_toml::<Example>(&path).unwrap_err();
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn a_mistake_is_named_with_file_line_and_column() {
        insta::assert_snapshot!(error_for(b"# one\nnumber = \"x\"\n"), @r#"/example.toml:2:10: invalid type: string "x", expected u8"#);
        insta::assert_snapshot!(error_for(b"number = 1\nnmber = 2\n"), @"/example.toml:2:1: unknown field `nmber`, expected `number`");
    }

    #[test]
    fn text_in_another_charset_is_refused_at_its_line() {
        insta::assert_snapshot!(error_for(b"number = 1\n# u\xe8ite\xbe\n"), @"/example.toml:2:1: is not UTF-8 text");
    }
}
