//! Every job that was submitted, with what is known of it.

use crate::checker::{nanoseconds, plus};
use redrill_history::{Action, Capability, Flags, Operation, Outcome, RunView, SECOND_NS};
use std::collections::{BTreeMap, BTreeSet};

/// What became of a job, each by its own evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// A call for it was answered with success.
    Executed,
    /// Every allowed attempt was seen failing.
    Failed,
    /// The service says that it failed, and fewer failing attempts were seen than are allowed.
    GivenUp,
    /// No call for it succeeded, and the service does not know it after the drain.
    Gone,
    /// No call for it succeeded, and the service says that it was completed.
    FalselyCompleted,
    /// The service says that it failed, made no call for it, and nothing was broken meanwhile.
    Unattempted,
    /// The service still lists it after the drain.
    Stuck,
    /// There is no final answer about it, or what was seen of its calls decides nothing.
    Unclassified,
}

impl Fate {
    /// True where the service says rightly or wrongly that the job failed.
    pub(super) fn is_failed(self) -> bool {
        matches!(self, Self::Failed | Self::GivenUp)
    }

    /// True where acknowledged work did not happen and never will.
    pub(super) fn is_lost(self) -> bool {
        matches!(self, Self::Gone | Self::FalselyCompleted | Self::Unattempted)
    }
}

/// One submitted job.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) submit: &'a Operation,
    /// Calls for it, in order of their start.
    pub(super) effects: Vec<&'a Operation>,
    /// The final answer that decided, with the state it told (see [`Action::JOB_STATES`]).
    pub(super) state: Option<(&'a Operation, u64)>,
    pub(super) fate: Fate,
}

impl Entry<'_> {
    /// The calls that were answered with success.
    pub(super) fn executions(&self) -> impl Iterator<Item = &Operation> {
        self.effects.iter().copied().filter(|effect| effect.is_ok())
    }
}

/// All submitted jobs, in order of their submission.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// Submissions of a number that was submitted before: the ledger cannot tell them apart.
    pub(super) repeated: u64,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(run: &'a RunView) -> Self {
        let mut effects: BTreeMap<u64, Vec<&Operation>> = BTreeMap::new();
        for effect in run.effects.iter().filter(|effect| effect.capability == Capability::Queue) {
            effects.entry(effect.key).or_default().push(effect);
        }
        let mut finals: BTreeMap<u64, Vec<&Operation>> = BTreeMap::new();
        for op in run.operations.iter().filter(|op| op.action == Action::JobStatus) {
            if op.flags.has(Flags::FINAL) && answered_state(op).is_some() {
                finals.entry(op.key).or_default().push(op);
            }
        }
        let any_effect = !effects.is_empty();
        let undisturbed = any_effect && run.windows.is_empty();
        let attempts = run.plan.target.promises.job_attempts;
        let mut seen = BTreeSet::new();
        let mut ledger = Self { entries: Vec::new(), repeated: 0 };
        for submit in run.operations.iter().filter(|op| op.action == Action::Submit) {
            if !seen.insert(submit.key) {
                ledger.repeated += 1;
            }
            let effects = effects.get(&submit.key).cloned().unwrap_or_default();
            let state = finals.get(&submit.key).and_then(|answers| final_state(answers));
            let fate = match fate(&effects, state.map(|(_, state)| state), attempts, any_effect) {
                // A fault may use up attempts before their call is made.
                Fate::GivenUp if effects.is_empty() && undisturbed => Fate::Unattempted,
                fate => fate,
            };
            ledger.entries.push(Entry { submit, effects, state, fate });
        }
        ledger
    }

    /// The jobs that were acknowledged.
    pub(super) fn acknowledged(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().filter(|entry| entry.submit.is_ok())
    }

    /// How many acknowledged jobs met one of the fates.
    pub(super) fn number(&self, is: impl Fn(Fate) -> bool) -> u64 {
        self.acknowledged().filter(|entry| is(entry.fate)).count() as u64
    }
}

/// The state that an answer told; a 404 tells that the job is absent.
fn answered_state(op: &Operation) -> Option<u64> {
    if op.status == 404 { Some(0) } else { op.is_ok().then_some(op.value) }
}

/// The last word of each instance; one that knows the job outweighs one that does not, because an
/// instance may still look at a node that was demoted.
fn final_state<'a>(answers: &[&'a Operation]) -> Option<(&'a Operation, u64)> {
    let mut last: BTreeMap<u8, &Operation> = BTreeMap::new();
    for answer in answers {
        let newest = last.entry(answer.instance).or_insert(answer);
        if answer.started_ns >= newest.started_ns {
            *newest = answer;
        }
    }
    let states = last.into_values().filter_map(|op| answered_state(op).map(|state| (op, state)));
    states.max_by_key(|(op, state)| (*state != 0, op.started_ns))
}

fn fate(effects: &[&Operation], state: Option<u64>, attempts: u32, any_effect: bool) -> Fate {
    let has_unknown = effects.iter().any(|effect| effect.outcome == Outcome::Unknown);
    if effects.iter().any(|effect| effect.is_ok()) {
        return Fate::Executed;
    }
    if failed_attempts(effects) >= u64::from(attempts) {
        return Fate::Failed;
    }
    match state {
        Some(0) if !has_unknown => Fate::Gone,
        Some(1..=3) => Fate::Stuck,
        Some(4) if has_unknown => Fate::Executed,
        // Without a single call in the whole run nobody looked where the service works.
        Some(4) if any_effect => Fate::FalselyCompleted,
        Some(5) => Fate::GivenUp,
        _ => Fate::Unclassified,
    }
}

/// Attempts that were answered with an error; one that was made twice counts once where the calls
/// name their attempt.
fn failed_attempts(effects: &[&Operation]) -> u64 {
    let failed = || effects.iter().filter(|effect| effect.outcome == Outcome::Refused);
    let named: BTreeSet<u64> = failed().map(|effect| effect.value).filter(|no| *no > 0).collect();
    let unnamed = failed().filter(|effect| effect.value == 0).count();
    (named.len() + unnamed) as u64
}

/// True when the service was asked after all the time that the plan gives it to finish.
pub(super) fn was_asked_late(run: &RunView, answer: &Operation) -> bool {
    let deadline_ns = plus(run.load_end_ns, run.plan.load.drain);
    let early_ns = SECOND_NS.min(nanoseconds(run.plan.load.drain) / 2);
    answer.started_ns >= deadline_ns.saturating_sub(early_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, refused, unknown};

    /// The fate of one acknowledged job with these effects and this final state.
    fn fate_of(effects: &[(Outcome, u64)], state: Option<u64>) -> Fate {
        let mut run = Literal::new();
        run.op(Action::Submit, 7, 0, (1000, 1010));
        run.effect(Capability::Queue, Action::ModelCall, 99, (1, 2));
        for (outcome, attempt) in effects {
            let effect = run.effect(Capability::Queue, Action::ModelCall, 7, (2000, 2010));
            (effect.outcome, effect.value) = (*outcome, *attempt);
        }
        if let Some(state) = state {
            let answer = run.op(Action::JobStatus, 7, state, (40_000, 40_010));
            answer.flags = Flags::FINAL;
        }
        Ledger::new(&run.view()).entries[0].fate
    }

    #[test]
    fn every_fate_rests_on_its_own_evidence() {
        let failing = [(Outcome::Refused, 1), (Outcome::Refused, 2), (Outcome::Refused, 3)];
        let repeated = [(Outcome::Refused, 1), (Outcome::Refused, 1), (Outcome::Refused, 2)];
        for (effects, state, expected) in [
            (&[(Outcome::Ok, 1)][..], Some(0), Fate::Executed),
            (&[(Outcome::Refused, 1), (Outcome::Ok, 2)], None, Fate::Executed),
            (&failing, None, Fate::Failed),
            (&failing, Some(0), Fate::Failed),
            (&repeated, Some(1), Fate::Stuck),
            (&[], Some(5), Fate::Unattempted),
            (&[(Outcome::Refused, 1)], Some(5), Fate::GivenUp),
            (&failing, Some(5), Fate::Failed),
            (&[], Some(0), Fate::Gone),
            (&[(Outcome::Refused, 1)], Some(0), Fate::Gone),
            (&[], Some(4), Fate::FalselyCompleted),
            (&[], Some(2), Fate::Stuck),
            (&[], None, Fate::Unclassified),
            (&[(Outcome::Unknown, 1)], Some(0), Fate::Unclassified),
            (&[(Outcome::Unknown, 1)], Some(4), Fate::Executed),
        ] {
            assert_eq!(fate_of(effects, state), expected, "{effects:?}, state {state:?}");
        }
    }

    #[test]
    fn an_instance_that_knows_the_job_outweighs_one_that_does_not() {
        let mut run = Literal::new();
        run.op(Action::Submit, 7, 0, (1000, 1010));
        for (instance, state, at) in [(0, 1, 39_000), (1, 0, 40_000), (0, 2, 39_500)] {
            let answer = run.op(Action::JobStatus, 7, state, (at, at + 10));
            (answer.flags, answer.instance) = (Flags::FINAL, instance);
        }
        let run = run.view();
        assert_eq!(Ledger::new(&run).entries[0].state.map(|(_, state)| state), Some(2));
    }

    #[test]
    fn a_404_says_absent_and_no_answer_says_nothing() {
        let mut run = Literal::new();
        for job in [1, 2] {
            run.op(Action::Submit, job, 0, (1000, 1010));
            let answer = run.op(Action::JobStatus, job, 0, (40_000, 40_010));
            answer.flags = Flags::FINAL;
            if job == 1 { refused(answer, 404) } else { unknown(answer) }
        }
        let run = run.view();
        let fates: Vec<Fate> = Ledger::new(&run).entries.iter().map(|entry| entry.fate).collect();
        assert_eq!(fates, [Fate::Gone, Fate::Unclassified]);
    }
}
