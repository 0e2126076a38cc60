//! Counting what a checker sees, in all and by phase, into a finding.

use super::Checker;
use super::origin::{acknowledged_when, acknowledged_whens};
use redrill_history::{
    Breakdown, Finding, Measure, Operation, Phase, PhaseCount, RunView, Unit, Verdict, Witness,
};

/// Proofs that a finding keeps: enough to see a pattern, few enough to read.
const WITNESSES: usize = 5;

/// The counts of one checker.
pub(crate) struct Tally<'a> {
    run: &'a RunView,
    finding: Finding,
    phases: [PhaseCount; 4],
}

impl<'a> Tally<'a> {
    /// Nothing seen yet.
    pub(crate) fn new(run: &'a RunView, checker: &dyn Checker) -> Self {
        let none = |phase| PhaseCount { phase, definite: 0, possible: 0, examined: 0 };
        let finding = Finding::new(checker.id(), checker.statement());
        Self { run, finding, phases: Phase::ALL.map(none) }
    }

    /// An operation that could show a violation.
    pub(crate) fn examine(&mut self, op: &Operation) {
        self.finding.examined += 1;
        if let Some(phase) = self.phase(op) {
            phase.examined += 1;
        }
    }

    /// A violation that some ordering makes real and another explains away.
    pub(crate) fn possible(&mut self, op: &Operation) {
        self.finding.possible += 1;
        if let Some(phase) = self.phase(op) {
            phase.possible += 1;
        }
    }

    /// A violation that nothing explains away; it counts as possible, too.
    pub(crate) fn definite(&mut self, op: &Operation, proof: impl FnOnce() -> Witness) {
        self.possible(op);
        self.finding.definite += 1;
        if let Some(phase) = self.phase(op) {
            phase.definite += 1;
        }
        if self.finding.witnesses.len() < WITNESSES {
            self.finding.witnesses.push(proof());
        }
    }

    /// Adds to a row of a breakdown, which is made at its first use; rows keep that order.
    pub(crate) fn row(&mut self, title: &str, answer: &str, number: u64) {
        let breakdowns = &mut self.finding.breakdowns;
        let at = breakdowns.iter().position(|breakdown| breakdown.title == title);
        let at = at.unwrap_or_else(|| {
            breakdowns.push(Breakdown { title: title.to_owned(), rows: Vec::new() });
            breakdowns.len() - 1
        });
        let rows = &mut breakdowns[at].rows;
        match rows.iter_mut().find(|(known, _)| known == answer) {
            Some((_, sum)) => *sum += number,
            None => rows.push((answer.to_owned(), number)),
        }
    }

    /// Adds to the row of the time at which an operation was acknowledged. Every time has a row:
    /// that nothing went wrong in it is told, too.
    pub(crate) fn row_when(&mut self, title: &str, op: &Operation) {
        for when in acknowledged_whens(self.run) {
            self.row(title, &when, 0);
        }
        self.row(title, &acknowledged_when(self.run, op), 1);
    }

    /// A number beside the counts. The first one is what a bound on a time or share is held
    /// against.
    pub(crate) fn measure(&mut self, name: &str, value: Option<f64>, unit: Unit) {
        self.finding.measures.push(Measure { name: name.to_owned(), value, unit });
    }

    /// The definite count so far.
    pub(crate) fn broken(&self) -> u64 {
        self.finding.definite
    }

    /// The number of operations examined so far.
    pub(crate) fn examined(&self) -> u64 {
        self.finding.examined
    }

    /// The finding, judged by the plan's objective; without one no definite violation is allowed.
    /// `nothing` says what was missing when nothing could be examined.
    pub(crate) fn judged(self, summary: String, nothing: &str) -> Finding {
        let bound = self.run.plan.objectives.get(&self.finding.id);
        self.summed_up(summary, nothing).judged(bound)
    }

    /// The finding of something that is counted and promised by nobody: only an objective of the
    /// plan can fail it.
    pub(crate) fn reported(self, summary: String, nothing: &str) -> Finding {
        match self.run.plan.objectives.get(&self.finding.id) {
            Some(bound) => self.summed_up(summary, nothing).judged(Some(bound)),
            None => {
                let mut finding = self.summed_up(summary, nothing);
                finding.objective = "none set".to_owned();
                if finding.examined > 0 {
                    finding.verdict = Verdict::Pass;
                }
                finding
            }
        }
    }

    fn summed_up(self, summary: String, nothing: &str) -> Finding {
        let Self { run, mut finding, phases } = self;
        finding.summary =
            if finding.examined == 0 { format!("Nothing to examine: {nothing}.") } else { summary };
        let is_there = |counts: &PhaseCount| !run.phases.span(counts.phase).is_empty();
        finding.phases = phases.into_iter().filter(is_there).collect();
        finding
    }

    fn phase(&mut self, op: &Operation) -> Option<&mut PhaseCount> {
        let phase = self.run.phase_of(op)?;
        self.phases.iter_mut().find(|counts| counts.phase == phase)
    }
}
