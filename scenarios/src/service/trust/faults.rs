//! Whether what the plan wanted to happen did happen.

use crate::checker::{Checker, Tally, many, nanoseconds};
use redrill_history::{
    EventKind, Finding, GroupPlan, PlannedFault, ResolvedPlan, Role, RunView, Window,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// Faults that must make another node master when they hit the master for long enough.
const UNSEATING: &[&str] = &["kill", "stop", "pause", "failover"];
/// Faults that do so where they hit nobody but the master, and everybody's links with it.
const HIDING: &[&str] = &["down", "timeout"];
/// Those of them that need no end.
const LASTING: &[&str] = &["kill", "stop"];
const SENTINELS: &str = "sentinels";
const REPLICAS: &str = "replicas";

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

/// Whether a promotion must follow a fault of the plan: it hits a master, and leaves an heir and
/// the Sentinels that it takes, as every fault does that acts at the same time. What is over
/// sooner than the Sentinels agree may have none, nor a cut after which they still see the master.
fn unseats_a_master(plan: &ResolvedPlan, fault: &PlannedFault) -> bool {
    let Some(group) = group_of_master(plan, fault) else { return false };
    let is_lost = |target: &String| is_master(target);
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
    let is_long = fault.lasts.is_none_or(|lasts| lasts >= 2 * group.1.down_after);
    (is_hit || is_cut_off || is_hidden) && is_long && can_promote(plan, fault, group)
}

fn is_master(target: &str) -> bool {
    target.split_once('.').is_some_and(|(_, place)| place.starts_with("master"))
}

/// The group whose master a fault names.
fn group_of_master<'a>(
    plan: &'a ResolvedPlan,
    fault: &PlannedFault,
) -> Option<(Role, &'a GroupPlan)> {
    let target = fault.target.iter().chain(&fault.from).find(|target| is_master(target))?;
    let role = Role::from_name(target.split_once('.')?.0)?;
    Some(plan.environment.home(role))
}

/// Whether replicas and Sentinels enough for a promotion are out of reach of what acts meanwhile.
fn can_promote(plan: &ResolvedPlan, fault: &PlannedFault, group: (Role, &GroupPlan)) -> bool {
    let (home, group) = group;
    // What has just come back may not be of use yet.
    let end = |fault: &PlannedFault| match fault.lasts {
        None if LASTING.contains(&fault.kind.as_str()) => Duration::MAX,
        lasts => fault.at + lasts.unwrap_or_default() + group.failover_timeout,
    };
    let meets = |other: &PlannedFault| other.at <= end(fault) && fault.at <= end(other);
    // The other side of the fault itself is what its master is cut off from.
    let own = fault.target.iter().filter(|name| !is_master(name));
    let others = plan.faults.iter().filter(|other| *other != fault && meets(other));
    let hit: BTreeSet<&str> = others
        .flat_map(|other| other.target.iter().chain(&other.from))
        .chain(own)
        .filter_map(|name| match name.split_once('.') {
            Some((role, place)) => (home_of(plan, role) == home).then_some(place),
            None if Role::from_name(name).is_some() => {
                (home_of(plan, name) == home).then_some(REPLICAS)
            }
            None => (home == Role::Main).then_some(name.as_str()),
        })
        .collect();
    let lost = |one: &str| hit.iter().filter(|name| name.starts_with(one)).count();
    let left = |all: u8, every: &str, lost: usize| {
        if hit.contains(every) { 0 } else { usize::from(all).saturating_sub(lost) }
    };
    // A node by its number, and whoever is master when another is lost, may be an heir.
    let heirs = left(group.replicas, REPLICAS, lost("replica[") + lost("node[") + lost("master"));
    let sentinels = left(group.sentinels, SENTINELS, lost("sentinel["));
    let agree = usize::from(group.quorum.max(group.sentinels / 2 + 1));
    heirs > 0 && (group.sentinels == 0 || sentinels >= agree)
}

fn home_of(plan: &ResolvedPlan, role: &str) -> Role {
    Role::from_name(role).map_or(Role::Main, |role| plan.environment.home(role).0)
}

/// A fault that took a master away, after which no node of its group was promoted: neither by its
/// own end and the time of a failover, nor before a later fault that has a promotion of its own.
fn unreplaced(run: &RunView, index: usize, planned: &PlannedFault) -> Option<String> {
    let plan = &run.plan;
    let window = run.windows.iter().find(|window| window.fault == index)?;
    if window.injected_ns.is_none() || !unseats_a_master(plan, planned) {
        return None;
    }
    let (home, group) = group_of_master(plan, planned)?;
    let of_group = |node: &str| {
        node.split_once('.').map_or(Role::Main, |(role, _)| home_of(plan, role)) == home
    };
    let over_ns = window.over_ns().saturating_add(nanoseconds(group.down_after));
    let is_later = |other: &&Window| {
        let fault = plan.faults.get(other.fault);
        let unseats = fault.is_some_and(|fault| {
            let of = group_of_master(plan, fault).map(|(role, _)| role);
            of == Some(home) && unseats_a_master(plan, fault)
        });
        other.begun_ns > over_ns && unseats
    };
    let later_ns = run.windows.iter().filter(is_later).map(|other| other.begun_ns).min();
    let settled_ns = over_ns.saturating_add(2 * nanoseconds(group.failover_timeout));
    let until_ns = later_ns.unwrap_or(settled_ns).min(settled_ns);
    let promotions = run.promotions().into_iter().filter(|(_, node)| of_group(node));
    let (before, after): (Vec<_>, Vec<_>) =
        promotions.partition(|(at_ns, _)| *at_ns < window.begun_ns);
    let is_replaced = after.iter().any(|(at_ns, _)| *at_ns <= until_ns);
    let hits = |node: &str| window.target.split([' ', ',']).any(|hit| hit == node);
    // Of one master: when another had its place already, nobody needed to take it.
    let was_replaced = group.masters <= 1 && before.last().is_some_and(|(_, node)| !hits(node));
    let name = format!("{} of {}", planned.kind, window.target);
    (!is_replaced && !was_replaced).then(|| format!("after {name} no node was promoted to master"))
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
    fn no_promotion_is_asked_of_those_who_cannot_give_it() {
        let fault = |kind: &str, at: u64, lasts: u64, target: &[&str]| PlannedFault {
            kind: kind.to_owned(),
            at: Duration::from_secs(at),
            lasts: Some(Duration::from_secs(lasts)),
            target: target.iter().map(|name| (*name).to_owned()).collect(),
            ..PlannedFault::example()
        };
        let lost = fault("kill", 10, 8, &[MASTER]);
        let sentinels = fault("kill", 8, 9, &["sentinels"]);
        let all = fault("kill", 10, 8, &[MASTER, "replicas"]);
        for (faults, expected) in [
            (vec![lost.clone()], true),
            (vec![lost.clone(), fault("kill", 8, 9, &["sentinel[0]"])], true),
            (vec![lost.clone(), fault("kill", 8, 9, &["sentinel[0]", "sentinel[2]"])], false),
            (vec![lost.clone(), sentinels.clone()], false),
            (vec![lost.clone(), PlannedFault { at: Duration::from_secs(30), ..sentinels }], true),
            (vec![lost.clone(), fault("pause", 12, 2, &["main.replica[1]"])], true),
            (vec![lost.clone(), fault("pause", 12, 2, &["node[1]", "node[2]"])], false),
            (vec![all], false),
        ] {
            let plan = ResolvedPlan { faults, ..ResolvedPlan::example() };
            assert_eq!(unseats_a_master(&plan, &plan.faults[0]), expected, "{:?}", plan.faults);
        }
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
