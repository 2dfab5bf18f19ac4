//! `pending`, `review`, `accept` and `reject`: a person decides on answers that differ from what is recorded.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, IsTerminal, Write},
    ops::ControlFlow,
};

use migrate_verify::{
    outcome::Verdict,
    replay::{self, Clock, ReplayError},
    scenario,
    snapshot::{Change, Pending, pending},
    verification::replay_options,
};

use super::{
    arguments::ChosenArguments, clock, context::Context, failure::Failure, output,
    record::printable,
};

/// So many lines of a change are shown; the files have all.
const SHOWN: usize = 12;

/// Lists what waits.
pub(crate) fn list(context: &Context) -> Result<Verdict, Failure> {
    let all = read(context)?;
    let groups = Change::groups(&all);
    if context.json() {
        output::json(&document(&all, &groups));
    } else {
        for group in &groups {
            print(group);
        }
        output::line(&format!("{} answers wait for a decision", all.len()));
    }
    Ok(verdict(all.len()))
}

/// Shows each change and asks what to do with the answers in which it is.
pub(crate) fn review(context: &Context) -> Result<Verdict, Failure> {
    if context.json() || !io::stdin().is_terminal() {
        return Err(
            Failure::usage("`review` asks a person, and there is no terminal").hint(
                "`pending` lists what waits; `accept NAME --reason TEXT` and `reject NAME` decide",
            ),
        );
    }
    for group in Change::groups(&read(context)?) {
        print(&group);
        if asked(context, &group.1)?.is_break() {
            break;
        }
    }
    let left = read(context)?.len();
    output::line(&format!("{left} answers wait for a decision"));
    Ok(verdict(left))
}

/// Asks what to do with answers in which the same changes, and does it; one by one where a person wants to take some out.
fn asked(context: &Context, names: &BTreeSet<String>) -> Result<ControlFlow<()>, Failure> {
    let question = if let (1, Some(name)) = (names.len(), names.first()) {
        format!(
            "{}: accept (a), reject (r), leave (Enter), quit (q)?",
            printable(name)
        )
    } else {
        "accept all of these (a), reject (r), one by one (o), leave (Enter), quit (q)?".to_owned()
    };
    match ask(&question)?.as_str() {
        "a" => {
            let reason = ask("why is the new answer right?")?;
            if reason.is_empty() {
                output::line("a decision needs a reason: left");
            } else {
                decide(context, names, Some(&reason))?;
            }
        }
        "r" => decide(context, names, None)?,
        "o" if names.len() > 1 => {
            for name in names {
                if asked(context, &[name.clone()].into())?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        "q" => return Ok(ControlFlow::Break(())),
        _ => {}
    }
    Ok(ControlFlow::Continue(()))
}

/// Makes pending answers the snapshots.
pub(crate) fn accept(
    context: &Context,
    chosen: &ChosenArguments,
    reason: &str,
) -> Result<Verdict, Failure> {
    decide(context, &choose(context, chosen)?, Some(reason))?;
    Ok(Verdict::Verified)
}

/// Removes pending answers.
pub(crate) fn reject(context: &Context, chosen: &ChosenArguments) -> Result<Verdict, Failure> {
    decide(context, &choose(context, chosen)?, None)?;
    Ok(Verdict::Verified)
}

fn read(context: &Context) -> Result<Vec<Pending>, Failure> {
    let snapshots = context.project()?.folder.join("snapshots");
    Ok(pending(&snapshots).map_err(ReplayError::Snapshots)?)
}

fn verdict(left: usize) -> Verdict {
    if left == 0 {
        Verdict::Verified
    } else {
        Verdict::Different
    }
}

/// Returns the names of what was chosen; each name must be there.
fn choose(context: &Context, chosen: &ChosenArguments) -> Result<BTreeSet<String>, Failure> {
    let all = read(context)?;
    let is = |one: &Pending, name: &String| one.name() == *name || one.scenario == *name;
    let named = chosen
        .names
        .iter()
        .chain(&chosen.like)
        .chain(&chosen.except);
    for name in named {
        if !all.iter().any(|one| is(one, name)) {
            return Err(Failure::usage(format!("no answer `{name}` is pending"))
                .hint("`pending` lists the names"));
        }
    }
    let mut taken: BTreeSet<String> = all
        .iter()
        .filter(|one| chosen.all || chosen.names.iter().any(|name| is(one, name)))
        .map(Pending::name)
        .collect();
    if let Some(like) = &chosen.like {
        let groups = Change::groups(&all);
        let same = groups
            .into_iter()
            .find(|(_, members)| members.contains(like));
        let (_, members) = same.ok_or_else(|| {
            Failure::usage(format!("`{like}` is a scenario: name one of its answers"))
        })?;
        taken.extend(members);
    }
    let left_out = |name: &String| {
        let one = all.iter().find(|one| one.name() == *name);
        one.is_some_and(|one| chosen.except.iter().any(|except| is(one, except)))
    };
    taken.retain(|name| !left_out(name));
    if taken.is_empty() {
        return Err(Failure::usage(
            "nothing is pending, or all of it was excepted",
        ));
    }
    Ok(taken)
}

/// Refuses to accept an answer to what no scenario asks: the snapshot of what it does ask would be lost for it.
fn all_current(context: &Context, chosen: &[Pending]) -> Result<(), Failure> {
    let project = context.project()?;
    let scenarios = scenario::load(&project.folder.join("scenarios"))?;
    let limits = replay_options(&project, Clock::new(clock::now))?.limits;
    match chosen
        .iter()
        .find(|one| !replay::is_current(&scenarios, one, &limits))
    {
        None => Ok(()),
        Some(stale) => Err(Failure::usage(format!(
            "`{}` answers something else than the scenario asks by now",
            stale.name()
        ))
        .hint("`reject` it, or `record --pending` again")),
    }
}

/// Accepts for a reason, or rejects; all of them or none.
fn decide(
    context: &Context,
    names: &BTreeSet<String>,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let mut chosen = read(context)?;
    chosen.retain(|one| names.contains(&one.name()));
    if let Some(reason) = reason {
        if reason.trim().is_empty() {
            return Err(Failure::usage("a decision needs a reason"));
        }
        all_current(context, &chosen)?;
    }
    for one in chosen {
        let name = one.name();
        match reason {
            Some(reason) => one.accept(reason),
            None => one.reject(),
        }
        .map_err(ReplayError::Snapshots)?;
        let word = if reason.is_some() {
            "accepted"
        } else {
            "rejected"
        };
        output::line(&format!("{word} {name}"));
    }
    Ok(())
}

fn print((change, members): &(Change, BTreeSet<String>)) {
    let names: Vec<&str> = members.iter().map(String::as_str).collect();
    output::line(&format!("{}:", printable(&names.join(", "))));
    let removed = change
        .removed
        .iter()
        .map(|line| format!("  - {}", printable(line)));
    let added = change
        .added
        .iter()
        .map(|line| format!("  + {}", printable(line)));
    let lines: Vec<String> = removed.chain(added).collect();
    for line in lines.iter().take(SHOWN) {
        output::line(line);
    }
    if lines.is_empty() {
        output::line("  nothing that a snapshot keeps: what stood in its holes did not fit them");
    }
    if lines.len() > SHOWN {
        output::line(&format!("  … and {} lines more", lines.len() - SHOWN));
    }
}

/// Members are names that `accept` takes; `answers` says where each differs first, in what, and why.
fn document(all: &[Pending], groups: &[(Change, BTreeSet<String>)]) -> serde_json::Value {
    let groups: Vec<serde_json::Value> = groups
        .iter()
        .map(|(change, members)| {
            let answers = members.iter().map(|name| {
                let one = all.iter().find(|one| one.name() == *name);
                let differs = one.and_then(|one| one.answer.differs.as_ref());
                serde_json::json!({
                    "name": name,
                    "locus": differs.map(|differs| &differs.locus),
                    "aspect": differs.map(|differs| &differs.aspect),
                    "cause": differs.and_then(|differs| differs.cause.as_ref()),
                })
            });
            serde_json::json!({
                "members": members,
                "answers": answers.collect::<Vec<_>>(),
                "removed": change.removed,
                "added": change.added,
            })
        })
        .collect();
    serde_json::json!({ "schema_version": 1, "pending": groups })
}

fn ask(question: &str) -> Result<String, Failure> {
    output::line(question);
    io::stdout()
        .flush()
        .and_then(|()| {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line)?;
            Ok(line.trim().to_owned())
        })
        .map_err(|error| Failure::inconclusive(&error))
}
