//! How a project's scenarios are run.

use crate::{charset::Charset, input::InputError, project::Project, replay, snapshot::Zone};

/// The charset of undeclared pages where the project does not say: the one of Slovak and Czech pages of that time.
const USUAL: &str = "windows-1250";

/// Makes the options of recording and replaying from the project: the charset of undeclared pages, the old server's time zone.
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
    options.limits.keep_alive = legacy.is_some_and(|legacy| legacy.keep_alive);
    Ok(options)
}
