//! From files to scenarios.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::{
    file::{CaptureTable, FileTable, HoleTable, ScenarioFile, StateWord, StepTable},
    model::{Capture, Extract, HandWrittenHole, Part, PartContent, Scenario, Sent, State, Step},
};
use crate::{
    exchange::HttpVersion,
    input::{InputError, read_toml},
};

/// A compiled expression is not larger: scenarios are shared, and an expression can be a bomb.
const EXPRESSION_SIZE: usize = 1 << 20;

/// Reads every `*.toml` of `folder`, in the order of the names. What looks like a scenario and would not be read is refused.
pub fn load(folder: &Path) -> Result<Vec<Scenario>, InputError> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in paths_in(folder)? {
        // Not through links, which may lead round in a circle.
        if path.is_dir() && !path.is_symlink() {
            refuse_scenarios_in(&path, folder)?;
        } else if is_scenario(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    let read: Vec<Result<Scenario, InputError>> =
        paths.par_iter().map(|path| scenario(path)).collect();
    read.into_iter().collect()
}

fn paths_in(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let unreadable = |source| InputError {
        source: Some(source),
        ..InputError::new(folder, "can't be read")
    };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(unreadable)
}

/// Tells whether a person would take a file for a scenario: `.TOML` is one too, with a name that is refused.
fn is_scenario(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// Refuses scenarios in folders, which hold the files that scenarios send: nobody would miss them in a report.
fn refuse_scenarios_in(folder: &Path, scenarios: &Path) -> Result<(), InputError> {
    for path in paths_in(folder)? {
        if path.is_dir() && !path.is_symlink() {
            refuse_scenarios_in(&path, scenarios)?;
        } else if is_scenario(&path) {
            return Err(
                InputError::new(path, "is in a folder, where no scenario is read")
                    .hint(format!("move it to {}", scenarios.display())),
            );
        }
    }
    Ok(())
}

/// The file at hand, for errors with a place.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn wrong<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> InputError {
        InputError::new(self.path, message).at(self.text, at.span().start)
    }
}

fn scenario(path: &Path) -> Result<Scenario, InputError> {
    let (file, text): (ScenarioFile, String) = read_toml(path)?;
    let source = Source { path, text: &text };
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Err(
            InputError::new(path, "does not end with `.toml`").hint("small letters, please")
        );
    }
    let name = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    if !is_safe_name(name) {
        return Err(
            InputError::new(path, "has a name that can't name a folder of snapshots")
                .hint(NAME_HINT),
        );
    }
    if name == "database" {
        return Err(
            InputError::new(path, "has the name under which the database is recorded")
                .hint("rename the scenario"),
        );
    }
    if file.step.is_empty() {
        return Err(InputError::new(path, "has no [[step]]"));
    }
    if file.title.get_ref().chars().any(char::is_control) {
        return Err(source.wrong(&file.title, "the title holds a control character"));
    }
    let mut names = BTreeSet::new();
    let mut steps = Vec::new();
    for table in file.step {
        let table = table.into_inner();
        if !names.insert(table.name.get_ref().clone()) {
            return Err(source.wrong(&table.name, "a step of this name exists already"));
        }
        steps.push(step(&source, table)?);
    }
    let state = state(&source, name, file.state, file.group)?;
    Ok(Scenario {
        name: name.to_owned(),
        title: file.title.into_inner(),
        mutates: file.mutates,
        state,
        steps,
    })
}

fn state(
    source: &Source<'_>,
    name: &str,
    state: Option<StateWord>,
    group: Option<Spanned<String>>,
) -> Result<State, InputError> {
    match (state, group) {
        (Some(StateWord::Fresh), Some(group)) if !is_safe_name(group.get_ref()) => Err(source
            .wrong(&group, "this can't name a group")
            .hint(NAME_HINT)),
        (Some(StateWord::Fresh), group) => Ok(State::Fresh {
            group: group.map_or_else(|| name.to_owned(), Spanned::into_inner),
        }),
        (Some(StateWord::Shared) | None, Some(group)) => Err(source
            .wrong(&group, "a group is of scenarios that share one fresh state")
            .hint("write `state = \"fresh\"` beside it")),
        (Some(StateWord::Shared) | None, None) => Ok(State::Shared),
    }
}

/// What a name may be.
const NAME_HINT: &str =
    "use small letters, digits, `-` and `_`, at most 60, beginning with a letter or digit";

fn is_safe_name(name: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    !name.is_empty()
        && name.len() <= 60
        && name.bytes().all(allowed)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn step(source: &Source<'_>, table: StepTable) -> Result<Step, InputError> {
    if !is_safe_name(table.name.get_ref()) {
        return Err(source
            .wrong(&table.name, "this can't name a snapshot")
            .hint(NAME_HINT));
    }
    let (method, target, version) = request_line(source, &table.request)?;
    let mut headers = Vec::new();
    for (name, value) in table.headers {
        let text = name.get_ref();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_token) || value.chars().any(char::is_control) {
            return Err(source.wrong(&name, "this is no header"));
        }
        if ["content-length", "transfer-encoding"].contains(&text.to_ascii_lowercase().as_str()) {
            return Err(source.wrong(&name, "this header follows from the body and can't be set"));
        }
        headers.push((name.into_inner(), value));
    }
    let sent = sent(source, table.form, table.body, table.multipart)?;
    if matches!(method.as_str(), "GET" | "HEAD")
        && matches!(sent, Sent::Body(_) | Sent::Multipart(_))
    {
        return Err(source.wrong(&table.request, format!("{method} has no body")));
    }
    let captures = table
        .capture
        .into_iter()
        .map(|(name, table)| capture(source, name, &table))
        .collect::<Result<_, _>>()?;
    let holes = table
        .holes
        .iter()
        .map(|table| hole(source, table))
        .collect::<Result<_, _>>()?;
    Ok(Step {
        name: table.name.into_inner(),
        method,
        version,
        target,
        headers,
        sent,
        captures,
        follow: table.follow,
        holes,
    })
}

fn request_line(
    source: &Source<'_>,
    request: &Spanned<String>,
) -> Result<(String, String, Option<HttpVersion>), InputError> {
    let text = request.get_ref();
    let wrong = |message: &str| {
        source
            .wrong(request, message)
            .hint("write `request = \"GET /path?query\"`")
    };
    let (text, version) = match text.rsplit_once(" HTTP/") {
        None => (text.as_str(), None),
        Some((text, version)) => {
            let version = HttpVersion::parse(version)
                .ok_or_else(|| wrong("the version is HTTP/1.0 or HTTP/1.1"))?;
            (text, Some(version))
        }
    };
    let (method, target) = text
        .split_once(' ')
        .ok_or_else(|| wrong("a request is a method and a path"))?;
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong("the method is written in capital letters"));
    }
    if !target.starts_with('/') && !target.starts_with("${") {
        return Err(wrong("the path begins with `/`"));
    }
    if target.chars().any(char::is_control) {
        return Err(wrong("the path holds a control character"));
    }
    Ok((method.to_owned(), target.to_owned(), version))
}

fn sent(
    source: &Source<'_>,
    form: Option<Spanned<toml::Table>>,
    body: Option<Spanned<String>>,
    multipart: Option<Spanned<toml::Table>>,
) -> Result<Sent, InputError> {
    match (form, body, multipart) {
        (None, None, None) => Ok(Sent::Nothing),
        (Some(form), None, None) => fields(source, &form).map(Sent::Form),
        (None, Some(body), None) => Ok(Sent::Body(body.into_inner())),
        (None, None, Some(multipart)) => parts(source, &multipart).map(Sent::Multipart),
        (Some(form), _, _) => Err(source.wrong(&form, ONE_BODY)),
        (None, Some(body), Some(_)) => Err(source.wrong(&body, ONE_BODY)),
    }
}

/// Why a step with two bodies is refused.
const ONE_BODY: &str = "a step has one of `form`, `body` and `multipart`";

fn fields(
    source: &Source<'_>,
    form: &Spanned<toml::Table>,
) -> Result<Vec<(String, String)>, InputError> {
    let mut fields = Vec::new();
    for (name, value) in form.get_ref() {
        let values = match value {
            toml::Value::Array(values) => values.as_slice(),
            single @ (toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_)
            | toml::Value::Table(_)) => std::slice::from_ref(single),
        };
        for value in values {
            let text = scalar(value).ok_or_else(|| {
                source.wrong(
                    form,
                    format!("the field `{name}` is neither text nor a list of texts"),
                )
            })?;
            fields.push((name.clone(), text));
        }
    }
    Ok(fields)
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(_)
        | toml::Value::Float(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => None,
    }
}

fn parts(source: &Source<'_>, table: &Spanned<toml::Table>) -> Result<Vec<Part>, InputError> {
    let mut parts = Vec::new();
    for (name, value) in table.get_ref() {
        let content = if let Some(text) = scalar(value) {
            PartContent::Text(text)
        } else {
            let file = FileTable::deserialize(value.clone()).map_err(|error| {
                source.wrong(table, format!("the part `{name}`: {}", error.message()))
            })?;
            file_part(source, table, file)?
        };
        parts.push(Part {
            name: name.clone(),
            content,
        });
    }
    Ok(parts)
}

fn file_part(
    source: &Source<'_>,
    at: &Spanned<toml::Table>,
    file: FileTable,
) -> Result<PartContent, InputError> {
    let folder = source.path.parent().unwrap_or_else(|| Path::new("."));
    let path = folder.join(&file.file);
    if !path.is_file() {
        return Err(source.wrong(
            at,
            format!("there is no file `{}` below scenarios/", file.file),
        ));
    }
    let base = Path::new(&file.file)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("file")
        .to_owned();
    Ok(PartContent::File {
        path,
        name: file.name.unwrap_or(base),
        content_type: file
            .content_type
            .unwrap_or_else(|| "application/octet-stream".to_owned()),
    })
}

fn expression<T>(source: &Source<'_>, at: &Spanned<T>, text: &str) -> Result<Regex, InputError> {
    RegexBuilder::new(text)
        .size_limit(EXPRESSION_SIZE)
        .build()
        .map_err(|error| source.wrong(at, format!("`{text}` is no regular expression: {error}")))
}

fn capture(
    source: &Source<'_>,
    name: String,
    table: &Spanned<CaptureTable>,
) -> Result<Capture, InputError> {
    let CaptureTable { regex, header } = table.get_ref();
    let regex = regex
        .as_deref()
        .map(|text| expression(source, table, text))
        .transpose()?;
    let from = match (header, regex) {
        (Some(header), regex) => Extract::Header(header.clone(), regex),
        (None, Some(regex)) => Extract::Body(regex),
        (None, None) => {
            return Err(source
                .wrong(table, format!("`{name}` says nowhere to look"))
                .hint("write `{ regex = \"…\" }` or `{ header = \"…\" }`"));
        }
    };
    Ok(Capture { name, from })
}

fn hole(source: &Source<'_>, table: &Spanned<HoleTable>) -> Result<HandWrittenHole, InputError> {
    let HoleTable { regex, reason } = table.get_ref();
    if reason.trim().is_empty() {
        return Err(source.wrong(table, "a hole needs a reason"));
    }
    let pattern = expression(source, table, regex)?;
    if pattern.is_match("") {
        return Err(source.wrong(
            table,
            "the hole's expression matches nothing at all, and so everywhere",
        ));
    }
    Ok(HandWrittenHole {
        pattern,
        reason: reason.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(content: &str) -> Result<Vec<Scenario>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("login.toml"), content).unwrap();
        fs::write(folder.path().join("photo.png"), b"x").unwrap();
        load(folder.path()).map_err(|error| {
            error
                .to_string()
                .replace(&folder.path().display().to_string(), "")
        })
    }

    #[test]
    fn a_scenario_is_read_with_everything_it_can_hold() {
        let scenarios = loaded(
            r#"title = "A teacher logs in"
mutates = true
[[step]]
name = "login"
request = "POST /login.php?š=${id}"
headers = { X-A = "b" }
form = { meno = "učiteľ", trieda = ["1", "2"], id = 7 }
capture = { id = { regex = 'id=(\d+)' }, place = { header = "Location" } }
follow = true
[[step]]
name = "upload"
request = "POST /upload.php HTTP/1.0"
multipart = { nazov = "ž", foto = { file = "photo.png", type = "image/png" } }
holes = [{ regex = 'vtip: (.*)', reason = "joke of the day" }]
"#,
        )
        .unwrap();
        let step = &scenarios[0].steps[0];
        assert_eq!(
            (step.method.as_str(), step.target.as_str()),
            ("POST", "/login.php?š=${id}")
        );
        assert!(matches!(&step.sent, Sent::Form(fields) if fields.len() == 4));
        assert_eq!(step.captures.len(), 2);
        assert_eq!(step.version, None);
        let step = &scenarios[0].steps[1];
        assert!(matches!(&step.sent, Sent::Multipart(parts) if parts.len() == 2));
        assert_eq!(
            (step.target.as_str(), step.version),
            ("/upload.php", Some(HttpVersion::Http10))
        );
    }

    #[test]
    fn what_looks_like_a_scenario_and_would_not_be_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let page = "title = \"x\"\n[[step]]\nname = \"a\"\nrequest = \"GET /\"\n";
            fs::write(path, page).unwrap();
        };
        write("home.toml");
        write("files/deep/schedule.txt");
        assert_eq!(load(folder.path()).unwrap().len(), 1);
        for (path, told) in [
            ("files/deep/login.toml", "is in a folder"),
            ("admin/Login.TOML", "is in a folder"),
            ("Login.TOML", "does not end with `.toml`"),
        ] {
            write(path);
            let refused = load(folder.path()).unwrap_err().to_string();
            let expected = format!("{path}: {told}");
            assert!(refused.contains(&expected), "{refused}");
            fs::remove_file(folder.path().join(path)).unwrap();
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let step = |line: &str| format!("title = \"x\"\n[[step]]\nname = \"a\"\n{line}\n");
        let table = [
            ("title = \"x\"\n".to_owned(), "/login.toml: has no [[step]]"),
            (
                step("request = \"GET\""),
                "/login.toml:4:11: a request is a method and a path",
            ),
            (
                step("request = \"GET x\""),
                "/login.toml:4:11: the path begins with `/`",
            ),
            (
                step("request = \"GET / HTTP/2\""),
                "/login.toml:4:11: the version is HTTP/1.0 or HTTP/1.1",
            ),
            (
                step("request = \"GET /\"\nbody = \"x\""),
                "/login.toml:4:11: GET has no body",
            ),
            (
                step("request = \"GET /\"\nfrm = {}"),
                "/login.toml:5:1: unknown field `frm`",
            ),
            (
                step("request = \"POST /\"\nform = {}\nbody = \"x\""),
                "/login.toml:5:8: a step has one of",
            ),
            (
                step("request = \"POST /\"\nform = { a = 1.5 }"),
                "/login.toml:5:8: the field `a` is neither",
            ),
            (
                step("request = \"POST /\"\nmultipart = { a = { file = \"no\" } }"),
                "/login.toml:5:13: there is no file `no`",
            ),
            (
                step("request = \"GET /\"\ncapture = { a = {} }"),
                "/login.toml:5:17: `a` says nowhere",
            ),
            (
                step("request = \"GET /\"\ncapture = { a = { regex = '(' } }"),
                "/login.toml:5:17: `(` is no regular",
            ),
            (
                step("request = \"GET /\"\nholes = [{ regex = 'x*', reason = 'y' }]"),
                "/login.toml:5:10: the hole's",
            ),
            (
                "title = \"x\"\n[[step]]\nname = \"../a\"\nrequest = \"GET /\"\n".to_owned(),
                "/login.toml:3:8: this can't name",
            ),
        ];
        for (content, expected) in table {
            let error = loaded(&content).unwrap_err();
            assert!(error.starts_with(expected), "{expected}\n{error}");
        }
    }
}
