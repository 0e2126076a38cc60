//! A capacity search made up for the tests: one server that serves each request for 2 ms.

use redrill_history::{
    Action, Capability, CapacityPlan, EnvironmentFacts, Event, EventKind, Finding, Flags, Measure,
    NO_INSTANCE, Operation, Outcome, Report, ResolvedPlan, RunKind, RunView, SECOND_NS, Sample,
    SegmentPlan, SegmentRole, Threshold, Unit, Verdict, ViewParts,
};
use std::time::Duration;

const SERVICE_NS: u64 = 2_000_000;
const STEP_S: u64 = 6;
/// A step and what follows it.
const PERIOD_NS: u64 = 9 * SECOND_NS;
const RATES: [(SegmentRole, f64); 10] = [
    (SegmentRole::Probe, 100.0),
    (SegmentRole::Probe, 200.0),
    (SegmentRole::Probe, 400.0),
    (SegmentRole::Probe, 800.0),
    (SegmentRole::Probe, 565.7),
    (SegmentRole::Probe, 475.7),
    (SegmentRole::Probe, 518.7),
    (SegmentRole::Probe, 496.7),
    (SegmentRole::Confirm, 518.7),
    (SegmentRole::Confirm, 496.7),
];

/// The search, whole.
pub(crate) fn whole() -> (RunView, Report) {
    search(&RATES)
}

/// The search cut off after its first steps.
pub(crate) fn begun() -> (RunView, Report) {
    let (mut run, report) = search(&RATES[..2]);
    run.events.retain(|event| event.kind != EventKind::RunEnded);
    (run, report)
}

fn search(steps: &[(SegmentRole, f64)]) -> (RunView, Report) {
    let mut parts = ViewParts {
        plan: plan(),
        environment: EnvironmentFacts { cores: 2, ..EnvironmentFacts::default() },
        operations: Vec::new(),
        observations: Vec::new(),
        effects: Vec::new(),
        events: Vec::new(),
        segments: Vec::new(),
        samples: Vec::new(),
        unreadable: 0,
        altered: Vec::new(),
    };
    for (number, (role, rate)) in steps.iter().enumerate() {
        step(&mut parts, u16::try_from(number).unwrap(), *role, *rate);
    }
    let at_ns = PERIOD_NS * (steps.len() as u64 + 1);
    parts.events.push(Event { at_ns, kind: EventKind::RunEnded });
    (RunView::new(parts), report())
}

fn plan() -> ResolvedPlan {
    let mut plan = ResolvedPlan::example();
    plan.name = "capacity".to_owned();
    plan.question = "How many requests a second does the service carry?".to_owned();
    plan.kind = RunKind::Capacity;
    plan.capacity = Some(CapacityPlan::default());
    let read = |text| Threshold::parse(text).unwrap();
    plan.fail_if = ["p99 > 250ms", "goodput < 99%"].map(read).into();
    plan.load.capabilities.retain(|capability, _| *capability == Capability::Cache);
    plan
}

fn step(parts: &mut ViewParts, number: u16, role: SegmentRole, rate_per_s: f64) {
    let start_ns = PERIOD_NS * (u64::from(number) + 1);
    let mut capabilities = parts.plan.load.capabilities.clone();
    capabilities.values_mut().for_each(|load| load.rate_per_s = rate_per_s);
    parts.segments.push(SegmentPlan {
        number,
        role,
        side: None,
        duration: Duration::from_secs(STEP_S),
        discard: Duration::from_secs(1),
        capabilities,
    });
    let mut free_ns = start_ns;
    for index in 0..(STEP_S as f64 * rate_per_s) as u64 {
        let intended_ns = start_ns + (index as f64 / rate_per_s * SECOND_NS as f64) as u64;
        free_ns = free_ns.max(intended_ns) + SERVICE_NS;
        parts.operations.push(operation(number, intended_ns, free_ns));
    }
    let segment = number;
    let end_ns = free_ns.max(start_ns + STEP_S * SECOND_NS);
    parts.events.push(Event { at_ns: start_ns, kind: EventKind::LoadStarted { segment } });
    parts.events.push(Event { at_ns: end_ns, kind: EventKind::LoadEnded { segment } });
    let busy = (rate_per_s / 500.0).min(1.0);
    for quarter in 0..STEP_S * 4 {
        let at_ns = start_ns + quarter * SECOND_NS / 4;
        for (source, cores) in [("server[0]", busy), ("node[0]", busy / 5.0), ("harness", 0.2)] {
            let seconds = cores * quarter as f64 / 4.0 + f64::from(number) * 10.0;
            let names = ["cpu_seconds", "main_thread_cpu_seconds"];
            let values = names.map(|name| (name.to_owned(), seconds)).into();
            parts.samples.push(Sample { at_ns, source: source.to_owned(), values });
        }
    }
}

fn operation(segment: u16, intended_ns: u64, finished_ns: u64) -> Operation {
    Operation {
        seq: intended_ns,
        intended_ns,
        started_ns: intended_ns,
        finished_ns,
        key: 1,
        value: 1,
        vu: 0,
        status: 200,
        capability: Capability::Cache,
        action: Action::Generate,
        outcome: Outcome::Ok,
        instance: NO_INSTANCE,
        flags: Flags::default(),
        segment,
    }
}

fn report() -> Report {
    let mut finding = Finding::new("capacity.rate", "The service carries what is asked of it.");
    finding.verdict = Verdict::Pass;
    finding.summary =
        "The service carries 497/s; at 519/s goodput was 96.4 % (10 steps).".to_owned();
    finding.examined = 29_000;
    let (name, value) = ("carried".to_owned(), Some(496.7));
    finding.measures = vec![Measure { name, value, unit: Unit::PerSecond }];
    let headline = "PASS: The service carries 497/s; at 519/s goodput was 96.4 % (10 steps).";
    Report { verdict: Verdict::Pass, headline: headline.to_owned(), findings: vec![finding] }
}

#[test]
fn the_page_and_the_summary_tell_the_limit_and_what_was_full() {
    let (run, report) = whole();
    let page = crate::html(&run, &report);
    for part in ["497", "519", "server CPU", "id=\"capacity-figure\"", "Main thread busy"] {
        assert!(page.contains(part), "nothing says {part}");
    }
    assert!(!page.contains("id=\"phases\""), "a search has no phases");
    let summary = crate::summary_md(&run, &report);
    assert!(summary.contains("| 10 | confirm | 497 |"), "{summary}");
    assert!(summary.contains("redrill capacity RUN/plan.toml"), "{summary}");
    let drill = crate::html(&super::synthetic::failover().0, &report);
    assert!(!drill.contains("id=\"capacity\""), "a drill has no capacity");
}

#[test]
fn an_unfinished_search_has_a_page() {
    let (run, report) = begun();
    let page = crate::html(&run, &report);
    assert!(page.contains("Cut off.") && page.contains("id=\"capacity-figure\""));
}
