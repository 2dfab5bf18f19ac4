//! Runs one scenario against one server.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    browser::Browser,
    error::ReplayError,
    options::{Moment, Options},
    secrets::passwords,
};
use crate::{
    exchange::{Again, Anomaly, Answer, Request, Server, Visit},
    outcome::Carried,
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
    /// How long it took, from the request to its end.
    pub(super) took: Duration,
    /// Cookie values that were known then, and passwords that were sent.
    pub(super) secrets: Vec<String>,
    /// Why it was asked for twice, where it was.
    pub(super) again: Option<Again>,
}

/// What one run of a scenario brought.
#[derive(Debug)]
pub(super) struct ScenarioRun {
    /// For every step that was reached: its answers, those on the way of redirects first.
    pub(super) steps: Vec<Vec<Observation>>,
    /// Why the last of these steps has no final answer.
    pub(super) failure: Option<ReplayError>,
    pub(super) carried: Vec<Carried>,
}

/// What a run tells beside its answers.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) carried: Vec<Carried>,
    /// When each step that was reached began and ended.
    pub(super) times: Vec<(Instant, Instant)>,
}

/// Runs a scenario to its end or to the first step without an answer, and keeps all answers.
pub(super) async fn run(scenario: &Scenario, server: &Server, options: &Options) -> ScenarioRun {
    let (mut steps, mut failure) = (Vec::new(), None);
    let course = run_with(scenario, server, options, |answers, error| {
        steps.push(answers);
        failure = error;
    })
    .await;
    ScenarioRun {
        steps,
        failure,
        carried: course.carried,
    }
}

/// Runs a scenario to its end or to the first step without an answer. For every step that was reached `done` is given its answers,
/// and why the final one is missing, as soon as nothing can come behind them any more.
pub(super) async fn run_with(
    scenario: &Scenario,
    server: &Server,
    options: &Options,
    mut done: impl FnMut(Vec<Observation>, Option<ReplayError>),
) -> Course {
    let mut course = Course::default();
    let browser = match Browser::new(server, scenario, options.charset) {
        Ok(browser) => browser,
        Err(error) => {
            done(Vec::new(), Some(error));
            return course;
        }
    };
    let mut visitor = Visitor {
        server,
        options,
        browser,
        visit: Visit::new(keeps_connections(scenario, options)),
        before: Vec::new(),
        answers: Vec::new(),
    };
    let passwords = passwords(scenario);
    show(scenario, 0, options).await;
    let (mut failure, mut complete) = (None, None);
    for (number, step) in (1..).zip(&scenario.steps) {
        let from = Instant::now();
        visitor.before = std::mem::take(&mut visitor.answers);
        // While the server works on one page, the page before the last one is looked at; but what other scenarios of this thread have to
        // ask is asked first, so that the server has something to do meanwhile.
        let looking = async {
            if let Some(answers) = complete.take() {
                tokio::task::yield_now().await;
                done(answers, None);
            }
        };
        let (result, ()) = tokio::join!(visitor.step(step), looking);
        course.times.push((from, Instant::now()));
        if number > 1 {
            complete = Some(std::mem::take(&mut visitor.before));
        }
        for answer in &mut visitor.answers {
            answer.secrets.extend(passwords.iter().cloned());
        }
        show(scenario, number, options).await;
        if let Err(error) = result {
            failure = Some(error);
            break;
        }
    }
    if let Some(answers) = complete {
        done(answers, None);
    }
    if let Some(surplus) = visitor.visit.end().await {
        name_surplus(visitor.answers.last_mut(), surplus);
    }
    done(visitor.answers, failure);
    course.carried = visitor.browser.into_carried();
    course
}

/// A server that is spared rests longer between two requests than it should hold a connection; and what a scenario that changes
/// data asks may never be asked twice.
fn keeps_connections(scenario: &Scenario, options: &Options) -> bool {
    options.pace.rest.is_zero() && !scenario.mutates
}

/// Names what came behind an answer when the answer had been taken for complete.
fn name_surplus(observation: Option<&mut Observation>, surplus: Anomaly) {
    if let Some(observation) = observation {
        observation.answer.anomalies.push(surplus);
    }
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

/// Somebody who walks through one scenario.
struct Visitor<'a> {
    server: &'a Server,
    options: &'a Options,
    browser: Browser,
    visit: Visit,
    /// The answers of the step before.
    before: Vec<Observation>,
    /// The answers of this step.
    answers: Vec<Observation>,
}

impl Visitor<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), ReplayError> {
        let mut request = self.browser.request(step)?;
        loop {
            let observation = self.exchange(&request).await;
            if let Some(surplus) = self.visit.take_surplus() {
                name_surplus(self.answers.last_mut().or(self.before.last_mut()), surplus);
            }
            let mut observation = observation?;
            let answer = &observation.answer;
            let redirects = step.follow && Browser::is_redirect(answer);
            let captures = if redirects {
                &[]
            } else {
                step.captures.as_slice()
            };
            let browser = &mut self.browser;
            let received = browser.receive(&step.name, &request, answer, observation.at, captures);
            observation.secrets = browser.memory.secrets().map(str::to_owned).collect();
            let next = match received {
                Ok(()) if redirects => browser.redirect(&step.name, &request, answer),
                Ok(()) => Ok(None),
                Err(error) => Err(error),
            };
            self.answers.push(observation);
            let Some(next) = next? else {
                return Ok(());
            };
            if self.answers.len() > MOST_REDIRECTS {
                return Err(ReplayError::RedirectLoop {
                    limit: MOST_REDIRECTS,
                });
            }
            request = next;
        }
    }

    /// Asks once, or again and later where the server is overloaded and asking twice does no harm.
    async fn exchange(&mut self, request: &Request) -> Result<Observation, ReplayError> {
        let retries = if request.is_safe() {
            self.options.pace.retries
        } else {
            0
        };
        let mut wait = FIRST_WAIT;
        for _ in 0..retries {
            let result = self.ask(request).await;
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
        self.ask(request).await
    }

    async fn ask(&mut self, request: &Request) -> Result<Observation, ReplayError> {
        let started = Instant::now();
        let limits = &self.options.limits;
        let result = self.visit.send(self.server, request, limits).await;
        let (at, took) = (self.options.clock.now(), started.elapsed());
        let rest = self.options.pace.rest;
        if !rest.is_zero() {
            tokio::time::sleep(rest.max(started.elapsed().min(LONGEST_REST))).await;
        }
        Ok(Observation {
            answer: result.map_err(ReplayError::Exchange)?,
            at,
            took,
            secrets: Vec::new(),
            again: self.visit.again(),
        })
    }
}

fn is_overloaded(answer: &Answer) -> bool {
    matches!(answer.status(), Some(429 | 503))
}
