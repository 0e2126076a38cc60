//! Whether the load arrived when it should have.

use crate::checker::{Checker, Tally, count, many};
use crate::service::rates::{Arrivals, arrivals, lag_ns};
use redrill_history::{EventKind, Finding, Flags, RunView, Unit};

pub(super) struct Generator;

impl Checker for Generator {
    fn id(&self) -> &'static str {
        "trust.generator"
    }

    fn statement(&self) -> &'static str {
        "The load arrived as planned: in no phase did more than 1 % of the arrivals start over \
         100 ms late."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let mut lags = Vec::new();
        for op in run.operations.iter().filter(|op| op.is_load()) {
            tally.examine(op);
            if !op.flags.has(Flags::NO_IDLE_VU) {
                lags.push(lag_ns(op));
            }
        }
        let middle = lags.len() / 2;
        let median = (!lags.is_empty()).then(|| *lags.select_nth_unstable(middle).1 as f64);
        tally.measure("median lag", median, Unit::Nanoseconds);
        let phases = arrivals(run);
        let sum = |of: fn(&Arrivals) -> u64| phases.iter().map(of).sum::<u64>();
        let (late, starved) = (sum(|phase| phase.late), sum(|phase| phase.starved));
        tally.measure("late: the generator was slow", Some(late as f64), Unit::Count);
        tally.measure("late: every virtual user was busy", Some(starved as f64), Unit::Count);
        let abandoned = run.events.iter().map(|event| match event.kind {
            EventKind::ArrivalsAbandoned { count, .. } => count,
            _ => 0,
        });
        let abandoned: u64 = abandoned.sum();
        tally.measure("never started", Some(abandoned as f64), Unit::Count);
        let summary = format!(
            "Of {} {} started over 100 ms late because the generator was slow, {} because every \
             virtual user was busy.",
            many(tally.examined(), "arrival"),
            count(late),
            count(starved)
        );
        let finding = tally.judged(summary, "nothing arrived");
        match complaint(&phases).or_else(|| never_started(abandoned)) {
            Some(reason) => finding.inconclusive(&reason),
            None => finding,
        }
    }
}

fn never_started(abandoned: u64) -> Option<String> {
    (abandoned > 0).then(|| {
        format!(
            "{} never started: the load was more than the service, or the virtual users, could \
             take.",
            many(abandoned, "arrival")
        )
    })
}

fn complaint(phases: &[Arrivals]) -> Option<String> {
    let of = |late: u64, phase: &Arrivals| {
        let share = late as f64 * 100.0 / phase.all as f64;
        format!(
            "{share:.1} % of the arrivals in the phase {} started over 100 ms late",
            phase.phase.name()
        )
    };
    let slow = phases.iter().find(|phase| phase.is_generator_slow()).map(|phase| {
        format!(
            "{} because the generator was slow: use a faster machine or a lower rate.",
            of(phase.late, phase)
        )
    });
    let starved = || phases.iter().find(|phase| phase.is_starved());
    slow.or_else(|| {
        starved().map(|phase| {
            format!(
                "{} for want of a virtual user: give the plan more of them.",
                of(phase.starved, phase)
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, MILLISECOND_NS, Verdict};

    /// 150 arrivals, 5 a second, `late` of them by 200 ms.
    fn run(late: usize, flags: Flags) -> RunView {
        let mut run = Literal::new();
        for place in 0..150 {
            run.op(Action::Submit, place, 0, (place * 200, place * 200 + 5));
        }
        for op in &mut run.parts.operations[..late] {
            op.started_ns += 200 * MILLISECOND_NS;
            op.flags = flags;
        }
        run.view()
    }

    #[test]
    fn no_arrival_is_inconclusive() {
        assert_found(&Generator.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn one_in_a_hundred_may_be_late() {
        let finding = Generator.check(&run(1, Flags::default()));
        assert_found(&finding, Verdict::Pass, 0, 0);
        assert_eq!(finding.measures[0].value, Some(0.0));
    }

    #[test]
    fn arrivals_that_never_started_are_not_forgotten() {
        let mut run = run(0, Flags::default());
        let kind = EventKind::ArrivalsAbandoned { segment: 0, count: 3 };
        run.events.push(redrill_history::Event { at_ns: 0, kind });
        let finding = Generator.check(&run);
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("3 arrivals never started"), "{}", finding.summary);
    }

    #[test]
    fn more_are_not_believed_and_the_culprit_is_named() {
        for (flags, culprit) in [
            (Flags::default(), "generator was slow"),
            (Flags::NO_IDLE_VU, "want of a virtual user"),
        ] {
            let finding = Generator.check(&run(2, flags));
            assert_found(&finding, Verdict::Inconclusive, 0, 0);
            assert!(finding.summary.contains(culprit), "{}", finding.summary);
        }
    }
}
