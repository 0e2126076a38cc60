//! Model calls for one prompt at the same time.

use super::calls::prompts;
use crate::checker::{Checker, Tally, count, many, span, witness};
use redrill_history::{Finding, NO_INSTANCE, Operation, RunView, Unit, Witness};

pub(super) struct Stampede;

impl Checker for Stampede {
    fn id(&self) -> &'static str {
        "cache.stampede"
    }

    fn statement(&self) -> &'static str {
        "Requests that miss one prompt at the same time call the model once an instance. Not every \
         service promises that, so that only an objective of the plan fails this."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let mut most = 0;
        for prompt in prompts(run).values() {
            for (place, call) in prompt.calls.iter().enumerate() {
                tally.examine(call);
                let going: Vec<&Operation> = prompt.calls[..place]
                    .iter()
                    .copied()
                    .filter(|other| other.finished_ns > call.started_ns)
                    .collect();
                most = most.max(going.len() as u64 + 1);
                let rivals: Vec<&Operation> =
                    going.into_iter().filter(|other| is_rival(call, other)).collect();
                if rivals.len() as u64 >= allowed(run, call) {
                    tally.definite(call, || proof(run, call, &rivals));
                }
            }
        }
        tally.measure("most calls for one prompt at once", Some(most as f64), Unit::Count);
        let summary = format!(
            "{} of {} were made while the same prompt was being answered.",
            count(tally.broken()),
            many(tally.examined(), "model call")
        );
        tally.reported(summary, "the cache made no call to the model")
    }
}

/// True when the other call excuses nothing: it was answered, and not known to be another
/// instance's.
fn is_rival(call: &Operation, other: &Operation) -> bool {
    other.is_ok() && other.instance == call.instance
}

/// Calls for a prompt that may be under way at once: one an instance.
fn allowed(run: &RunView, call: &Operation) -> u64 {
    if call.instance == NO_INSTANCE { u64::from(run.plan.target.instances) } else { 1 }
}

fn proof(run: &RunView, call: &Operation, going: &[&Operation]) -> Witness {
    let explanation = format!(
        "The call for prompt {} from {} came while {} for it under way.",
        call.key,
        span(run, call),
        match going.len() as u64 {
            1 => "1 call was".to_owned(),
            more => format!("{more} calls were"),
        }
    );
    let mut effects = going.to_vec();
    effects.push(call);
    witness(explanation, &[], &effects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, Bound, Capability, Verdict};

    /// Calls that begin at these times, each of 50 ms, from this instance; there are two.
    fn found(starts: &[u64], instance: u8, bound: Option<Bound>) -> Finding {
        let mut run = Literal::new();
        for at in starts {
            let call = run.effect(Capability::Cache, Action::ModelCall, 4, (*at, at + 50));
            call.instance = instance;
        }
        let bound = bound.map(|bound| ("cache.stampede".to_owned(), bound));
        run.parts.plan.objectives.extend(bound);
        Stampede.check(&run.view())
    }

    #[test]
    fn no_call_is_inconclusive() {
        assert_found(&found(&[], 0, None), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn one_call_an_instance_at_once_passes() {
        assert_found(&found(&[1000, 1060, 1120], 0, None), Verdict::Pass, 0, 0);
        assert_found(&found(&[1000, 1010], NO_INSTANCE, None), Verdict::Pass, 0, 0);
    }

    #[test]
    fn more_are_counted_and_fail_only_an_objective() {
        let finding = found(&[1000, 1010, 1020], NO_INSTANCE, None);
        assert_found(&finding, Verdict::Pass, 1, 1);
        assert_eq!(finding.measures[0].value, Some(3.0));
        assert_found(&found(&[1000, 1010], 0, Some(Bound::Count(0))), Verdict::Fail, 1, 1);
    }
}
