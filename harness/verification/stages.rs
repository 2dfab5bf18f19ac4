//! What a run has so far: stages that have ended, and what is left out by name.

use std::time::Duration;

use super::{course::Course, plan::Plan};
use crate::{
    outcome::{Carried, Case, CaseId, Outcome, RunReport, Stage, StageName, SyslogPart, Timed},
    progress::Event,
};

/// The stages of a run as they are filled.
pub(super) struct Stages<'a> {
    /// What the run is given.
    pub(super) plan: &'a Plan,
    /// The stages that have ended.
    pub(super) done: Vec<Stage>,
    /// What was not compared, a line each.
    pub(super) accepted: Vec<String>,
    pub(super) not_compared: Vec<String>,
    pub(super) carried: Vec<Carried>,
    pub(super) timed: Vec<Timed>,
    /// What the build did, a line each.
    pub(super) build_log: Vec<String>,
    /// What the guest wrote, a line each.
    pub(super) guest_log: Vec<String>,
    /// What ran when.
    pub(super) course: Course,
    /// What the guest said to syslog, part by part.
    pub(super) syslog: Vec<SyslogPart>,
}

/// What a run leaves: its report, and the logs behind it.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The report.
    pub report: RunReport,
    /// What the build did, a line each.
    pub build_log: Vec<String>,
    /// What the guest wrote to console and syslog, a line each.
    pub guest_log: Vec<String>,
}

impl<'a> Stages<'a> {
    /// Makes a run of which no stage has begun.
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            done: Vec::new(),
            accepted: Vec::new(),
            not_compared: Vec::new(),
            carried: Vec::new(),
            timed: Vec::new(),
            build_log: Vec::new(),
            guest_log: Vec::new(),
            course: Course::default(),
            syslog: Vec::new(),
        }
    }

    /// Begins a stage, or goes on with it.
    pub(super) fn begin(&mut self, name: StageName) {
        self.course.begin(name);
        self.plan.started(name.as_str());
    }

    /// Tells whether the project does without a stage, by name.
    pub(super) fn is_left_out(&self, name: StageName) -> bool {
        self.plan
            .project
            .run
            .without
            .iter()
            .any(|without| without == name.as_str())
    }

    /// Ends a stage: keeps its cases, those left out by name marked, and tells how it ended.
    pub(super) fn end(&mut self, name: StageName, took: Duration, cases: Vec<Case>) {
        let cases = cases.into_iter().map(|case| self.waive(case)).collect();
        let stage = Stage { name, took, cases };
        let how = format!(
            "{} ({:.1} s)",
            stage.outcome_word().replace('_', " "),
            took.as_secs_f64()
        );
        self.plan.observer.observe(Event::Finished {
            what: name.to_string(),
            how,
        });
        self.done.push(stage);
    }

    /// Adds cases to a stage that has ended.
    pub(super) fn add(&mut self, name: StageName, took: Duration, cases: Vec<Case>) {
        let cases: Vec<Case> = cases.into_iter().map(|case| self.waive(case)).collect();
        match self.done.iter_mut().find(|stage| stage.name == name) {
            Some(stage) => {
                stage.took += took;
                stage.cases.extend(cases);
            }
            None => self.done.push(Stage { name, took, cases }),
        }
    }

    /// Ends a stage that the project does without.
    pub(super) fn leave_out(&mut self, name: StageName) {
        let reason = format!("the project does without it: run.without names `{name}`");
        self.end(
            name,
            Duration::ZERO,
            vec![Case::waived(CaseId::new(&[name.as_str()]), reason)],
        );
    }

    /// A case that was not run is left out if the project names it; a difference or an error never is.
    fn waive(&self, case: Case) -> Case {
        let named = self
            .plan
            .project
            .run
            .without
            .iter()
            .any(|without| without == case.id.as_str());
        match case.outcome {
            Outcome::NotRun if named => {
                Case::waived(case.id, "the project does without it, by name")
            }
            Outcome::NotRun
            | Outcome::Same
            | Outcome::Different(_)
            | Outcome::Broken
            | Outcome::Waived => case,
        }
    }

    /// Ends a stage that could not begin.
    pub(super) fn not_run(&mut self, name: StageName, reason: &str) {
        if self.is_left_out(name) {
            self.leave_out(name);
        } else {
            self.end(
                name,
                Duration::ZERO,
                vec![Case::not_run(CaseId::new(&[name.as_str()]), reason)],
            );
        }
    }

    /// Makes the report.
    pub(super) fn finish(mut self) -> Verified {
        self.done.sort_by_key(|stage| stage.name);
        let report = RunReport {
            id: Some(self.plan.workspace.id.to_string()),
            subject: self.plan.subject(),
            started_at: self.plan.started_at.clone(),
            stages: self.done,
            accepted: self.accepted,
            not_compared: self.not_compared,
            carried: self.carried,
            timed: self.timed,
            syslog: self.syslog,
        };
        Verified {
            report,
            build_log: self.build_log,
            guest_log: self.guest_log,
        }
    }
}
