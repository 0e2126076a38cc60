//! Whether what the plan wanted to happen did happen.

use super::promotions::unreplaced;
use crate::checker::{Checker, Tally, many};
use redrill_history::{EventKind, Finding, PlannedFault, ResolvedPlan, RunView};

pub(super) struct Faults;

impl Checker for Faults {
    fn id(&self) -> &'static str {
        "trust.faults"
    }

    fn statement(&self) -> &'static str {
        "Every fault of the plan was injected, was seen to act and was healed, and one that takes \
         the master away was followed by a promotion."
    }

    fn applies(&self, plan: &ResolvedPlan) -> bool {
        !plan.faults.is_empty()
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        if !run.windows.is_empty() {
            for op in run.operations.iter().filter(|op| op.is_load()) {
                tally.examine(op);
            }
        }
        let planned = run.plan.faults.iter().enumerate();
        let mut complaints: Vec<String> =
            planned.filter_map(|(index, fault)| complaint(run, index, fault)).collect();
        complaints.extend(run.windows.iter().filter_map(|window| unreplaced(run, window)));
        let summary = format!("{} acted as planned.", many(run.plan.faults.len() as u64, "fault"));
        let finding = tally.judged(summary, "no fault was injected under load");
        if complaints.is_empty() {
            return finding;
        }
        finding.inconclusive(&format!(
            "The drill did not happen as planned: {}.",
            complaints.join("; ")
        ))
    }
}

fn complaint(run: &RunView, index: usize, planned: &PlannedFault) -> Option<String> {
    let name = format!("{} of {}", planned.kind, planned.target.join(", "));
    let failed = run.events.iter().find_map(|event| match &event.kind {
        EventKind::FaultFailed { fault, reason } if *fault == index => Some(reason),
        _ => None,
    });
    if let Some(reason) = failed {
        return Some(format!("{name} did not act as planned ({reason})"));
    }
    let window = run.windows.iter().find(|window| window.fault == index);
    match window {
        None => Some(format!("{name} was never injected")),
        Some(window) if window.injected_ns.is_none() => {
            Some(format!("{name} was begun and not seen to be done"))
        }
        Some(window) if window.proof.is_none() => Some(format!("nothing proves that {name} acted")),
        Some(window) if planned.lasts.is_some() && window.healed_ns.is_none() => {
            Some(format!("{name} was not healed"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::{Action, GroupPlan, NodeRole, Verdict};
    use std::time::Duration;

    fn planned(mut run: Literal) -> RunView {
        run.parts.plan.faults.push(PlannedFault::example());
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.view()
    }

    fn watched() -> Literal {
        Literal::new().role("node[0]", NodeRole::Master, 0).role("node[1]", NodeRole::Replica, 0)
    }

    #[test]
    fn a_fault_that_acted_and_unseated_the_master_passes() {
        let run = watched().fault("kill", "node[0]", 10_000, Some(20_000)).role(
            "node[1]",
            NodeRole::Master,
            12_000,
        );
        assert_found(&Faults.check(&planned(run)), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_promotion_does_not_serve_for_a_master_that_is_lost_after_it() {
        let promoted = |at| watched().role("node[1]", NodeRole::Master, at);
        let twice = |run: Literal, second: &str| {
            let mut run = run.fault("kill", "node[0]", 10_000, Some(20_000));
            run.parts.plan.faults.push(PlannedFault::example());
            let begun = EventKind::FaultBegun {
                fault: 1,
                kind: "kill".to_owned(),
                target: second.to_owned(),
            };
            let proof = Some("it is dead".to_owned());
            let injected = EventKind::FaultInjected { fault: 1, proof };
            let healed = EventKind::FaultHealed { fault: 1 };
            run.event(15_000, begun).event(15_001, injected).event(25_000, healed)
        };
        let lost_again = twice(promoted(12_000), "node[1]");
        let finding = Faults.check(&planned(lost_again));
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("after kill of node[1]"), "{}", finding.summary);
        let replaced = twice(promoted(12_000), "node[1]").role("node[2]", NodeRole::Master, 17_000);
        assert_found(&Faults.check(&planned(replaced)), Verdict::Pass, 0, 0);
        let dead_already = twice(promoted(12_000), "node[0]");
        assert_found(&Faults.check(&planned(dead_already)), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_promotion_in_another_group_replaces_nobody() {
        let promoted = |node: &str| {
            let run = watched().fault("kill", "node[0]", 10_000, Some(20_000));
            let mut run = run.role(node, NodeRole::Master, 12_000);
            run.parts.plan.environment.cache = Some(GroupPlan::example());
            Faults.check(&planned(run))
        };
        assert_found(&promoted("node[1]"), Verdict::Pass, 0, 0);
        assert_found(&promoted("cache.node[1]"), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn where_there_are_several_masters_each_must_be_replaced() {
        let mut run = watched().role("node[2]", NodeRole::Replica, 0);
        run.parts.plan.environment.main.masters = 3;
        let run = run.fault("kill", "node[0]", 10_000, Some(20_000));
        let mut run = run.role("node[1]", NodeRole::Master, 12_000);
        run.parts.plan.faults.push(PlannedFault::example());
        let begun = EventKind::FaultBegun {
            fault: 1,
            kind: "kill".to_owned(),
            target: "node[4]".to_owned(),
        };
        let injected = EventKind::FaultInjected { fault: 1, proof: Some("dead".to_owned()) };
        let run = run.event(15_000, begun).event(15_001, injected);
        let run = run.event(25_000, EventKind::FaultHealed { fault: 1 });
        let finding = Faults.check(&planned(run));
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("after kill of node[4]"), "{}", finding.summary);
    }

    #[test]
    fn a_promotion_long_after_the_fault_is_of_another() {
        let promoted = |at| watched().role("node[1]", NodeRole::Master, at);
        let killed = |at| promoted(at).fault("kill", "node[0]", 10_000, Some(20_000));
        assert_found(&Faults.check(&planned(killed(22_000))), Verdict::Pass, 0, 0);
        assert_found(&Faults.check(&planned(killed(40_000))), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_promotion_on_command_does_not_serve_for_a_master_that_was_lost_before_it() {
        let run = |is_commanded: bool| {
            let run = watched().fault("kill", "node[0]", 10_000, Some(20_000));
            let mut run = run.role("node[1]", NodeRole::Master, 31_000);
            run.parts.plan.environment.main.failover_timeout = Duration::from_secs(60);
            run = if is_commanded { commanded(run, 30_000) } else { run };
            run.op(Action::Submit, 1, 0, (1000, 1010));
            run.parts.plan.faults.insert(0, PlannedFault::example());
            Faults.check(&run.view())
        };
        assert_found(&run(false), Verdict::Pass, 0, 0);
        let finding = run(true);
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
        assert!(finding.summary.contains("after kill of node[0]"), "{}", finding.summary);
    }

    /// A failover on command besides, as the plan's second fault.
    fn commanded(mut run: Literal, at_ms: u64) -> Literal {
        let kind = "failover".to_owned();
        let at = Duration::from_millis(at_ms);
        let fault = PlannedFault { kind: kind.clone(), at, lasts: None, ..PlannedFault::example() };
        run.parts.plan.faults.push(fault);
        let target = "node[0]".to_owned();
        let injected = EventKind::FaultInjected { fault: 1, proof: Some("done".to_owned()) };
        run.event(at_ms, EventKind::FaultBegun { fault: 1, kind, target }).event(at_ms, injected)
    }

    #[test]
    fn every_deviation_from_the_plan_is_inconclusive_and_named() {
        let begun = EventKind::FaultBegun {
            fault: 0,
            kind: "kill".to_owned(),
            target: "node[0]".to_owned(),
        };
        let injected = EventKind::FaultInjected { fault: 0, proof: None };
        let reason = "no such process".to_owned();
        let failed = EventKind::FaultFailed { fault: 0, reason };
        for (run, word) in [
            (watched(), "never injected"),
            (watched().event(10_000, begun.clone()).event(10_001, failed), "no such process"),
            (watched().event(10_000, begun.clone()), "not seen to be done"),
            (watched().event(10_000, begun).event(10_001, injected), "nothing proves"),
            (watched().fault("kill", "node[0]", 10_000, None), "was not healed"),
            (watched().fault("kill", "node[0]", 10_000, Some(20_000)), "no node was promoted"),
        ] {
            let finding = Faults.check(&planned(run));
            assert_found(&finding, Verdict::Inconclusive, 0, 0);
            assert!(finding.summary.contains(word), "{} has no '{word}'", finding.summary);
            let is_injected =
                !["never injected", "no such process", "not seen to be done"].contains(&word);
            // What was not done need not be followed by anything.
            let is_told = finding.summary.contains("no node was promoted");
            assert!(is_injected || !is_told, "{}", finding.summary);
        }
    }
}
