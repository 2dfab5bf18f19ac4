//! What is to be started, as data.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
    time::Duration,
};

/// One call of an external program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The program's name, looked up in the toolbox.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables beside the fixed environment.
    pub environment: Vec<(String, String)>,
    /// What stands on its standard input; nothing by default.
    pub stdin: Option<PathBuf>,
    /// After this time it is killed.
    pub limit: Duration,
}

impl ToolCall {
    /// Makes a call without arguments and with a limit of one minute.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            stdin: None,
            limit: Duration::from_secs(60),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Reads standard input from a file.
    #[must_use]
    pub fn stdin(mut self, path: impl Into<PathBuf>) -> Self {
        self.stdin = Some(path.into());
        self
    }

    /// Sets the time after which it is killed.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

impl fmt::Display for ToolCall {
    /// Writes the call as a shell would read it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(formatter, "{name}={value} ")?;
        }
        formatter.write_str(&self.program)?;
        for argument in &self.arguments {
            let text = argument.display().to_string();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
            if !text.is_empty() && text.chars().all(plain) {
                write!(formatter, " {text}")?;
            } else {
                write!(formatter, " '{}'", text.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}
