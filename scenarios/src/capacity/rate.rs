//! The rate that a search found, and what was full there.

use crate::checker::{Checker, Objective, many};
use redrill_history::capacity::{Answer, Bottleneck, End, Level, Resource, Step, step_length};
use redrill_history::{
    CapacityPlan, Finding, Measure, Metric, ResolvedPlan, RunKind, RunView, Unit, Verdict,
    process_kind,
};

pub(super) struct Rate;

impl Checker for Rate {
    fn id(&self) -> &'static str {
        "capacity.rate"
    }

    fn statement(&self) -> &'static str {
        "The service carries what is asked of it: the highest rate at which no threshold of the \
         plan is broken is found and confirmed, and is no less than the plan's least."
    }

    fn objective(&self) -> Objective {
        Objective::None
    }

    fn applies(&self, plan: &ResolvedPlan) -> bool {
        plan.kind == RunKind::Capacity
    }

    fn check(&self, run: &RunView) -> Finding {
        let steps = Step::all(run);
        let answer = Answer::of_steps(&steps);
        let bottleneck = Bottleneck::at_knee(&steps, run);
        let plan = run.plan.capacity.clone().unwrap_or_default();
        let mut finding = Finding::new(self.id(), self.statement());
        finding.examined = steps.iter().map(|step| step.traffic.offered).sum();
        finding.objective = match plan.at_least_per_s {
            Some(least) => format!("at least {}", rate(least)),
            None => "none set".to_owned(),
        };
        finding.measures = measures(&steps, answer);
        let (verdict, doubt) = judged(&plan, answer, bottleneck.as_ref());
        if finding.examined == 0 {
            return finding.inconclusive("Nothing to examine: no step was run.");
        }
        finding.verdict = verdict;
        let asked = plan.at_least_per_s.map_or("", |_| ", as asked");
        let lead =
            doubt.unwrap_or_else(|| format!("The service carries {}{asked}", carried(answer)));
        let why = (verdict == Verdict::Inconclusive).then(|| wanting(&run.plan, &steps, answer));
        finding.summary = lead
            + &why.flatten().unwrap_or_default()
            + &details(&steps, answer, bottleneck.as_ref());
        finding.definite = u64::from(verdict == Verdict::Fail);
        finding.possible = finding.definite;
        finding
    }
}

/// The verdict, and why it is not a pass.
fn judged(
    plan: &CapacityPlan,
    answer: Answer,
    bottleneck: Option<&Bottleneck>,
) -> (Verdict, Option<String>) {
    let held = answer.held.map(|level| level.rate_per_s);
    let broke = answer.broke.map(|level| level.rate_per_s);
    let outside = bottleneck.map(|full| full.resource).filter(|resource| resource.is_outside());
    let open = |doubt: String| (Verdict::Inconclusive, Some(doubt));
    let decided = plan.at_least_per_s.and_then(|least| answer.decides(least));
    match (plan.at_least_per_s, decided) {
        (Some(_), Some(End::Held)) => return (Verdict::Pass, None),
        (Some(least), None) => {
            let is_near = |of: Option<Level>| of.is_some_and(|level| level.is_at(least));
            if is_near(answer.held) || is_near(answer.broke) {
                return open(format!(
                    "The steps at {} do not decide it: it takes two that agree, and the search \
                     ended before",
                    rate(least)
                ));
            }
        }
        _ => {}
    }
    match (plan.at_least_per_s, held, broke) {
        (_, held, Some(broke)) if outside.is_some() => {
            let full = outside.map_or("", Resource::told);
            open(match held {
                Some(held) => format!("{full}: the service carries {} or more", rate(held)),
                None => format!("{full} at {}, and no rate was carried", rate(broke)),
            })
        }
        (Some(least), held, _) if decided == Some(End::Broke) => {
            let but = held.map(|held| format!(", but {}", rate(held))).unwrap_or_default();
            (Verdict::Fail, Some(format!("The service does not carry {}{but}", rate(least))))
        }
        (_, Some(held), None) => open(format!(
            "Nothing broke up to {}: raise capacity.most_per_s, or give the search more time",
            rate(held)
        )),
        (_, None, Some(broke)) => {
            open(format!("No rate was carried; the lowest that broke was {}", rate(broke)))
        }
        (None, Some(_), Some(_)) if answer.is_confirmed(plan.precision) => (Verdict::Pass, None),
        (_, Some(held), Some(broke)) => open(format!(
            "The search ended before the rate was confirmed: it lies from {} to {}",
            rate(held),
            rate(broke)
        )),
        (_, None, None) => open("No step told anything".to_owned()),
    }
}

/// What an open search lacked: `; a step at 25.0/s says nothing: p99 of all requests needs 100
/// answers, and had 62`.
fn wanting(plan: &ResolvedPlan, steps: &[Step], answer: Answer) -> Option<String> {
    let capacity = plan.capacity.clone().unwrap_or_default();
    let silent = steps.last().filter(|step| !step.untold.is_empty() && step.end == End::Void);
    if let Some(step) = silent {
        let why = step.untold[0].words();
        let next = match step_length(plan, step.rate_per_s, steps) {
            Ok(needed) => format!("; it must last {} s", needed.as_secs_f64().ceil()),
            Err(_) => String::new(),
        };
        return Some(format!("; the step at {} says nothing: {why}{next}", rate(step.rate_per_s)));
    }
    let (None, Some(broke)) = (answer.held, answer.broke) else { return None };
    let needed = step_length(plan, broke.rate_per_s, steps).ok()?;
    (needed > capacity.step).then(|| {
        format!(
            "; at {} or less a step takes {} s or more to have enough answers: raise \
             capacity.within",
            rate(broke.rate_per_s),
            needed.as_secs_f64().ceil()
        )
    })
}

fn carried(answer: Answer) -> String {
    answer.held.map_or("none of the rates tried".to_owned(), |level| rate(level.rate_per_s))
}

/// `; at 853/s p99 was 312 ms (10 steps). Server CPU was full: …`
fn details(steps: &[Step], answer: Answer, bottleneck: Option<&Bottleneck>) -> String {
    let mut text = String::new();
    if let Some(knee) = answer.knee(steps) {
        let broken: Vec<String> = knee
            .broken
            .iter()
            .map(|(threshold, value)| {
                let (name, value) = (threshold.metric.name(), number(threshold.metric, *value));
                format!("{name} {value}, not {}", threshold.bound())
            })
            .collect();
        text += &format!("; {} came to {}", rate(knee.rate_per_s), broken.join("; "));
    }
    text += &format!(" ({})", many(steps.len() as u64, "step"));
    if let Some(full) = bottleneck {
        text += &format!(". {}: {}", full.resource.told(), full.because);
    }
    text + "."
}

fn number(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Latency(_) | Metric::Max => format!("{:.1} ms", value / 1e6),
        Metric::Errors | Metric::Goodput | Metric::Backlog => format!("{:.1} %", value * 100.0),
        Metric::Rate => rate(value),
    }
}

fn rate(per_s: f64) -> String {
    if per_s < 100.0 { format!("{per_s:.1}/s") } else { format!("{per_s:.0}/s") }
}

fn measures(steps: &[Step], answer: Answer) -> Vec<Measure> {
    let measure = |name: &str, value, unit| Measure { name: name.to_owned(), value, unit };
    let mut all = vec![
        measure("carried", answer.held.map(|level| level.rate_per_s), Unit::PerSecond),
        measure("broke at", answer.broke.map(|level| level.rate_per_s), Unit::PerSecond),
    ];
    for (of, step) in [("carried", answer.carried(steps)), ("broke", answer.knee(steps))] {
        let Some(step) = step else { continue };
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            let value = step.traffic.quantile_ns(quantile).map(|ns| ns as f64);
            all.push(measure(&format!("{name}, {of}"), value, Unit::Nanoseconds));
        }
        all.push(measure(&format!("goodput, {of}"), step.traffic.goodput(), Unit::Ratio));
    }
    for usage in answer.knee(steps).iter().flat_map(|step| &step.usage) {
        let name = format!("processors used by {}", usage.process);
        all.push(measure(&name, Some(usage.cores), Unit::Ratio));
        if let Some(main) = usage.main_thread.filter(|_| process_kind(&usage.process) == "node") {
            let name = format!("main thread of {} busy", usage.process);
            all.push(measure(&name, Some(main), Unit::Ratio));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::capacity::Untold;
    use redrill_history::{SegmentRole, Threshold, Traffic};

    fn level(rate_per_s: f64, end: End) -> Option<Level> {
        let (held, broke) = if end == End::Held { (2, 0) } else { (0, 2) };
        Some(Level { rate_per_s, held, broke })
    }

    fn verdict(at_least: Option<f64>, answer: Answer, full: Option<Resource>) -> Verdict {
        let plan = CapacityPlan { at_least_per_s: at_least, ..CapacityPlan::default() };
        let full = full.map(|resource| Bottleneck { resource, because: "so".to_owned() });
        let (verdict, doubt) = judged(&plan, answer, full.as_ref());
        assert_eq!(verdict == Verdict::Pass, doubt.is_none());
        verdict
    }

    #[test]
    fn a_confirmed_rate_passes_and_a_generators_limit_does_not() {
        let answer = Answer { held: level(800.0, End::Held), broke: level(835.0, End::Broke) };
        assert_eq!(verdict(None, answer, Some(Resource::ServerCpu)), Verdict::Pass);
        for outside in [Resource::Generator, Resource::Others] {
            assert_eq!(verdict(None, answer, Some(outside)), Verdict::Inconclusive);
        }
        let once = Answer { held: Some(Level { held: 1, ..answer.held.unwrap() }), ..answer };
        assert_eq!(verdict(None, once, None), Verdict::Inconclusive);
        let wide = Answer { broke: level(1_600.0, End::Broke), ..answer };
        assert_eq!(verdict(None, wide, None), Verdict::Inconclusive);
    }

    #[test]
    fn a_check_fails_only_when_its_rate_broke_by_the_services_doing() {
        let answer = Answer { held: level(800.0, End::Held), broke: level(835.0, End::Broke) };
        assert_eq!(verdict(Some(800.0), answer, None), Verdict::Pass);
        assert_eq!(verdict(Some(800.0), answer, Some(Resource::Generator)), Verdict::Pass);
        assert_eq!(verdict(Some(835.0), answer, None), Verdict::Fail);
        assert_eq!(verdict(Some(900.0), answer, Some(Resource::ServerCpu)), Verdict::Fail);
        let full = Some(Resource::Generator);
        assert_eq!(verdict(Some(900.0), answer, full), Verdict::Inconclusive);
    }

    #[test]
    fn what_never_broke_or_never_held_is_no_rate() {
        let unlimited = Answer { held: level(50_000.0, End::Held), broke: None };
        assert_eq!(verdict(None, unlimited, None), Verdict::Inconclusive);
        let dead = Answer { held: None, broke: level(1.0, End::Broke) };
        assert_eq!(verdict(None, dead, None), Verdict::Inconclusive);
        assert_eq!(verdict(Some(10.0), dead, None), Verdict::Fail);
        let nothing = Answer { held: None, broke: None };
        assert_eq!(verdict(Some(10.0), nothing, None), Verdict::Inconclusive);
    }

    #[test]
    fn one_step_decides_no_check() {
        let one = |rate_per_s, end| {
            let (held, broke) = if end == End::Held { (1, 0) } else { (0, 1) };
            Some(Level { rate_per_s, held, broke })
        };
        let held = Answer { held: one(800.0, End::Held), broke: None };
        let broke = Answer { held: None, broke: one(800.0, End::Broke) };
        for answer in [held, broke] {
            assert_eq!(verdict(Some(800.0), answer, None), Verdict::Inconclusive);
        }
        let twice = Answer { held: level(800.0, End::Held), broke: None };
        assert_eq!(verdict(Some(800.0), twice, None), Verdict::Pass);
    }

    #[test]
    fn an_open_search_says_what_its_steps_lacked() {
        let mut plan = ResolvedPlan::example();
        let threshold = Threshold::parse("p99 > 250ms").unwrap();
        plan.fail_if.push(threshold.clone());
        plan.capacity = Some(CapacityPlan::default());
        let step = Step {
            segment: 0,
            role: SegmentRole::Probe,
            rate_per_s: 10.0,
            measured_ns: 0..1,
            traffic: Traffic { seconds: 5.0, ..Traffic::default() },
            broken: Vec::new(),
            untold: vec![Untold { threshold, answers: 50 }],
            end: End::Void,
            late: 0.0,
            usage: Vec::new(),
            machine_busy: None,
            calls: Vec::new(),
        };
        let nothing = Answer { held: None, broke: None };
        let told = wanting(&plan, &[step], nothing).unwrap();
        assert!(told.contains("10.0/s says nothing: p99 of all requests needs 100"), "{told}");
        assert!(told.contains("must last 12 s"), "{told}");
        let low = Answer { held: None, broke: level(5.0, End::Broke) };
        let told = wanting(&plan, &[], low).unwrap();
        assert!(told.contains("takes 23 s or more") && told.contains("within"), "{told}");
        let high = Answer { held: None, broke: level(500.0, End::Broke) };
        assert_eq!(wanting(&plan, &[], high), None);
    }
}
