//! How long a step must be: a rate is told from its answers, and a low one gives few in a second.

use super::{Level, Step, Untold};
use crate::{CapacityPlan, ResolvedPlan, Scope, Threshold};
use std::time::Duration;

/// What is taken beyond the answers that are needed: not every request is served.
const SPARE: f64 = 1.1;
/// Steps at a rate that may say nothing before the search gives it up.
const TRIES: usize = 3;

/// How long a step at `rate_per_s` is made: as the plan says, and longer where that would give too
/// few answers, or where it did in the `steps` before.
///
/// # Errors
/// Why no length would do, in a sentence.
pub fn step_length(
    plan: &ResolvedPlan,
    rate_per_s: f64,
    steps: &[Step],
) -> Result<Duration, String> {
    let capacity = plan.capacity.clone().unwrap_or_default();
    let level = Level { rate_per_s, held: 0, broke: 0 };
    let untold: Vec<&Step> = steps
        .iter()
        .filter(|step| level.is_at(step.rate_per_s) && !step.untold.is_empty())
        .collect();
    if let Some(last) = untold.last().filter(|_| untold.len() >= TRIES) {
        return Err(format!("{}, however long the step is made", last.untold[0].words()));
    }
    let expected = plan.fail_if.iter().map(|threshold| {
        let needed = threshold.metric.answers_needed() as f64;
        needed * SPARE / (rate_per_s * share(plan, threshold))
    });
    let mut measured_s = expected.fold(measured(&capacity).as_secs_f64(), f64::max);
    for step in untold {
        for Untold { threshold, answers } in &step.untold {
            if *answers == 0 {
                return Err(step.untold[0].words());
            }
            let needed = threshold.metric.answers_needed() as f64 / *answers as f64;
            measured_s = measured_s.max(step.traffic.seconds * needed * SPARE);
        }
    }
    Ok(capacity.discard + Duration::from_secs_f64(measured_s))
}

/// What is measured of a step of the plan's own length.
fn measured(plan: &CapacityPlan) -> Duration {
    plan.step.saturating_sub(plan.discard)
}

/// The share of the requests that a threshold looks at; of an operation only that of its capability
/// is known.
fn share(plan: &ResolvedPlan, threshold: &Threshold) -> f64 {
    let (Scope::Capability(capability) | Scope::Operation(capability, _)) = threshold.scope else {
        return 1.0;
    };
    let all: f64 = plan.load.capabilities.values().map(|load| load.rate_per_s).sum();
    // A plan is refused whose thresholds are on what it does not load.
    plan.load.capabilities.get(&capability).map_or(1.0, |load| load.rate_per_s / all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::End;
    use crate::{SegmentRole, Traffic};

    fn plan(thresholds: &[&str]) -> ResolvedPlan {
        let mut plan = ResolvedPlan::example();
        plan.capacity = Some(CapacityPlan::default());
        plan.fail_if = thresholds.iter().map(|text| Threshold::parse(text).unwrap()).collect();
        plan
    }

    /// A step of five measured seconds with so many answers to what `threshold` looks at.
    fn silent(rate_per_s: f64, threshold: &Threshold, answers: u64) -> Step {
        Step {
            segment: 0,
            role: SegmentRole::Probe,
            rate_per_s,
            measured_ns: 0..1,
            traffic: Traffic { seconds: 5.0, ..Traffic::default() },
            broken: Vec::new(),
            untold: vec![Untold { threshold: threshold.clone(), answers }],
            end: End::Void,
            late: 0.0,
            usage: Vec::new(),
            machine_busy: None,
            calls: Vec::new(),
        }
    }

    #[test]
    fn a_low_rate_takes_the_time_that_its_quantile_needs() {
        let seconds = |thresholds: &[&str], rate: f64| {
            step_length(&plan(thresholds), rate, &[]).unwrap().as_secs_f64()
        };
        assert_eq!(seconds(&["p99 > 250ms"], 400.0), 6.0);
        assert!((seconds(&["p99 > 250ms"], 10.0) - 12.0).abs() < 1e-6);
        assert!((seconds(&["p99 > 250ms"], 1.0) - 111.0).abs() < 1e-6);
        assert!((seconds(&["p99.9 > 250ms"], 100.0) - 12.0).abs() < 1e-6);
        assert_eq!(seconds(&["errors > 1%", "backlog > 5%"], 1.0), 6.0);
        // A fifth of the example's load is the queue's.
        assert!((seconds(&["p99 > 250ms for queue"], 50.0) - 12.0).abs() < 1e-6);
    }

    #[test]
    fn a_step_that_told_too_little_is_made_longer_and_not_for_ever() {
        let plan = plan(&["p99 > 250ms for sessions.read"]);
        let threshold = &plan.fail_if[0];
        let step = |answers| silent(40.0, threshold, answers);
        let longer = step_length(&plan, 40.0, &[step(20)]).unwrap();
        assert!((longer.as_secs_f64() - (1.0 + 5.0 * 5.0 * SPARE)).abs() < 1e-6, "{longer:?}");
        let elsewhere = step_length(&plan, 80.0, &[step(20)]).unwrap();
        assert!(elsewhere < longer, "{elsewhere:?}");
        let never = step_length(&plan, 40.0, &[step(0)]).unwrap_err();
        assert!(never.contains("p99 of sessions.read needs 100 answers"), "{never}");
        let steps = [step(20), step(90), step(95)];
        assert!(step_length(&plan, 40.0, &steps).unwrap_err().contains("however long"));
    }
}
