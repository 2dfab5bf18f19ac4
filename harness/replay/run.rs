//! Runs one scenario against one server.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    browser::{Browser, Correlation},
    error::ReplayError,
    options::{Moment, Options},
    secrets::passwords,
};
use crate::{
    exchange::{Answer, Request, Server, send},
    scenario::{Scenario, Step},
};

/// How long an overloaded server is left alone at first; twice as long every time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A slow server rests as long as it worked, but no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// Browsers give up after 20; an old application needs one or two.
const MOST_REDIRECTS: usize = 10;

/// One answer, and when it came.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) answer: Answer,
    pub(super) at: i64,
    /// Cookie values that were known then, and passwords that were sent.
    pub(super) secrets: Vec<String>,
}

/// What one run of a scenario brought.
#[derive(Debug)]
pub(super) struct ScenarioRun {
    /// For every step that was reached: its answers, those on the way of redirects first.
    pub(super) steps: Vec<Vec<Observation>>,
    /// Why the last of these steps has no final answer.
    pub(super) failure: Option<ReplayError>,
    pub(super) correlations: Vec<Correlation>,
    /// When each of these steps began and ended.
    pub(super) times: Vec<(Instant, Instant)>,
}

/// Runs a scenario to its end or to the first step without an answer.
pub(super) async fn run(scenario: &Scenario, server: &Server, options: &Options) -> ScenarioRun {
    let mut run = ScenarioRun {
        steps: Vec::new(),
        failure: None,
        correlations: Vec::new(),
        times: Vec::new(),
    };
    let mut browser = match Browser::new(server, &scenario.name, options.charset) {
        Ok(browser) => browser,
        Err(error) => {
            run.failure = Some(error);
            run.steps.push(Vec::new());
            return run;
        }
    };
    let passwords = passwords(scenario);
    show(scenario, 0, options).await;
    for (done, step) in (1..).zip(&scenario.steps) {
        let mut answers = Vec::new();
        let from = Instant::now();
        let result = run_step(step, server, options, &mut browser, &mut answers).await;
        run.times.push((from, Instant::now()));
        for answer in &mut answers {
            answer.secrets.extend(passwords.iter().cloned());
        }
        run.steps.push(answers);
        show(scenario, done, options).await;
        if let Err(error) = result {
            run.failure = Some(error);
            break;
        }
    }
    run.correlations = std::mem::take(&mut browser.correlations);
    run.correlations.sort();
    run.correlations.dedup();
    run
}

/// Lets the witness look at what a scenario has changed so far.
async fn show(scenario: &Scenario, steps: usize, options: &Options) {
    if let (Some(witness), true) = (&options.witness, scenario.mutates) {
        let moment = Moment {
            scenario: scenario.name.clone(),
            steps,
            at: options.clock.now(),
        };
        witness.look(moment).await;
    }
}

async fn run_step(
    step: &Step,
    server: &Server,
    options: &Options,
    browser: &mut Browser,
    answers: &mut Vec<Observation>,
) -> Result<(), ReplayError> {
    let mut request = browser.request(step)?;
    loop {
        let observation = exchange(&request, server, options).await?;
        let answer = observation.answer.clone();
        let at = observation.at;
        answers.push(observation);
        let redirects = step.follow && Browser::is_redirect(&answer);
        let captures = if redirects {
            &[]
        } else {
            step.captures.as_slice()
        };
        let received = browser.receive(&step.name, &request, &answer, at, captures);
        if let Some(last) = answers.last_mut() {
            last.secrets = browser.jar.values().map(str::to_owned).collect();
        }
        received?;
        let next = if redirects {
            browser.redirect(&step.name, &request, &answer)?
        } else {
            None
        };
        let Some(next) = next else {
            return Ok(());
        };
        if answers.len() > MOST_REDIRECTS {
            return Err(ReplayError::RedirectLoop {
                limit: MOST_REDIRECTS,
            });
        }
        request = next;
    }
}

/// Asks once, or again and later where the server is overloaded and asking twice does no harm.
async fn exchange(
    request: &Request,
    server: &Server,
    options: &Options,
) -> Result<Observation, ReplayError> {
    let is_harmless = ["GET", "HEAD"].contains(&request.method.as_str());
    let retries = if is_harmless { options.pace.retries } else { 0 };
    let mut wait = FIRST_WAIT;
    for _ in 0..retries {
        let result = ask(request, server, options).await;
        let again = match &result {
            Ok(observation) => is_overloaded(&observation.answer),
            Err(ReplayError::Exchange(error)) => !error.was_connected(),
            Err(_) => false,
        };
        if !again {
            return result;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    ask(request, server, options).await
}

fn is_overloaded(answer: &Answer) -> bool {
    matches!(answer.status(), Some(429 | 503))
}

async fn ask(
    request: &Request,
    server: &Server,
    options: &Options,
) -> Result<Observation, ReplayError> {
    let started = Instant::now();
    let result = send(server, request, &options.limits).await;
    let at = options.clock.now();
    let rest = options.pace.rest;
    if !rest.is_zero() {
        tokio::time::sleep(rest.max(started.elapsed().min(LONGEST_REST))).await;
    }
    Ok(Observation {
        answer: result.map_err(ReplayError::Exchange)?,
        at,
        secrets: Vec::new(),
    })
}
