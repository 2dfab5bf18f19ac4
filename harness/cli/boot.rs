//! `boot`: the guest for people: its address, its log as it comes, Ctrl-C stops it cleanly.

use std::path::PathBuf;

use migrate_verify::{
    machine::{Machine, Stop},
    outcome::Verdict,
    progress::Event,
    recipe,
    verification::{Plan, boot_guest, build_one},
};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    arguments::BootArguments, context::Context, dispatch::unless_interrupted, failure::Failure,
    output,
};

/// Boots a rootfs that was built before, or builds one first.
pub(crate) async fn boot(context: &Context, arguments: BootArguments) -> Result<Verdict, Failure> {
    let plan = context.plan(context.project()?)?;
    let tree = match arguments.rootfs {
        Some(tree) => tree.canonicalize().map_err(|error| {
            Failure::input(&error).hint(format!("there is no {}", tree.display()))
        })?,
        None => unless_interrupted(build(&plan)).await?,
    };
    let booted = async {
        boot_guest(&plan, &tree)
            .await
            .map_err(|error| Failure::inconclusive(&error))
    };
    let guest = unless_interrupted(booted).await?;
    context.observer.observe(Event::Paused);
    if context.json() {
        output::json(&serde_json::json!({
            "schema_version": 1, "url": guest.url, "ready_ms": guest.ready_after.as_millis(), "leader": guest.machine.leader, "machine": guest.machine.config.machine,
        }));
    } else {
        output::line(&format!(
            "{} answers, {:.1} s after the start",
            guest.url,
            guest.ready_after.as_secs_f64()
        ));
        output::line(&format!(
            "a shell in it: nsenter --target {} --all --root --wd --setuid 0 --setgid 0 /bin/sh",
            guest.machine.leader
        ));
        output::line("Ctrl-C stops it");
    }
    if arguments.shell {
        shell(context, &guest.machine).await?;
    } else {
        follow(context, &guest.machine).await;
    }
    let limit = plan.project.container.stop_timeout.0;
    let (stop, _journal) = guest
        .machine
        .stop(limit)
        .await
        .map_err(|error| Failure::inconclusive(&error))?;
    match stop {
        Stop::Halted => {
            output::message("boot", "the guest has halted");
            Ok(Verdict::Verified)
        }
        Stop::Rebooted => Err(
            Failure::ended("the guest asked for a reboot instead of a halt")
                .hint("the ctrlaltdel line of its /etc/inittab says `shutdown -r`"),
        ),
        Stop::Hung => Err(Failure::ended(
            "the guest did not halt in time and was killed",
        )),
        Stop::Killed(how) => Err(Failure::ended(how)),
        Stop::Ended(how) => Err(Failure::ended(format!("systemd-nspawn ended with {how}"))),
    }
}

async fn build(plan: &Plan) -> Result<PathBuf, Failure> {
    let inputs = recipe::prepare(&plan.project, &plan.store()).await?;
    Ok(
        build_one(plan, &inputs, "first", &plan.workspace.path("first"))
            .await?
            .tree,
    )
}

/// Opens a shell of the guest's root on this terminal; Ctrl-C is the shell's.
async fn shell(context: &Context, machine: &Machine) -> Result<(), Failure> {
    let caught = signal(SignalKind::interrupt()).map_err(|error| Failure::inconclusive(&error))?;
    let call = machine.command(&["/bin/sh", "-l"]);
    let call = call.env("TERM", "linux").env("HOME", "/root");
    let ended = context.toolbox.run_on_terminal(&call).await;
    drop(caught);
    let exit = ended.map_err(|error| Failure::inconclusive(&error))?;
    output::message(
        "boot",
        &format!("the shell ended with {exit}; stopping the guest"),
    );
    Ok(())
}

/// Prints the guest's records as they come, until a signal.
async fn follow(context: &Context, machine: &Machine) {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return;
    };
    let mut shown = 0;
    loop {
        let records = machine.journal.records();
        if !context.global.quiet {
            for record in records.iter().skip(shown) {
                output::message("guest", &record.to_string());
            }
        }
        shown = records.len();
        tokio::select! {
            _ = interrupt.recv() => return,
            _ = terminate.recv() => return,
            _ = hang_up.recv() => return,
            () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
        }
    }
}
