//! What a check is, and what it can come to.

use super::{super::Fault, bench::Bench};
use futures::future::LocalBoxFuture;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// One tenant reads or changes another's data, or anyone is taken for someone.
    Critical,
    /// A user gets what is another's of the same tenant, or a guard that stands alone is gone.
    High,
    /// A tenant learns of another what it should not, or a second guard is gone.
    Medium,
    /// It helps an attacker a little.
    Low,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// The code of a check. What it has found before a fault of the network still counts.
pub(super) type Run = for<'a> fn(&'a Bench, &'a mut Findings) -> LocalBoxFuture<'a, Result<(), Fault>>;

/// A check.
pub(super) struct Check {
    /// Its stable name.
    pub(super) id: &'static str,
    /// What holds when it passes.
    pub(super) title: &'static str,
    pub(super) severity: Severity,
    /// What an attacker gains when it does not hold.
    pub(super) gain: &'static str,
    /// Where to look in the sources of the service.
    pub(super) look: &'static str,
    pub(super) run: Run,
}

/// What a check has found so far.
#[derive(Default)]
pub(super) struct Findings {
    asked: usize,
    wrong: Vec<String>,
    gaps: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    /// One thing that must hold. `otherwise` must not tell a secret.
    pub(super) fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.asked += 1;
        if !holds {
            let said = otherwise();
            if !self.wrong.contains(&said) {
                self.wrong.push(said);
            }
        }
    }

    /// Something that could not be looked at. A check with a gap never passes.
    pub(super) fn gap(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.gaps.contains(&why) {
            self.gaps.push(why);
        }
    }

    /// Something worth telling, whatever the outcome.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    NotRun,
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun => "not run",
        }
    }
}

/// A check and what became of it.
pub(super) struct Verdict {
    pub(super) check: &'static Check,
    pub(super) outcome: Outcome,
    /// How many things were held against what must be.
    pub(super) asked: usize,
    pub(super) evidence: Vec<String>,
    pub(super) took_ms: u128,
}

impl Verdict {
    /// Runs a check.
    pub(super) async fn of(check: &'static Check, bench: &Bench) -> Self {
        let began = std::time::Instant::now();
        let mut found = Findings::default();
        if let Err(fault) = (check.run)(bench, &mut found).await {
            found.gap(super::super::explain(&*fault));
        }
        let Findings { asked, wrong, mut gaps, notes } = found;
        let (outcome, mut evidence) = if !wrong.is_empty() {
            (Outcome::Failed, wrong)
        } else if !gaps.is_empty() || asked == 0 {
            if gaps.is_empty() {
                gaps.push("there was nothing to look at".into());
            }
            (Outcome::NotRun, gaps)
        } else {
            (Outcome::Passed, vec![format!("{asked} looked at")])
        };
        evidence.extend(notes);
        Self { check, outcome, asked, evidence, took_ms: began.elapsed().as_millis() }
    }
}
