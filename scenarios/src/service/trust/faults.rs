//! Whether what the plan wanted to happen did happen.

use crate::checker::{Checker, Tally, many};
use redrill_history::{EventKind, Finding, PlannedFault, ResolvedPlan, Role, RunView};

/// Faults that must make another node master when they hit the master for long enough.
const UNSEATING: &[&str] = &["kill", "stop", "pause", "failover"];
/// Faults that do so where they hit nobody but the master, and everybody's links with it.
const HIDING: &[&str] = &["down", "timeout"];
const SENTINELS: &str = "sentinels";

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
        let planned = run.plan.faults.iter().enumerate();
        complaints.extend(planned.filter_map(|(index, fault)| unreplaced(run, index, fault)));
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

/// Whether a fault hits a master that has an heir, so that a promotion must follow. What is over
/// sooner than the Sentinels agree may have none, nor a cut after which they still see the master.
fn unseats_a_master(plan: &ResolvedPlan, fault: &PlannedFault) -> bool {
    let is_lost = |target: &String| {
        let (role, place) = target.split_once('.').unwrap_or_default();
        let home = Role::from_name(role).map(|role| plan.environment.home(role).1);
        place.starts_with("master")
            && home.is_some_and(|group| {
                let is_long = fault.lasts.is_none_or(|lasts| lasts >= 2 * group.down_after);
                group.replicas > 0 && is_long
            })
    };
    let (target, from) = (&fault.target, &fault.from);
    let names_sentinels = |group: &[String]| group.iter().any(|name| name == SENTINELS);
    let is_cut_off = fault.kind == "cut"
        && ((target.iter().any(is_lost) && names_sentinels(from))
            || (from.iter().any(is_lost) && names_sentinels(target)));
    let is_hit = UNSEATING.contains(&fault.kind.as_str()) && target.iter().any(is_lost);
    let is_hidden = HIDING.contains(&fault.kind.as_str())
        && fault.from.is_empty()
        && fault.with.is_empty()
        && fault.target.iter().all(is_lost);
    is_hit || is_cut_off || is_hidden
}

/// A fault that took a master away, after which no node of its group was promoted.
fn unreplaced(run: &RunView, index: usize, planned: &PlannedFault) -> Option<String> {
    let window = run.windows.iter().find(|window| window.fault == index)?;
    if window.injected_ns.is_none() || !unseats_a_master(&run.plan, planned) {
        return None;
    }
    let role = planned.target.iter().chain(&planned.from).find_map(|target| {
        let (role, place) = target.split_once('.')?;
        place.starts_with("master").then(|| Role::from_name(role)).flatten()
    });
    let (home, group) = run.plan.environment.home(role?);
    let of_group = |node: &str| {
        let of = node.split_once('.').and_then(|(role, _)| Role::from_name(role));
        of.unwrap_or(Role::Main) == home
    };
    let promotions = run.promotions().into_iter().filter(|(_, node)| of_group(node));
    let (before, after): (Vec<_>, Vec<_>) =
        promotions.partition(|(at_ns, _)| *at_ns < window.begun_ns);
    let hits = |node: &str| window.target.split([' ', ',']).any(|hit| hit == node);
    // Of one master: when another had its place already, nobody needed to take it.
    let was_replaced = group.masters <= 1 && before.last().is_some_and(|(_, node)| !hits(node));
    let name = format!("{} of {}", planned.kind, window.target);
    (after.is_empty() && !was_replaced)
        .then(|| format!("after {name} no node was promoted to master"))
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

    const MASTER: &str = "main.master";

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
    fn only_what_takes_the_master_from_the_sentinels_for_long_must_be_followed_by_a_promotion() {
        let second = Duration::from_secs(1);
        let group = |name: &str| vec![name.to_owned()];
        let hit = |kind: &str, lasts: Option<Duration>| PlannedFault {
            kind: kind.to_owned(),
            lasts,
            target: group(MASTER),
            ..PlannedFault::example()
        };
        let both = vec![MASTER.to_owned(), "replicas".to_owned()];
        let away = PlannedFault { target: both, ..hit("down", Some(8 * second)) };
        let cut = |from: &str| PlannedFault { from: group(from), ..hit("cut", Some(8 * second)) };
        for (fault, expected) in [
            (hit("kill", Some(8 * second)), true),
            (hit("failover", None), true),
            (hit("pause", Some(second)), false),
            (hit("latency", Some(8 * second)), false),
            (hit("down", Some(8 * second)), true),
            (hit("timeout", Some(8 * second)), true),
            (away, false),
            (cut(SENTINELS), true),
            (cut("server[0]"), false),
        ] {
            let plan = ResolvedPlan::example();
            assert_eq!(unseats_a_master(&plan, &fault), expected, "{fault:?}");
        }
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
