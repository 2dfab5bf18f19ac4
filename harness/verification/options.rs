//! How a project's scenarios are run.

use crate::{
    charset::Charset,
    exchange::{Dialect, HttpVersion},
    input::InputError,
    project::Project,
    replay,
    snapshot::Zone,
};

/// The charset of undeclared pages where the project does not say: the one of Slovak and Czech pages of that time.
const USUAL: &str = "windows-1250";

/// Makes the options of recording and replaying from the project: the charset of undeclared pages, the old server's time zone, how
/// it is asked.
pub fn replay_options(
    project: &Project,
    clock: replay::Clock,
) -> Result<replay::Options, InputError> {
    let legacy = project.legacy.as_ref();
    let label = legacy.map_or(USUAL, |legacy| legacy.charset.as_str());
    let charset = Charset::for_label(label).ok_or_else(|| {
        InputError::new(
            project.config_path(),
            format!("legacy.charset: `{label}` is no charset of pages"),
        )
        .hint("write a label of the WHATWG Encoding standard, as windows-1250 or iso-8859-2")
    })?;
    let zone = legacy
        .and_then(|legacy| legacy.timezone.as_ref())
        .map(|name| {
            Zone::parse(name).map_err(|_unknown| {
                InputError::new(
                    project.config_path(),
                    format!("legacy.timezone: `{name}` is no time zone"),
                )
                .hint("write a name of the tz database, as Europe/Bratislava")
            })
        });
    let mut options = replay::Options::new(charset, zone.transpose()?, clock);
    options.limits.dialect = Dialect {
        version: version(project)?,
        keep_alive: legacy.is_some_and(|legacy| legacy.keep_alive),
        accept_encoding: accept_encoding(project)?,
    };
    Ok(options)
}

/// Returns what servers are told of content codings.
fn accept_encoding(project: &Project) -> Result<Option<String>, InputError> {
    let named = project.legacy.as_ref();
    let Some(text) = named.and_then(|legacy| legacy.accept_encoding.as_ref()) else {
        return Ok(None);
    };
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.trim() != text || text.is_empty() || !text.bytes().all(is_printable) {
        let message = format!("legacy.accept_encoding: {text:?} is no list of content codings");
        let error = InputError::new(project.config_path(), message);
        return Err(error.hint("write \"gzip, deflate\", as the users' browsers do"));
    }
    Ok(Some(text.clone()))
}

/// Returns the version of HTTP in which servers are asked.
fn version(project: &Project) -> Result<HttpVersion, InputError> {
    let named = project.legacy.as_ref();
    let Some(text) = named.and_then(|legacy| legacy.http_version.as_deref()) else {
        return Ok(HttpVersion::default());
    };
    HttpVersion::parse(text).ok_or_else(|| {
        InputError::new(
            project.config_path(),
            format!("legacy.http_version: `{text}` is not spoken"),
        )
        .hint("write \"1.0\" or \"1.1\"")
    })
}
