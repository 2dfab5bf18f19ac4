//! Stages, the report of a whole run, and the verdict that follows from it.

use std::{fmt, time::Duration};

use super::{
    carried::Carried,
    case::{Case, Outcome},
    syslog::SyslogPart,
    timed::Timed,
};

/// The stages of a run, in the order in which they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageName {
    /// The host, the project and the image offer what the run needs.
    Preflight,
    /// The rootfs is built from the pinned image and holds what it should.
    Build,
    /// Two independent builds are identical.
    Reproducibility,
    /// The guest boots, gets its address and answers.
    Boot,
    /// The scenarios' answers are the old server's.
    Replay,
    /// The tables are the old server's.
    Database,
    /// The guest's log arrives, and what stands in it.
    Logs,
    /// The guest stops cleanly and leaves the verified rootfs and the host as they were.
    Shutdown,
}

impl StageName {
    /// All stages of a run.
    pub const ALL: [Self; 8] = [
        Self::Preflight,
        Self::Build,
        Self::Reproducibility,
        Self::Boot,
        Self::Replay,
        Self::Database,
        Self::Logs,
        Self::Shutdown,
    ];

    /// Returns the name as it stands in reports and in `run.without`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Build => "build",
            Self::Reproducibility => "reproducibility",
            Self::Boot => "boot",
            Self::Replay => "replay",
            Self::Database => "database",
            Self::Logs => "logs",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a run, or one command, says in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything was compared and is the same.
    Verified,
    /// Something could not be checked, or nothing was.
    Inconclusive,
    /// Something differs.
    Different,
}

impl Verdict {
    /// Returns the verdict's word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Inconclusive => "inconclusive",
            Self::Different => "different",
        }
    }

    /// Returns the verdict on a list of cases: different wins over inconclusive, and no case at all is inconclusive.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut compared = false;
        let mut worst = Self::Verified;
        for case in cases {
            let one = match case.outcome {
                Outcome::Same => {
                    compared = true;
                    Self::Verified
                }
                Outcome::Different(_) => Self::Different,
                Outcome::Broken | Outcome::NotRun => Self::Inconclusive,
                Outcome::Waived => Self::Verified,
            };
            worst = worst.max(one);
        }
        if compared {
            worst
        } else {
            worst.max(Self::Inconclusive)
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One stage of a run with its cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Which one.
    pub name: StageName,
    /// How long it took.
    pub took: Duration,
    /// What was checked, in a stable order.
    pub cases: Vec<Case>,
}

impl Stage {
    /// Returns whether every case of the stage was left out by name.
    pub fn is_waived(&self) -> bool {
        !self.cases.is_empty()
            && self
                .cases
                .iter()
                .all(|case| case.outcome == Outcome::Waived)
    }

    /// Returns the verdict on this stage alone; a waived stage takes nothing from a run's verdict.
    pub fn verdict(&self) -> Verdict {
        if self.is_waived() {
            Verdict::Verified
        } else {
            Verdict::of(&self.cases)
        }
    }

    /// Returns the word that stands in reports for the whole stage.
    pub fn outcome_word(&self) -> &'static str {
        let any =
            |wanted: fn(&Outcome) -> bool| self.cases.iter().any(|case| wanted(&case.outcome));
        if any(|outcome| matches!(outcome, Outcome::Different(_))) {
            "different"
        } else if any(|outcome| *outcome == Outcome::Broken) {
            "broken"
        } else if any(|outcome| *outcome == Outcome::NotRun)
            || !any(|outcome| *outcome == Outcome::Same)
        {
            "not_run"
        } else {
            "same"
        }
    }
}

/// Everything that a run found. A report is a function of this value alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The run's id, also the name of its folder below `runs/`; `None` for a command that keeps no evidence.
    pub id: Option<String>,
    /// What was verified: the image, or the candidate's address.
    pub subject: String,
    /// When the run started: RFC 3339, UTC, whole seconds.
    pub started_at: String,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// The cases that were compared with an answer that a person accepted, not with the old server's, and the reasons.
    pub accepted: Vec<String>,
    /// What was deliberately not compared, and why: paths that are state, holes, headers that may differ.
    pub not_compared: Vec<String>,
    /// What was carried from one answer to later requests.
    pub carried: Vec<Carried>,
    /// How long answers took, where that is known of the old server.
    pub timed: Vec<Timed>,
    /// What the guest said to syslog, part by part.
    pub syslog: Vec<SyslogPart>,
}

impl RunReport {
    /// Returns the verdict: the worst of the stages', and a run without stages is inconclusive.
    pub fn verdict(&self) -> Verdict {
        let compared = self.stages.iter().any(|stage| !stage.is_waived());
        let worst = self
            .stages
            .iter()
            .map(Stage::verdict)
            .max()
            .unwrap_or(Verdict::Inconclusive);
        if compared {
            worst
        } else {
            Verdict::Inconclusive
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{CaseId, Difference};

    fn case(outcome: Outcome) -> Case {
        Case {
            id: CaseId::new(&["x"]),
            outcome,
            reason: String::new(),
        }
    }

    fn different() -> Outcome {
        Outcome::Different(vec![Difference::new("a", "b", "c", "d")])
    }

    #[test]
    fn the_worst_case_decides_and_nothing_compared_is_never_verified() {
        let table = [
            (vec![], Verdict::Inconclusive),
            (vec![Outcome::Same], Verdict::Verified),
            (vec![Outcome::Waived], Verdict::Inconclusive),
            (vec![Outcome::Same, Outcome::Waived], Verdict::Verified),
            (vec![Outcome::Same, Outcome::NotRun], Verdict::Inconclusive),
            (vec![Outcome::Same, Outcome::Broken], Verdict::Inconclusive),
            (vec![Outcome::Broken, different()], Verdict::Different),
        ];
        for (outcomes, expected) in table {
            let cases: Vec<Case> = outcomes.into_iter().map(case).collect();
            assert_eq!(Verdict::of(&cases), expected, "{cases:?}");
        }
    }

    #[test]
    fn a_stage_without_cases_makes_the_run_inconclusive() {
        let stage = |cases| Stage {
            name: StageName::Boot,
            took: Duration::ZERO,
            cases,
        };
        let report = |stages| RunReport {
            id: None,
            subject: String::new(),
            started_at: String::new(),
            stages,
            accepted: Vec::new(),
            not_compared: Vec::new(),
            carried: Vec::new(),
            timed: Vec::new(),
            syslog: Vec::new(),
        };
        let same = stage(vec![case(Outcome::Same)]);
        assert_eq!(report(vec![same.clone()]).verdict(), Verdict::Verified);
        assert_eq!(
            report(vec![same.clone(), stage(vec![])]).verdict(),
            Verdict::Inconclusive
        );
        assert_eq!(
            report(vec![same, stage(vec![case(Outcome::Waived)])]).verdict(),
            Verdict::Verified
        );
        assert_eq!(
            report(vec![stage(vec![case(Outcome::Waived)])]).verdict(),
            Verdict::Inconclusive
        );
        assert_eq!(report(vec![]).verdict(), Verdict::Inconclusive);
    }
}
