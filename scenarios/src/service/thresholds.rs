//! The thresholds of a plan and of the command line, each a finding of its own.

use super::rates::{Arrivals, arrivals};
use crate::checker::{many, witness};
use redrill_history::{
    Finding, Measure, Metric, Operation, RunView, Segment, Threshold, Traffic, Unit, Verdict,
    Witness,
};

/// Requests that prove a threshold broken.
const SHOWN: usize = 5;

/// A finding for each threshold, in the order in which they were written.
pub(crate) fn findings(run: &RunView) -> Vec<Finding> {
    let thresholds = run.plan.fail_if.iter().enumerate();
    thresholds.map(|(index, threshold)| finding(run, index, threshold)).collect()
}

fn finding(run: &RunView, index: usize, threshold: &Threshold) -> Finding {
    let id = format!("threshold.{}", index + 1);
    let mut finding = Finding::new(&id, &format!("{}.", threshold.statement()));
    finding.objective = format!("fails if {threshold}");
    let Some(segment) = run.segments.first() else {
        return finding.inconclusive("Nothing to examine: there was no load.");
    };
    let traffic = Traffic::of(run, segment, threshold.scope);
    let value = threshold.metric.value(&traffic);
    finding.examined = traffic.offered;
    let (name, unit) = (threshold.metric.name().to_owned(), unit(threshold.metric));
    finding.measures.push(Measure { name: name.clone(), value, unit });
    let requests = many(traffic.offered, "request");
    let Some(value) = value else {
        return finding.inconclusive(&format!("{requests} are too few to tell a {name}."));
    };
    let is_broken = threshold.is_broken_by(value);
    finding.summary = format!(
        "{} was {} in {requests}, and had to be {}.",
        threshold.subject(),
        in_words(threshold.metric, value),
        threshold.bound()
    );
    finding.verdict = if is_broken { Verdict::Fail } else { Verdict::Pass };
    if is_broken {
        (finding.definite, finding.possible) = (1, 1);
        finding.witnesses.extend(proof(run, segment, threshold));
    }
    if arrivals(run).iter().any(Arrivals::is_generator_slow) {
        let reason = format!("{} But the load generator was too slow.", finding.summary);
        return Finding { definite: 0, witnesses: Vec::new(), ..finding }.inconclusive(&reason);
    }
    finding
}

const fn unit(metric: Metric) -> Unit {
    match metric {
        Metric::Latency(_) | Metric::Max => Unit::Nanoseconds,
        Metric::Errors | Metric::Goodput | Metric::Backlog => Unit::Ratio,
        Metric::Rate => Unit::PerSecond,
    }
}

fn in_words(metric: Metric, value: f64) -> String {
    match unit(metric) {
        Unit::Nanoseconds => format!("{:.2} ms", value / 1e6),
        Unit::Ratio => format!("{:.3} %", value * 100.0),
        Unit::PerSecond | Unit::Count => format!("{value:.1}/s"),
    }
}

/// The slowest requests, or the first that were not served; a rate and a backlog have no such.
fn proof(run: &RunView, segment: &Segment, threshold: &Threshold) -> Option<Witness> {
    let mut requests: Vec<&Operation> =
        run.requests_of(segment).filter(|op| threshold.scope.holds(op)).collect();
    let explanation = match threshold.metric {
        Metric::Latency(_) | Metric::Max => {
            requests.retain(|op| op.is_answered() && op.latency_ns() as f64 >= threshold.limit);
            requests.sort_by_key(|op| std::cmp::Reverse(op.latency_ns()));
            "The slowest requests beyond the bound."
        }
        Metric::Errors | Metric::Goodput => {
            requests.retain(|op| !op.is_answered());
            "The first requests that were not served."
        }
        Metric::Rate | Metric::Backlog => return None,
    };
    requests.truncate(SHOWN);
    requests.sort_by_key(|op| op.intended_ns);
    (!requests.is_empty()).then(|| witness(explanation.to_owned(), &requests, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, refused};
    use redrill_history::{Action, MILLISECOND_NS};

    /// 150 submits of 5 ms, of which the last five take 80 ms, held against `text`.
    fn found(text: &str, change: impl Fn(&mut Literal)) -> Finding {
        let mut run = Literal::new();
        for place in 0..150 {
            let lasts = if place < 145 { 5 } else { 80 };
            run.op(Action::Submit, place, 0, (place * 200, place * 200 + lasts));
        }
        run.parts.plan.fail_if.push(Threshold::parse(text).unwrap());
        change(&mut run);
        let mut found = findings(&run.view());
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    #[test]
    fn a_broken_threshold_fails_and_shows_the_slowest() {
        let finding = found("p99 > 50ms for queue.submit", |_| {});
        assert_eq!((finding.id.as_str(), finding.verdict), ("threshold.1", Verdict::Fail));
        assert_eq!(finding.witnesses[0].operations, [146, 147, 148, 149, 150]);
        let told = "p99 of queue.submit was 80.02 ms in 150 requests, and had to be at most 50ms.";
        assert_eq!(finding.summary, told);
        assert_eq!(found("p50 > 50ms", |_| {}).verdict, Verdict::Pass);
    }

    #[test]
    fn errors_are_those_that_were_not_served() {
        let fail_two = |run: &mut Literal| {
            refused(&mut run.parts.operations[3], 503);
            refused(&mut run.parts.operations[4], 404);
        };
        let finding = found("errors > 0.5%", fail_two);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert_eq!(finding.witnesses[0].operations, [4]);
        assert_eq!(found("errors > 1%", fail_two).verdict, Verdict::Pass);
    }

    #[test]
    fn too_few_requests_tell_no_tail() {
        assert_eq!(found("p99.9 > 1s", |_| {}).verdict, Verdict::Inconclusive);
        assert_eq!(found("p50 > 1s for cache", |_| {}).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_slow_generator_breaks_nothing() {
        let finding = found("p99 > 50ms", |run| {
            for op in &mut run.parts.operations[..3] {
                op.started_ns += 200 * MILLISECOND_NS;
                op.finished_ns += 200 * MILLISECOND_NS;
            }
        });
        assert_eq!(finding.verdict, Verdict::Inconclusive);
    }
}
