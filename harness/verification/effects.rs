//! What scenarios do beside answering: looked at in the guest, and compared with what they did on the old server.

use std::{fs, path::Path};

use super::{options::replay_options, part::Part, plan::Plan};
use crate::{
    effect::{self, Files, MAIL_FOLDER, SENDMAIL, SENDMAIL_PATH, Watch},
    machine::Machine,
    outcome::{Case, StageName},
    project::{Effects, Project},
    replay,
    scenario::Scenario,
    snapshot::Zone,
};

/// Puts the `sendmail` that records into the layer that is thrown away, instead of whatever is there.
const INSTALL: &str = "\
mkdir -p \"$2\" && chmod 1777 \"$2\" && rm -f \"$1\" && cat > \"$1\" && chmod 755 \"$1\"";

/// Says what the project does not look at, for the report.
pub fn not_compared(effects: &Effects) -> Vec<String> {
    let mut lines = Vec::new();
    if effects.files.is_empty() {
        lines.push(
            "side effects: files that the scenarios with `mutates = true` write (effects.files)"
                .to_owned(),
        );
    } else {
        lines.push(format!(
            "side effects: files outside of {}; times of files",
            effects.files.join(", ")
        ));
    }
    if !effects.except.is_empty() {
        lines.push(format!(
            "side effects: {} paths in these trees that effects.except names: {}",
            effects.except.len(),
            effects.except.join(", ")
        ));
    }
    lines.push(if effects.mail {
        format!("side effects: mail that is not given to {SENDMAIL_PATH}")
    } else {
        "side effects: mail that the scenarios with `mutates = true` send (effects.mail)".to_owned()
    });
    lines
}

/// Says what goes with a stage that the project does without.
pub(super) fn left_out_with(stage: StageName) -> String {
    format!(
        "side effects of scenarios (rows, files, mail): run.without names `{stage}`, and nobody looked at them"
    )
}

/// Returns which files the project looks at on a server whose root folder is `root`; `None` where it looks at none.
pub fn effect_files(project: &Project, root: &Path, options: &replay::Options) -> Option<Files> {
    let effects = &project.effects;
    effects.needs_root().then(|| Files {
        root: root.to_owned(),
        trees: effects.files.clone(),
        except: effects.except.clone(),
        mail: effects.mail,
        charset: options.charset,
    })
}

/// Returns which files of the guest are looked at, mail made visible.
pub(super) async fn files(
    plan: &Plan,
    machine: &Machine,
    part: &Part,
) -> Result<Option<Files>, Case> {
    let id = || part.id("database", "effects");
    let root = format!("/proc/{}/root", machine.leader);
    let options = replay_options(&plan.project, plan.clock.clone())
        .map_err(|error| Case::broken(id(), &error))?;
    let files = effect_files(&plan.project, root.as_ref(), &options);
    if files.as_ref().is_some_and(|files| files.mail) {
        let script = plan.workspace.path("sendmail.sh");
        fs::write(&script, SENDMAIL).map_err(|error| Case::broken(id(), &error))?;
        let call = machine
            .command(&["sh", "-c", INSTALL, "sh", SENDMAIL_PATH, MAIL_FOLDER])
            .stdin(&script);
        let installed = machine.run(&call).await;
        installed.map_err(|error| Case::broken(id(), &error))?;
    }
    Ok(files)
}

/// Compares what a watch has seen with what was recorded.
pub fn effect_cases(
    project: &Project,
    scenarios: &[Scenario],
    watch: &Watch,
    options: &replay::Options,
) -> Vec<Case> {
    let zone = options.zone.clone().unwrap_or_else(Zone::utc);
    let tolerance = i64::try_from(options.tolerance.as_secs()).unwrap_or(i64::MAX);
    let snapshots = project.folder.join("snapshots");
    effect::compare(scenarios, &snapshots, &watch.observed(), &zone, tolerance)
}
