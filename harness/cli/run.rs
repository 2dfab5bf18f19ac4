//! `run`: all of it, the evidence in `runs/<id>/`.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, symlink},
    path::Path,
};

use migrate_verify::{
    outcome::{RunReport, Verdict},
    recipe::Lock,
    report, scenario,
    verification::{self, Verified},
};

use super::{arguments::VaryArguments, build, context::Context, failure::Failure, output};

/// Verifies the project's candidate from image to verdict.
pub(crate) async fn run(context: &Context, arguments: VaryArguments) -> Result<Verdict, Failure> {
    forget_latest(&context.project_folder()?.join("runs"))?;
    let mut plan = context.plan(context.project()?)?;
    build::vary(&mut plan, arguments);
    // What a person wrote is judged first: a mistake in it is exit code 2, and no reason to build for a minute.
    Lock::load(&plan.project)?;
    scenario::load(&plan.project.folder.join("scenarios"))?;
    if plan.project.legacy.is_some() {
        verification::replay_options(&plan.project, plan.clock.clone())?;
    }
    let verified = verification::verify(&plan).await;
    let runs = plan.project.folder.join("runs");
    let folder = runs.join(plan.workspace.id.as_str());
    save(&runs, &folder, &verified).map_err(|error| {
        Failure::inconclusive(&error).hint(format!("the evidence goes to {}", folder.display()))
    })?;
    output::report(context, &verified.report, false);
    output::message("report", &folder.join("report.html").display().to_string());
    Ok(verified.report.verdict())
}

/// Takes the name `latest` from the run before: were this one to end without a report, the other's verdict would be read as its own.
fn forget_latest(runs: &Path) -> Result<(), Failure> {
    match fs::remove_file(runs.join("latest")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::inconclusive(&error)
                .hint(format!("{} must be removed", runs.join("latest").display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn save(runs: &Path, folder: &Path, verified: &Verified) -> std::io::Result<()> {
    fs::create_dir_all(runs)?;
    // Logs and differences quote what is said of pupils.
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    save_reports(folder, &verified.report)?;
    fs::write(
        folder.join("build.log"),
        verified.build_log.join("\n") + "\n",
    )?;
    fs::write(
        folder.join("guest.log"),
        verified.guest_log.join("\n") + "\n",
    )?;
    let (latest, name) = (runs.join("latest"), folder.file_name().unwrap_or_default());
    let fresh = runs.join(".latest");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    symlink(name, &fresh)?;
    fs::rename(&fresh, &latest)
}

/// Writes every format of a report into a folder.
pub(super) fn save_reports(folder: &Path, run_report: &RunReport) -> std::io::Result<()> {
    fs::write(folder.join("report.json"), report::json::render(run_report))?;
    fs::write(folder.join("report.html"), report::html::render(run_report))?;
    fs::write(folder.join("junit.xml"), report::junit::render(run_report))
}
