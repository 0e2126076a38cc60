//! Where a loss came from: when it was acknowledged, and by which node.

use redrill_history::{EventKind, Observation, Operation, RunView};

/// Every answer of [`acknowledged_when`], in order of time.
pub(super) fn acknowledged_whens(run: &RunView) -> Vec<String> {
    let moments = moments(run);
    (0..=moments.len()).map(|passed| between(&moments, passed)).collect()
}

/// When an operation was acknowledged, told by the moments of the failover.
pub(super) fn acknowledged_when(run: &RunView, op: &Operation) -> String {
    let moments = moments(run);
    let passed = moments.iter().take_while(|(at_ns, _)| *at_ns <= op.finished_ns).count();
    between(&moments, passed)
}

type Moment = (u64, &'static str);

fn moments(run: &RunView) -> Vec<Moment> {
    let mut moments = Vec::new();
    moments.extend(run.windows.first().map(|window| (window.begun_ns, "the injection")));
    moments.extend(run.promotion().map(|(at_ns, _)| (at_ns, "the promotion")));
    moments.extend(run.healed_ns().filter(|_| !moments.is_empty()).map(|at| (at, "the healing")));
    moments.sort_unstable();
    moments
}

/// The time after so many of the moments.
fn between(moments: &[Moment], passed: usize) -> String {
    match (passed.checked_sub(1), moments.get(passed)) {
        (None, None) => "in a run without a fault".to_owned(),
        (None, Some(_)) => "before the fault".to_owned(),
        (Some(last), Some((_, next))) => format!("between {} and {next}", moments[last].1),
        (Some(last), None) => format!("after {}", moments[last].1),
    }
}

/// The node that acknowledged an operation, as its answer told, and what that node was then.
pub(crate) fn acknowledged_by(run: &RunView, op: &Operation) -> String {
    let Some(number) = run.observation(op.seq).and_then(|told| told.node) else {
        return "the answer did not tell".to_owned();
    };
    let named = run.events.iter().find_map(|event| match &event.kind {
        EventKind::Role { node, run_id: Some(run_id), .. }
            if Observation::node_number(run_id) == Some(number) =>
        {
            Some(node.as_str())
        }
        _ => None,
    });
    let Some(node) = named else { return "a node that nobody observed".to_owned() };
    let promotions = run.promotions();
    let Some((first_ns, _)) = promotions.first() else { return node.to_owned() };
    // Where there are several masters, the others lost nothing to the promotion.
    let apart = has_masters_apart(run);
    match promotions.iter().rposition(|(_, promoted)| *promoted == node) {
        None if apart && !was_hit(run, node) => format!("{node}, which was not hit"),
        None if op.finished_ns < *first_ns => {
            format!("{node}, the old master, before the promotion")
        }
        None => format!("{node}, the old master, after the promotion"),
        // The second of three masters is old, too, once the third is there.
        Some(own) => match promotions[own + 1..].first() {
            Some((next_ns, next)) if !apart && op.finished_ns >= *next_ns => {
                format!("{node}, an old master, after the promotion of {next}")
            }
            _ => format!("{node}, the new master"),
        },
    }
}

fn has_masters_apart(run: &RunView) -> bool {
    run.plan.environment.groups().map(|(_, group)| group.masters).sum::<u8>() > 1
}

fn was_hit(run: &RunView, node: &str) -> bool {
    run.windows.iter().any(|window| window.target.split([',', ' ']).any(|target| target == node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::Literal;
    use redrill_history::{Action, NodeRole};

    fn told_by(digit: u64) -> Observation {
        let node = (0..16).fold(0, |number, _| number * 16 + digit);
        Observation { node: Some(node), ..Default::default() }
    }

    #[test]
    fn a_master_of_another_shard_is_no_old_master() {
        let mut run = Literal::new()
            .role("node[1]", NodeRole::Master, 0)
            .role("node[2]", NodeRole::Master, 0)
            .role("node[3]", NodeRole::Replica, 0)
            .fault("kill", "node[1]", 10_000, Some(20_000))
            .role("node[3]", NodeRole::Master, 12_000);
        run.parts.plan.environment.main.masters = 3;
        for node in [1, 2, 3] {
            run.op(Action::Submit, 1, 0, (10_995, 11_000));
            run.told(told_by(node));
        }
        let run = run.view();
        let told: Vec<_> = run.operations.iter().map(|op| acknowledged_by(&run, op)).collect();
        let expected = [
            "node[1], the old master, before the promotion",
            "node[2], which was not hit",
            "node[3], the new master",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn of_three_masters_the_second_is_new_until_the_third_is() {
        let mut run = Literal::new()
            .role("node[1]", NodeRole::Master, 0)
            .fault("kill", "node[1]", 10_000, Some(20_000))
            .role("node[2]", NodeRole::Master, 12_000)
            .role("node[3]", NodeRole::Master, 15_000);
        for (at_ms, node) in [(13_000, 2), (16_000, 2), (16_001, 3), (16_002, 1)] {
            run.op(Action::Submit, at_ms, 0, (at_ms - 5, at_ms));
            run.told(told_by(node));
        }
        let run = run.view();
        let told: Vec<_> = run.operations.iter().map(|op| acknowledged_by(&run, op)).collect();
        let expected = [
            "node[2], the new master",
            "node[2], an old master, after the promotion of node[3]",
            "node[3], the new master",
            "node[1], the old master, after the promotion",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_loss_is_placed_by_the_moments_and_nodes_of_the_failover() {
        let mut run = Literal::new()
            .role("node[1]", NodeRole::Master, 0)
            .role("node[2]", NodeRole::Replica, 0)
            .fault("cut", "node[1]", 10_000, Some(20_000))
            .role("node[2]", NodeRole::Master, 12_000);
        for (at_ms, node) in [(9_000, 1), (11_000, 1), (13_000, 1), (14_000, 2), (21_000, 3)] {
            run.op(Action::Submit, at_ms, 0, (at_ms - 5, at_ms));
            run.told(told_by(node));
        }
        let run = run.view();
        let told: Vec<_> = run
            .operations
            .iter()
            .map(|op| (acknowledged_when(&run, op), acknowledged_by(&run, op)))
            .collect();
        let expected = [
            ("before the fault", "node[1], the old master, before the promotion"),
            (
                "between the injection and the promotion",
                "node[1], the old master, before the promotion",
            ),
            (
                "between the promotion and the healing",
                "node[1], the old master, after the promotion",
            ),
            ("between the promotion and the healing", "node[2], the new master"),
            ("after the healing", "a node that nobody observed"),
        ];
        assert_eq!(told, expected.map(|(when, by)| (when.to_owned(), by.to_owned())));
    }
}
