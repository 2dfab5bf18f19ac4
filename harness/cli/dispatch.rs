//! From the arguments to the command, and from its result to the exit code; a signal ends the command in between.

use std::{
    process::{ExitCode, exit},
    thread,
    time::Duration,
};

use clap::Parser;
use migrate_verify::{outcome::Verdict, progress::Event};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use super::{
    arguments::{Arguments, Command},
    boot, check, clean,
    context::Context,
    database, doctor,
    failure::{self, Failure},
    init, lock, manual, output, pending, record, replay, report, rootfs, run, units,
};

/// After so long people wonder why the program hasn't ended.
const NOTICEABLE: Duration = Duration::from_millis(200);

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(&arguments.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failure::exit(&context, &Failure::inconclusive(&error)),
    };
    // Ctrl-C is how a person ends `boot`: it stops the guest itself.
    let stops_itself = matches!(arguments.command, Command::Boot(_));
    let work = dispatch(&context, arguments.command);
    let result = if stops_itself {
        runtime.block_on(work)
    } else {
        runtime.block_on(unless_interrupted(work))
    };
    if let Err(failure) = wind_down(&context, runtime) {
        // Nothing more is cleaned up: what the threads still write would come back.
        failure::exit(&context, &failure);
        exit(3);
    }
    match result {
        Ok(verdict) => output::exit_code(verdict),
        Err(failure) => failure::exit(&context, &failure),
    }
}

/// Waits for threads that still write; only then may the context remove the workspace. A second signal ends the waiting.
fn wind_down(context: &Context, runtime: Runtime) -> Result<(), Failure> {
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::inconclusive(&error))?;
    let (ended, mut end) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        drop(runtime);
        // Nobody waits any more where a second signal came.
        let _waiting = ended.send(());
    });
    waiting.block_on(async {
        if timeout(NOTICEABLE, &mut end).await.is_ok() {
            return Ok(());
        }
        let what = "waiting for what is being written; another signal ends it at once";
        context.observer.observe(Event::Note(what.to_owned()));
        tokio::select! {
            _ended = end => Ok(()),
            signal = interrupted() => Err(Failure::interrupted(signal)
                .hint("it was still writing; `migrate-verify clean` removes what is left")),
        }
    })
}

/// Does the work unless a signal comes first; the work is dropped then.
pub(super) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        result = work => result,
        signal = interrupted() => Err(Failure::interrupted(signal)),
    }
}

/// Waits for a signal that ends the program; the command is dropped then, and with it every program it started.
async fn interrupted() -> &'static str {
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut stream) => drop(stream.recv().await),
        Err(_no_handler) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => "SIGINT",
        () = wait(SignalKind::terminate()) => "SIGTERM",
        () = wait(SignalKind::hangup()) => "SIGHUP",
    }
}

async fn dispatch(context: &Context, command: Command) -> Result<Verdict, Failure> {
    match command {
        Command::Init { folder } => init::init(context, &folder),
        Command::Doctor(arguments) => doctor::doctor(context, &arguments).await,
        Command::Lock => lock::lock(context).await,
        Command::Rootfs { command } => rootfs::rootfs(context, command).await,
        Command::Boot(arguments) => boot::boot(context, arguments).await,
        Command::Record(arguments) => record::record(context, arguments).await,
        Command::Replay(arguments) => replay::replay(context, arguments).await,
        Command::Pending => pending::list(context),
        Command::Review => pending::review(context),
        Command::Accept { chosen, reason } => pending::accept(context, &chosen, &reason),
        Command::Reject { chosen } => pending::reject(context, &chosen),
        Command::Check(arguments) => check::check(context, &arguments),
        Command::Database { command } => database::database(context, command).await,
        Command::Run(arguments) => run::run(context, arguments).await,
        Command::Report(arguments) => report::report(context, &arguments),
        Command::Units(arguments) => units::units(context, &arguments),
        Command::Clean => clean::clean(context),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { output } => manual::man(output.as_deref()),
    }
}
