//! `doctor`: what host and project lack, each finding with its fix.

use std::{path::Path, time::Instant};

use migrate_verify::{
    outcome::{Case, RunReport, Stage, StageName, Verdict},
    preflight::{self, Guest, Host},
    project::Project,
    rootfs::TreeRoot,
};

use super::{
    arguments::DoctorArguments, clock, context::Context, failure::Failure, output,
    units::unit_cases,
};

/// Checks the host, and the project where there is one.
pub(crate) async fn doctor(
    context: &Context,
    arguments: &DoctorArguments,
) -> Result<Verdict, Failure> {
    let started = Instant::now();
    if let Some(unit) = &arguments.unit {
        let cases = unit_cases(unit)?;
        return Ok(print(context, unit.display().to_string(), started, cases));
    }
    let in_project = context.global.project.is_some() || Context::is_in_project();
    let project = in_project.then(|| context.project()).transpose()?;
    let guest = arguments.rootfs.as_deref().map(read_guest).transpose()?;
    let mut cases = checks(context, arguments, project.as_ref(), guest.as_ref()).await?;
    cases.extend(project.iter().flat_map(preflight::project));
    let subject = project.map_or_else(
        || "this host".to_owned(),
        |project| project.folder.display().to_string(),
    );
    Ok(print(context, subject, started, cases))
}

fn print(context: &Context, subject: String, started: Instant, cases: Vec<Case>) -> Verdict {
    let report = RunReport {
        id: None,
        subject,
        started_at: clock::rfc3339(clock::now()),
        stages: vec![Stage {
            name: StageName::Preflight,
            took: started.elapsed(),
            cases,
        }],
        accepted: Vec::new(),
        not_compared: Vec::new(),
        carried: Vec::new(),
        timed: Vec::new(),
        syslog: Vec::new(),
    };
    output::report(context, &report, true);
    report.verdict()
}

fn read_guest(tree: &Path) -> Result<Guest, Failure> {
    let root = TreeRoot::open(tree).map_err(|error| Failure::input(&error))?;
    Ok(Guest::read(&root)?)
}

async fn checks(
    context: &Context,
    arguments: &DoctorArguments,
    project: Option<&Project>,
    guest: Option<&Guest>,
) -> Result<Vec<Case>, Failure> {
    // Only root has a folder where trees are; the probes say themselves that they need root.
    let workspace = if rustix::process::geteuid().is_root() {
        Some(context.workspace()?)
    } else {
        None
    };
    let (folder, seed, toolbox) = match &workspace {
        None => (Context::state_folder(), "none", context.toolbox.clone()),
        Some(workspace) => {
            let id = &workspace.id;
            (
                workspace.folder.as_path(),
                id.suffix(),
                context.toolbox.marked(id.as_str()),
            )
        }
    };
    let host = Host {
        folder,
        seed,
        machine: project.map(|project| project.container.machine.as_str()),
        tree: arguments.rootfs.as_deref(),
    };
    let mut cases = preflight::host(&host, &toolbox).await;
    cases.push(preflight::variations(&toolbox));
    cases.extend(preflight::for_guest("preflight", guest, folder, &toolbox).await);
    cases.extend(
        arguments
            .rootfs
            .iter()
            .flat_map(|tree| preflight::rootfs(tree)),
    );
    Ok(cases)
}
