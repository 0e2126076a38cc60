//! How long the service suffered.

use crate::checker::{Checker, Objective, Tally, seconds, witness};
use crate::service::rates::{rates_hold, was_tilted};
use redrill_history::{
    Bound, Finding, Operation, Phase, ResolvedPlan, RunView, SECOND_NS, Unit, Verdict, Window,
};

pub(super) struct Recovery;

impl Checker for Recovery {
    fn id(&self) -> &'static str {
        "service.recovery"
    }

    fn statement(&self) -> &'static str {
        "After each fault, and after its healing, the service becomes again what it was: two \
         seconds in a row, of those in which anything was asked, with the baseline's acknowledged \
         share, less one point, and at most twice its median latency."
    }

    fn objective(&self) -> Objective {
        Objective::Time
    }

    fn applies(&self, plan: &ResolvedPlan) -> bool {
        !plan.faults.is_empty()
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let Some(injected_ns) = run.windows.first().map(|window| window.begun_ns) else {
            return tally.judged(String::new(), "no fault was injected");
        };
        let after = |op: &&Operation| op.is_load() && op.intended_ns >= injected_ns;
        for op in run.operations.iter().filter(after) {
            tally.examine(op);
        }
        let phases = &run.phases;
        let value = match (phases.time_to_recover_ns, phases.never_recovered()) {
            (Some(time_ns), _) => Some(time_ns as f64),
            (None, true) => None,
            (None, false) => Some(0.0),
        };
        tally.measure("time to recover", value, Unit::Nanoseconds);
        let had_time = run.load_end_ns.saturating_sub(over_ns(run)) >= TIME_TO_RECOVER_NS;
        let is_down = phases.never_recovered() && had_time;
        let still_refused = is_down.then(|| refused_at_the_end(run)).flatten();
        if let Some(last) = still_refused {
            let explanation = format!(
                "The load ended at {} and the service still left more requests without an \
                 acknowledgement than before the fault; this is the last of them.",
                seconds(run, run.load_end_ns)
            );
            tally.definite(last, || witness(explanation, &[last], &[]));
        }
        let summary = match (value, phases.never_recovered()) {
            (Some(0.0), false) => {
                "No second after the fault was worse than the baseline.".to_owned()
            }
            (Some(_), _) => recovered(run),
            (None, _) => "The service did not recover before the load ended.".to_owned(),
        };
        let finding = tally.judged(summary, "nothing was asked after the fault");
        judge_the_open(run, still_refused.is_some(), finding)
    }
}

/// What a load must leave after the last fault for a service to be told from one that stays down.
const TIME_TO_RECOVER_NS: u64 = 5 * SECOND_NS;

/// When the last fault was over.
fn over_ns(run: &RunView) -> u64 {
    run.windows.iter().map(Window::over_ns).max().unwrap_or(run.load_end_ns)
}

/// `The service recovered 3 s after the fault.` What is not sure is told as such.
fn recovered(run: &RunView) -> String {
    let phases = &run.phases;
    let (time_ns, at_ns) =
        (phases.time_to_recover_ns.unwrap_or(0), phases.recovered_ns.unwrap_or(0));
    let begun_ns = at_ns.saturating_sub(time_ns);
    let is_injection = run.windows.iter().any(|window| window.begun_ns == begun_ns);
    let what = if is_injection { "the fault" } else { "the fault was healed" };
    let longest = if run.windows.len() > 1 { " at the longest" } else { "" };
    let (most, least) = (time_ns as f64 / 1e9, phases.least_to_recover_ns as f64 / 1e9);
    let is_between = |window: &Window| window.begun_ns > begun_ns && window.begun_ns < at_ns;
    let why = match run.windows.iter().any(is_between) {
        true => "the next fault came before two good seconds in a row could be seen",
        false => "between nothing was asked",
    };
    match phases.least_to_recover_ns < time_ns {
        true => format!(
            "The service recovered {least:.0} s to {most:.0} s after {what}{longest}: {why}."
        ),
        false => format!("The service recovered {most:.0} s after {what}{longest}."),
    }
}

/// What [`Finding::judged`] cannot know: a service that did not recover has exceeded every bound
/// that ended before the load did, one that only stayed slower may be a busy machine, and where
/// the next fault came too soon only a part of the time is sure.
fn judge_the_open(run: &RunView, refuses: bool, mut finding: Finding) -> Finding {
    let doubt = match rates_hold(run) {
        Err(reason) => Some(reason),
        Ok(()) => was_tilted(run).then(|| "a Sentinel was in TILT".to_owned()),
    };
    if let Some(reason) = doubt {
        let reason = format!("{} But {reason}.", finding.summary);
        return finding.inconclusive(&reason);
    }
    if finding.examined == 0 {
        return finding;
    }
    let is_exceeded = match run.plan.objectives.get(&finding.id) {
        Some(Bound::Time(most)) => {
            run.phases.least_to_recover_ns > crate::checker::nanoseconds(*most)
        }
        _ => false,
    };
    if !run.phases.never_recovered() {
        let reason = finding.summary.clone();
        let is_sure = finding.verdict != Verdict::Fail || is_exceeded;
        return if is_sure { finding } else { finding.inconclusive(&reason) };
    }
    if is_exceeded {
        finding.verdict = Verdict::Fail;
    } else if !refuses {
        let left_ns = run.load_end_ns.saturating_sub(over_ns(run));
        let reason = match left_ns < TIME_TO_RECOVER_NS {
            true => format!(
                "The load ended {:.1} s after the last fault was over, and the service was not \
                 yet what it had been: a verdict takes {} s.",
                left_ns as f64 / 1e9,
                TIME_TO_RECOVER_NS / SECOND_NS
            ),
            false => "The service answered again, but slower than twice the baseline until the \
                      load ended."
                .to_owned(),
        };
        return finding.inconclusive(&reason);
    }
    finding
}

/// The last request that was not acknowledged, when the last two whole seconds of the load had a
/// smaller acknowledged share than the baseline less one point.
fn refused_at_the_end(run: &RunView) -> Option<&Operation> {
    let baseline = run.phases.span(Phase::Baseline);
    let share = |from_ns: u64, to_ns: u64| {
        let mine = run
            .operations
            .iter()
            .filter(move |op| op.is_load() && (from_ns..to_ns).contains(&op.intended_ns));
        let (all, acknowledged) =
            mine.fold((0_u64, 0_u64), |(all, ok), op| (all + 1, ok + u64::from(op.is_answered())));
        (all > 0).then(|| acknowledged as f64 / all as f64)
    };
    let end_ns = run.load_end_ns;
    let before = share(baseline.start_ns, baseline.end_ns)?;
    let last_two = [2, 1].map(|back| {
        let from_ns = end_ns.saturating_sub(back * SECOND_NS);
        share(from_ns, from_ns + SECOND_NS)
    });
    let is_bad = |share: &Option<f64>| share.is_some_and(|share| share < before - 0.01);
    let all_bad = last_two.iter().all(is_bad);
    let unacknowledged = run.operations.iter().filter(|op| op.is_load() && !op.is_answered());
    unacknowledged.max_by_key(|op| op.intended_ns).filter(|_| all_bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused};
    use redrill_history::{Action, EventKind};
    use std::time::Duration;

    /// Ten requests a second; those of the seconds in `bad` are refused.
    fn run(bad: std::ops::Range<u64>, bound: Option<Duration>) -> Literal {
        let mut run = Literal::new().fault("kill", "node[0]", 10_000, Some(20_000));
        for tenth in 0..300 {
            let op = run.op(Action::Submit, tenth, 0, (tenth * 100, tenth * 100 + 2));
            if bad.contains(&(tenth / 10)) {
                refused(op, 503);
            }
        }
        let bound = bound.map(|most| ("service.recovery".to_owned(), Bound::Time(most)));
        run.parts.plan.objectives.extend(bound);
        run
    }

    #[test]
    fn a_fault_that_never_came_is_inconclusive() {
        assert_found(&Recovery.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn the_time_is_held_against_the_bound() {
        let within = |most| Some(Duration::from_secs(most));
        let finding = Recovery.check(&run(10..13, within(3)).view());
        assert_found(&finding, Verdict::Pass, 0, 0);
        assert_eq!(finding.measures[0].value, Some(3e9));
        assert_found(&Recovery.check(&run(10..13, within(2)).view()), Verdict::Fail, 0, 0);
        assert_found(&Recovery.check(&run(0..0, within(2)).view()), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_service_that_still_refuses_at_the_end_fails() {
        assert_found(&Recovery.check(&run(10..30, None).view()), Verdict::Fail, 1, 1);
        let bound = Some(Duration::from_secs(5));
        assert_eq!(Recovery.check(&run(10..30, bound).view()).verdict, Verdict::Fail);
    }

    /// The same with a second fault.
    fn run_twice(bad: std::ops::Range<u64>, second_ms: (u64, u64), most_s: u64) -> RunView {
        let mut run = run(bad, Some(Duration::from_secs(most_s)));
        let target = "node[0]".to_owned();
        let begun = EventKind::FaultBegun { fault: 1, kind: "kill".to_owned(), target };
        let injected = EventKind::FaultInjected { fault: 1, proof: Some("dead".to_owned()) };
        run = run.event(second_ms.0, begun).event(second_ms.0, injected);
        run.event(second_ms.1, EventKind::FaultHealed { fault: 1 }).view()
    }

    #[test]
    fn a_time_that_the_next_fault_hides_fails_only_by_what_is_sure() {
        // Bad from 10 s to 24 s: 4 s after the first fault the second comes, and is over at 20 s.
        let hidden = |most_s| Recovery.check(&run_twice(10..24, (14_000, 20_000), most_s));
        assert_found(&hidden(14), Verdict::Pass, 0, 0);
        let finding = hidden(12);
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("10 s to 14 s after the fault"), "{}", finding.summary);
        assert_found(&hidden(9), Verdict::Fail, 0, 0);
    }

    #[test]
    fn a_fault_at_the_end_leaves_no_time_to_recover() {
        let late = |most_s| Recovery.check(&run_twice(26..30, (26_000, 29_000), most_s));
        let finding = late(5);
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("The load ended"), "{}", finding.summary);
        assert_found(&late(3), Verdict::Fail, 0, 0);
    }

    #[test]
    fn a_bound_runs_from_the_fault_after_which_it_did_not_recover() {
        let again = EventKind::FaultBegun {
            fault: 1,
            kind: "kill".to_owned(),
            target: "node[1]".to_owned(),
        };
        let injected = EventKind::FaultInjected { fault: 1, proof: None };
        let slow = |most| {
            let mut run = run(10..12, Some(Duration::from_secs(most)));
            for op in &mut run.parts.operations {
                if op.intended_ns >= 25 * SECOND_NS {
                    op.finished_ns += 20_000_000;
                }
            }
            let run = run.event(25_000, again.clone()).event(25_001, injected.clone());
            Recovery.check(&run.event(27_000, EventKind::FaultHealed { fault: 1 }).view())
        };
        assert_eq!(slow(6).verdict, Verdict::Inconclusive, "the load ended 5 s after it");
        assert_eq!(slow(4).verdict, Verdict::Fail);
        let run = run(10..13, None).event(25_000, again.clone()).event(25_001, injected.clone());
        let finding = Recovery.check(&run.view());
        assert!(finding.summary.contains("3 s after the fault at the longest"), "{finding:?}");
    }

    #[test]
    fn one_that_is_only_slower_at_the_end_is_inconclusive() {
        let mut slow = run(0..0, None);
        for op in &mut slow.parts.operations {
            if op.intended_ns >= 10 * SECOND_NS {
                op.finished_ns += 20_000_000;
            }
        }
        assert_found(&Recovery.check(&slow.view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_time_under_tilt_is_not_believed() {
        let tilt = EventKind::Sentinel {
            sentinel: "sentinel[0]".to_owned(),
            channel: "+tilt".to_owned(),
            message: "#tilt mode entered".to_owned(),
        };
        let tilted = run(10..13, None).event(11_000, tilt);
        assert_found(&Recovery.check(&tilted.view()), Verdict::Inconclusive, 0, 0);
    }
}
