//! How much of what was asked was acknowledged.

use crate::checker::{Checker, Objective, Tally, many};
use crate::service::rates::rates_hold;
use redrill_history::{Capability, Finding, Operation, Outcome, Phase, RunView, Unit, Verdict};

pub(super) struct Availability;

impl Checker for Availability {
    fn id(&self) -> &'static str {
        "service.availability"
    }

    fn statement(&self) -> &'static str {
        "The service acknowledges what is asked of it. An objective of the plan says how large a \
         share must be."
    }

    fn objective(&self) -> Objective {
        Objective::Share
    }

    fn check(&self, run: &RunView) -> Finding {
        let requests: Vec<&Operation> =
            run.operations.iter().filter(|op| op.is_load() && run.phase_of(op).is_some()).collect();
        let mut tally = Tally::new(run, self);
        for op in &requests {
            tally.examine(op);
            if !op.is_answered() {
                tally.possible(op);
            }
        }
        let share = share(requests.iter().copied());
        tally.measure("acknowledged", share, Unit::Ratio);
        for phase in Phase::ALL {
            let mine = || requests.iter().copied().filter(|op| run.phase_of(op) == Some(phase));
            if run.phases.span(phase).is_empty() {
                continue;
            }
            tally.measure(
                &format!("acknowledged, {}", phase.name()),
                self::share(mine()),
                Unit::Ratio,
            );
            for capability in Capability::ALL {
                let its = || mine().filter(|op| op.capability == capability);
                if its().next().is_some() {
                    let name = format!("{} acknowledged, {}", capability.name(), phase.name());
                    tally.measure(&name, self::share(its()), Unit::Ratio);
                }
            }
        }
        for outcome in Outcome::ALL {
            let number = requests.iter().filter(|op| op.outcome == outcome).count() as u64;
            tally.row("How did requests end?", outcome.name(), number);
        }
        let summary = format!(
            "{:.2} % of {} were acknowledged, or declined with a 4xx.",
            share.unwrap_or_default() * 100.0,
            many(requests.len() as u64, "request")
        );
        let finding = tally.reported(summary, "the load made no request");
        match rates_hold(run) {
            // Requests that started late escaped the fault, so that the share flatters.
            Err(reason) if finding.verdict == Verdict::Pass => {
                let reason = format!("{} But {reason}.", finding.summary);
                finding.inconclusive(&reason)
            }
            _ => finding,
        }
    }
}

fn share<'a>(requests: impl Iterator<Item = &'a Operation>) -> Option<f64> {
    let (mut all, mut acknowledged) = (0_u64, 0_u64);
    for op in requests {
        all += 1;
        acknowledged += u64::from(op.is_answered());
    }
    (all > 0).then(|| acknowledged as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, refused, unknown};
    use redrill_history::{Action, Bound, Flags};

    fn run(objective: Option<Bound>) -> Literal {
        let mut run = Literal::new().fault("kill", "node[0]", 10_000, Some(20_000));
        for second in 0..30 {
            run.op(Action::Submit, second, 0, (second * 1000, second * 1000 + 5));
        }
        refused(&mut run.parts.operations[12], 503);
        unknown(&mut run.parts.operations[13]);
        let objective = objective.map(|bound| ("service.availability".to_owned(), bound));
        run.parts.plan.objectives.extend(objective);
        run
    }

    #[test]
    fn no_request_is_inconclusive() {
        let finding = Availability.check(&Literal::new().view());
        assert_eq!(finding.verdict, Verdict::Inconclusive);
    }

    #[test]
    fn the_share_is_told_by_phase_and_fails_only_an_objective() {
        let finding = Availability.check(&run(None).view());
        assert_eq!((finding.verdict, finding.possible), (Verdict::Pass, 2));
        let measured = |name: &str| {
            finding.measures.iter().find(|measure| measure.name == name).and_then(|it| it.value)
        };
        assert_eq!(measured("acknowledged"), Some(28.0 / 30.0));
        assert_eq!(measured("queue acknowledged, fault"), Some(0.8));
        assert_eq!(measured("queue acknowledged, baseline"), Some(1.0));
        let held = |share| Availability.check(&run(Some(Bound::Share(share))).view()).verdict;
        assert_eq!(held(0.9), Verdict::Pass);
        assert_eq!(held(0.99), Verdict::Fail);
    }

    #[test]
    fn a_session_that_is_gone_at_its_time_is_an_answer() {
        let mut run = run(None);
        for op in &mut run.parts.operations {
            refused(op, 401);
        }
        assert_eq!(Availability.check(&run.view()).possible, 0);
    }

    #[test]
    fn a_share_of_requests_that_escaped_the_fault_is_not_believed() {
        let mut run = run(None);
        let late = &mut run.parts.operations[14];
        late.started_ns += 7_000_000_000;
        late.finished_ns += 7_000_000_000;
        late.flags = Flags::NO_IDLE_VU;
        assert_eq!(Availability.check(&run.view()).verdict, Verdict::Inconclusive);
    }
}
