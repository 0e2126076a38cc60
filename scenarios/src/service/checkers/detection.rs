//! Who noticed the fault, and when.

use crate::checker::{Checker, Objective, Tally};
use crate::service::rates::sentinel_messages;
use redrill_history::{Finding, Operation, ResolvedPlan, RunView, Unit};

/// What Sentinels say on the way to a new master, in its order.
const MESSAGES: [(&str, &[&str]); 4] = [
    ("a Sentinel alone took it for down (+sdown)", &["+sdown"]),
    ("the Sentinels agreed that it was down (+odown)", &["+odown"]),
    ("a Sentinel named the new master", &["+promoted-slave", "+switch-master"]),
    ("a Sentinel told clients of the new master (+switch-master)", &["+switch-master"]),
];

pub(super) struct Detection;

impl Checker for Detection {
    fn id(&self) -> &'static str {
        "service.detection"
    }

    fn statement(&self) -> &'static str {
        "A fault is noticed. An objective of the plan says how soon a request must show it."
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
            return tally.reported(String::new(), "no fault was injected");
        };
        let after = |op: &&Operation| op.is_load() && op.intended_ns >= injected_ns;
        for op in run.operations.iter().filter(after) {
            tally.examine(op);
        }
        let since = |at_ns: u64| at_ns.saturating_sub(injected_ns) as f64;
        let symptom = run.phases.time_to_symptom_ns.map(|time_ns| time_ns as f64);
        let promoted = run.promotion().map(|(at_ns, _)| since(at_ns));
        tally.measure("first request without acknowledgement", symptom, Unit::Nanoseconds);
        tally.measure("a node's role became master", promoted, Unit::Nanoseconds);
        for (name, channels) in MESSAGES {
            let first = sentinel_messages(run)
                .find(|(at_ns, channel)| *at_ns >= injected_ns && channels.contains(channel));
            tally.measure(name, first.map(|(at_ns, _)| since(at_ns)), Unit::Nanoseconds);
        }
        let symptom = symptom.map_or_else(
            || "No request showed the fault".to_owned(),
            |time_ns| format!("A request showed the fault after {}", time(time_ns)),
        );
        let promotion = promoted.map_or_else(
            || "no node was promoted".to_owned(),
            |time_ns| format!("a node was promoted after {}", time(time_ns)),
        );
        tally.reported(format!("{symptom}; {promotion}."), "nothing was asked after the fault")
    }
}

/// A time that a reader can compare: milliseconds below a second.
fn time(time_ns: f64) -> String {
    if time_ns < 1e9 {
        format!("{:.0} ms", time_ns / 1e6)
    } else {
        format!("{:.2} s", time_ns / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, refused};
    use redrill_history::{Action, EventKind, NodeRole, Verdict};

    fn says(channel: &str) -> EventKind {
        EventKind::Sentinel {
            sentinel: "sentinel[1]".to_owned(),
            channel: channel.to_owned(),
            message: "main".to_owned(),
        }
    }

    #[test]
    fn a_fault_that_never_came_is_inconclusive() {
        assert_eq!(Detection.check(&Literal::new().view()).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn every_moment_counts_from_the_injection() {
        let mut run = Literal::new()
            .role("node[0]", NodeRole::Master, 0)
            .event(2000, says("+sdown"))
            .fault("kill", "node[0]", 10_000, Some(20_000))
            .event(11_000, says("+sdown"))
            .event(11_200, says("+odown"))
            .role("node[1]", NodeRole::Master, 12_000)
            .event(12_900, says("+switch-master"));
        refused(run.op(Action::Submit, 1, 0, (10_500, 10_501)), 503);
        let finding = Detection.check(&run.view());
        assert_eq!(finding.verdict, Verdict::Pass);
        let values: Vec<_> = finding.measures.iter().map(|measure| measure.value).collect();
        let expected = [0.5, 2.0, 1.0, 1.2, 2.9, 2.9].map(|time_s| Some(time_s * 1e9));
        assert_eq!(values, expected);
    }
}
