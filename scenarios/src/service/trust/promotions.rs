//! Whether a promotion must follow a fault, and did.

use crate::checker::nanoseconds;
use redrill_history::{
    EventKind, GroupPlan, NodeRole, PlannedFault, ResolvedPlan, Role, RunView, Window,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// Faults that must make another node master when they hit the master for long enough.
const UNSEATING: &[&str] = &["kill", "stop", "pause", "failover"];
/// Faults that do so where they hit nobody but the master, and everybody's links with it.
const HIDING: &[&str] = &["down", "timeout"];
/// Those of them that need no end.
const LASTING: &[&str] = &["kill", "stop"];
/// How long Sentinels that miss a master may take to agree: they ask each other once a second, and
/// wait up to another before one asks for their votes.
const AGREE_WITHIN: Duration = Duration::from_secs(3);
const SENTINELS: &str = "sentinels";

/// A fault that took a master away, after which no node of its group was promoted: neither by its
/// own end and the time of a failover, nor before a later fault that has a promotion of its own.
pub(super) fn unreplaced(run: &RunView, window: &Window) -> Option<String> {
    let plan = &run.plan;
    if window.injected_ns.is_none() || !unseats_a_master(run, window) {
        return None;
    }
    let (home, group) = group_of_master(plan, plan.faults.get(window.fault)?)?;
    let over_ns = window.over_ns().saturating_add(nanoseconds(group.down_after));
    let is_later = |other: &&Window| {
        let fault = plan.faults.get(other.fault);
        let of = fault.and_then(|fault| group_of_master(plan, fault)).map(|(role, _)| role);
        other.begun_ns > over_ns && of == Some(home) && unseats_a_master(run, other)
    };
    // They are in their order.
    let later_ns = run.windows.iter().find(is_later).map(|other| other.begun_ns);
    let settled_ns = over_ns.saturating_add(2 * nanoseconds(group.failover_timeout));
    let until_ns = later_ns.unwrap_or(settled_ns).min(settled_ns);
    let promotions = run.promotions().into_iter().filter(|(_, node)| home_of(plan, node) == home);
    let (before, after): (Vec<_>, Vec<_>) =
        promotions.partition(|(at_ns, _)| *at_ns < window.begun_ns);
    let is_replaced = after.iter().any(|(at_ns, _)| *at_ns <= until_ns);
    let hits = |node: &str| hit_by(window).any(|hit| hit == node);
    // Of one master: when another had its place already, nobody needed to take it.
    let was_replaced = group.masters <= 1 && before.last().is_some_and(|(_, node)| !hits(node));
    let name = format!("{} of {}", window.kind, window.target);
    (!is_replaced && !was_replaced).then(|| format!("after {name} no node was promoted to master"))
}

/// Whether a promotion must follow a fault of the plan: it hits a master, and leaves an heir and
/// the Sentinels that it takes, as every fault does that acts at the same time. What is over
/// sooner than the Sentinels agree may have none, nor a cut after which they still see the master.
fn unseats_a_master(run: &RunView, window: &Window) -> bool {
    let plan = &run.plan;
    let Some(fault) = plan.faults.get(window.fault) else { return false };
    let Some((home, group)) = group_of_master(plan, fault) else { return false };
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
    let agreed = (2 * group.down_after).max(group.down_after + AGREE_WITHIN);
    let is_long = fault.lasts.is_none_or(|lasts| lasts >= agreed);
    (is_hit || is_cut_off || is_hidden) && is_long && can_promote(run, window, home, group)
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
/// How much a fault hinders what it hits is not known: that is taken to be of no use.
fn can_promote(run: &RunView, window: &Window, home: Role, group: &GroupPlan) -> bool {
    let plan = &run.plan;
    // What has just come back may not be of use yet.
    let end = |fault: &PlannedFault| match fault.lasts {
        None if LASTING.contains(&fault.kind.as_str()) => Duration::MAX,
        lasts => fault.at + lasts.unwrap_or_default() + group.failover_timeout,
    };
    let Some(fault) = plan.faults.get(window.fault) else { return false };
    let meets = |other: &PlannedFault| other.at <= end(fault) && fault.at <= end(other);
    let others = run.windows.iter().filter(|other| {
        other.fault != window.fault && plan.faults.get(other.fault).is_some_and(meets)
    });
    // The other side of the fault itself is what its master is cut off from.
    let (target, from) = window.target.split_once(" from ").unwrap_or((&window.target, ""));
    let own = if fault.target.iter().any(|name| is_master(name)) { target } else { from };
    let own: BTreeSet<&str> = own.split(", ").collect();
    let hit: BTreeSet<&str> = others.flat_map(hit_by).chain(own.iter().copied()).collect();
    let lost = |what: &'static str| {
        let hit = hit.iter().copied().filter(move |name| place(name).starts_with(what));
        hit.filter(|name| home_of(plan, name) == home)
    };
    // Who is master now, of this or of another part of the keys, is no heir anyway; one that was
    // master before this one may still say that it is.
    let is_no_heir = |node: &str| {
        (group.masters > 1 || own.contains(node)) && is_master_at(run, node, window.begun_ns)
    };
    let heirs = lost("node[").filter(|node| !is_no_heir(node)).count();
    let heirs = usize::from(group.replicas).saturating_sub(heirs);
    let sentinels = usize::from(group.sentinels).saturating_sub(lost("sentinel[").count());
    let agree = usize::from(group.quorum.max(group.sentinels / 2 + 1));
    heirs > 0 && (group.sentinels == 0 || sentinels >= agree)
}

/// The processes that a fault hit, by their names.
fn hit_by(window: &Window) -> impl Iterator<Item = &str> {
    window.target.split([' ', ',']).filter(|word| !word.is_empty() && *word != "from")
}

/// `node[1]` of `cache.node[1]`.
fn place(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, place)| place)
}

/// The role whose group a process is of.
fn home_of(plan: &ResolvedPlan, name: &str) -> Role {
    let role = name.split_once('.').and_then(|(role, _)| Role::from_name(role));
    role.map_or(Role::Main, |role| plan.environment.home(role).0)
}

/// Whether a node said that it is master when it was last asked before that.
fn is_master_at(run: &RunView, name: &str, at_ns: u64) -> bool {
    let before = run.events.iter().take_while(|event| event.at_ns <= at_ns);
    let told = before.filter_map(|event| match &event.kind {
        EventKind::Role { node, role, .. } if node == name => Some(role),
        _ => None,
    });
    told.last() == Some(&NodeRole::Master)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::Literal;

    const MASTER: &str = "main.master";

    fn fault(kind: &str, at_s: u64, lasts_s: u64, target: &[&str]) -> PlannedFault {
        PlannedFault {
            kind: kind.to_owned(),
            at: Duration::from_secs(at_s),
            lasts: (lasts_s > 0).then(|| Duration::from_secs(lasts_s)),
            target: target.iter().map(|name| (*name).to_owned()).collect(),
            ..PlannedFault::example()
        }
    }

    /// Whether the first of these faults must be followed by a promotion.
    fn must(faults: &[(PlannedFault, &str)], shape: fn(&mut GroupPlan)) -> bool {
        first_must(run(faults, shape))
    }

    fn first_must(run: Literal) -> bool {
        let view = run.view();
        unseats_a_master(&view, view.windows.iter().find(|window| window.fault == 0).unwrap())
    }

    /// A run with these faults, each with what it hit; `node[0]` is master, and of several masters
    /// so is `node[1]`.
    fn run(faults: &[(PlannedFault, &str)], shape: fn(&mut GroupPlan)) -> Literal {
        let mut run = Literal::new();
        shape(&mut run.parts.plan.environment.main);
        let masters = usize::from(run.parts.plan.environment.main.masters);
        for node in 0..4 {
            let role = if node < masters { NodeRole::Master } else { NodeRole::Replica };
            run = run.role(&format!("node[{node}]"), role, 0);
        }
        for (index, (planned, hit)) in faults.iter().enumerate() {
            let (kind, target) = (planned.kind.clone(), (*hit).to_owned());
            let at_ms = u64::try_from(planned.at.as_millis()).unwrap();
            let proof = Some("it acts".to_owned());
            run.parts.plan.faults.push(planned.clone());
            run = run
                .event(at_ms, EventKind::FaultBegun { fault: index, kind, target })
                .event(at_ms, EventKind::FaultInjected { fault: index, proof });
        }
        run
    }

    #[test]
    fn only_what_takes_the_master_from_the_sentinels_for_long_must_be_followed_by_a_promotion() {
        let cut = |from: &str| PlannedFault {
            from: vec![from.to_owned()],
            ..fault("cut", 10, 8, &[MASTER])
        };
        let mirrored =
            PlannedFault { from: vec![MASTER.to_owned()], ..fault("cut", 10, 8, &[SENTINELS]) };
        let sentinels = "sentinel[0], sentinel[1], sentinel[2]";
        for (fault, hit, expected) in [
            (mirrored, &*format!("{sentinels} from node[0]"), true),
            (fault("kill", 10, 8, &[MASTER]), "node[0]", true),
            (fault("failover", 10, 0, &[MASTER]), "node[0]", true),
            (fault("pause", 10, 2, &[MASTER]), "node[0]", false),
            (fault("pause", 10, 4, &[MASTER]), "node[0]", true),
            (fault("latency", 10, 8, &[MASTER]), "node[0]", false),
            (fault("down", 10, 8, &[MASTER]), "node[0]", true),
            (fault("timeout", 10, 8, &[MASTER]), "node[0]", true),
            (fault("down", 10, 8, &[MASTER, "replicas"]), "node[0], node[1], node[2]", false),
            (cut(SENTINELS), &*format!("node[0] from {sentinels}"), true),
            (cut("server[0]"), "node[0] from server[0]", false),
        ] {
            assert_eq!(must(&[(fault.clone(), hit)], |_| ()), expected, "{fault:?}");
        }
    }

    #[test]
    fn no_promotion_is_asked_of_those_who_cannot_give_it() {
        let lost = (fault("kill", 10, 8, &[MASTER]), "node[0]");
        let sentinels = |at| fault("kill", at, 9, &["sentinels"]);
        let all = "sentinel[0], sentinel[1], sentinel[2]";
        let two = fault("kill", 8, 9, &["sentinel[0]", "sentinel[2]"]);
        let replica = fault("pause", 12, 2, &["main.replica[1]"]);
        let apart = fault("pause", 12, 2, &["cache"]);
        for (other, expected) in [
            (None, true),
            (Some((fault("kill", 8, 9, &["sentinel[0]"]), "sentinel[0]")), true),
            (Some((two, "sentinel[0], sentinel[2]")), false),
            (Some((sentinels(8), all)), false),
            (Some((sentinels(30), all)), true),
            (Some((replica, "node[2]")), true),
            (Some((fault("pause", 12, 2, &["node[1]", "node[2]"]), "node[1], node[2]")), false),
            (Some((apart, "server[1], server[2]")), true),
        ] {
            let faults: Vec<_> = [Some(lost.clone()), other].into_iter().flatten().collect();
            assert_eq!(must(&faults, |_| ()), expected, "{faults:?}");
        }
        let everybody = (fault("kill", 10, 8, &[MASTER, "replicas"]), "node[0], node[1], node[2]");
        assert!(!must(&[everybody], |_| ()));
    }

    #[test]
    fn another_fault_on_a_master_takes_no_heir_away() {
        let lost = (fault("kill", 10, 8, &[MASTER]), "node[0]");
        let slow = |at, hit| (fault("latency", at, 1, &[MASTER]), hit);
        let one_replica = |group: &mut GroupPlan| group.replicas = 1;
        // The same node, and the heir.
        assert!(must(&[lost.clone(), slow(7, "node[0]")], one_replica));
        assert!(!must(&[lost.clone(), slow(12, "node[2]")], one_replica));
        // One that was master before it is dead, or has just come back and says so still.
        let again = (fault("kill", 20, 8, &[MASTER]), "node[1]");
        for (lasts_s, back) in [(20, None), (8, Some(NodeRole::Master))] {
            let before = (fault("kill", 10, lasts_s, &[MASTER]), "node[0]");
            let mut run = run(&[again.clone(), before], one_replica);
            run = run.role("node[0]", NodeRole::Down, 10_500);
            run = run.role("node[1]", NodeRole::Master, 12_000);
            if let Some(role) = back {
                run = run.role("node[0]", role, 18_500);
            }
            assert!(!first_must(run), "{back:?}");
        }
        let shards = |group: &mut GroupPlan| {
            (group.masters, group.replicas, group.sentinels) = (2, 1, 0);
        };
        assert!(must(&[lost.clone(), slow(12, "node[1]")], shards));
        assert!(!must(&[lost, slow(12, "node[2]")], shards));
    }
}
