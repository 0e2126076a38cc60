//! Runs made up for the tests: what panels see without a disk.

use redrill_history::{
    Action, Bound, Breakdown, Capability, EnvironmentFacts, Event, EventKind, Finding, Flags,
    LimitPolicy, MILLISECOND_NS, Measure, NodeRole, Observation, Operation, Outcome, Phase,
    PhaseCount, PlannedFault, ProcessFacts, Report, ResolvedPlan, RunView, SECOND_NS, Sample, Unit,
    Verdict, ViewParts, Witness,
};
use std::collections::BTreeMap;
use std::time::Duration;

const START: u64 = 4 * SECOND_NS;
const SECONDS: u64 = 60;
const RUN_ID: &str = "0123456789abcdef0123456789abcdef01234567";
const RATES: [(Capability, Action, u64); 5] = [
    (Capability::Cache, Action::Generate, 60),
    (Capability::Sessions, Action::SessionWrite, 80),
    (Capability::Limiter, Action::Hit, 80),
    (Capability::Queue, Action::Submit, 60),
    (Capability::Presence, Action::Lookup, 30),
];

/// A drill of 60 s in which the master is killed at 12 s.
pub(crate) fn failover() -> (RunView, Report) {
    let view = RunView::new(failover_parts());
    let report = report(&view);
    (view, report)
}

/// The failover after a fault that promotes nobody, and the loss of the new master 38 s later, from
/// which the service recovers in 4 s instead of 2.
pub(crate) fn thrice() -> (RunView, Report) {
    let mut parts = failover_parts();
    parts.operations = operations(|second, _| match second {
        12.0..14.0 | 50.0..54.0 => (Outcome::Refused, 503, 100),
        _ => (Outcome::Ok, 200, 0),
    });
    let role = NodeRole::Master;
    let promoted =
        EventKind::Role { node: "node[2]".to_owned(), role, run_id: Some(RUN_ID.to_owned()) };
    parts.events.push(Event { at_ns: START + 51_500 * MILLISECOND_NS, kind: promoted });
    for (fault, kind, target, second) in
        [(1, "client-kill", "node[0]", 5), (2, "kill", "node[1]", 50)]
    {
        let kind = kind.to_owned();
        parts.plan.faults.push(PlannedFault { kind: kind.clone(), ..PlannedFault::example() });
        let at_ns = START + second * SECOND_NS;
        let begun = EventKind::FaultBegun { fault, kind, target: target.to_owned() };
        let injected = EventKind::FaultInjected { fault, proof: None };
        parts.events.extend([begun, injected].map(|kind| Event { at_ns, kind }));
    }
    parts.events.sort_by_key(|event| event.at_ns);
    let view = RunView::new(parts);
    let mut report = report(&view);
    let around = START + 51_490 * MILLISECOND_NS..START + 51_510 * MILLISECOND_NS;
    let around = view.operations.iter().filter(|op| around.contains(&op.intended_ns));
    let witness = Witness {
        explanation: "They were asked when node[2] became master.".to_owned(),
        operations: around.take(6).map(|op| op.seq).collect(),
        effects: Vec::new(),
    };
    report.findings[1].witnesses.insert(0, witness);
    (view, report)
}

/// A drill without a fault in which all went well.
pub(crate) fn steady() -> (RunView, Report) {
    let mut parts = failover_parts();
    parts.plan.name = "steady".to_owned();
    parts.plan.question = "What does the service promise when nothing breaks?".to_owned();
    parts.plan.faults.clear();
    parts.events.retain(|event| {
        event.at_ns < START + 11 * SECOND_NS || event.at_ns > START + SECONDS * SECOND_NS - 1
    });
    parts.operations = operations(|_, _| (Outcome::Ok, 200, 0));
    let view = RunView::new(parts);
    let mut report = report(&view);
    for finding in &mut report.findings {
        finding.verdict = Verdict::Pass;
        (finding.definite, finding.possible) = (0, 0);
        finding.witnesses.clear();
        finding.breakdowns.clear();
        "Nothing was seen to break it.".clone_into(&mut finding.summary);
    }
    report.verdict = Verdict::Pass;
    "All promises held for 60 s without a fault.".clone_into(&mut report.headline);
    (view, report)
}

/// The failover cut off at a time of the load.
pub(crate) fn cut_off(second: u64) -> (RunView, Report) {
    let mut parts = failover_parts();
    let cut_ns = START + second * SECOND_NS;
    parts.events.retain(|event| event.at_ns < cut_ns);
    parts.operations.retain(|op| op.finished_ns < cut_ns);
    parts.effects.retain(|op| op.finished_ns < cut_ns);
    parts.samples.retain(|sample| sample.at_ns < cut_ns);
    parts.unreadable = 1;
    let view = RunView::new(parts);
    let findings = report(&view).findings;
    let inconclusive = |finding: Finding| {
        Finding { witnesses: Vec::new(), definite: 0, possible: 0, ..finding }
            .inconclusive("The run was cut off before its final reads.")
    };
    let findings = findings.into_iter().map(inconclusive).collect();
    let headline = "The run was cut off before it could be judged.".to_owned();
    (view, Report { verdict: Verdict::Inconclusive, headline, findings })
}

/// No request is ever acknowledged.
pub(crate) fn outage() -> (RunView, Report) {
    let mut parts = failover_parts();
    parts.operations = operations(|_, _| (Outcome::Unknown, 0, 2_000));
    let view = RunView::new(parts);
    let mut report = report(&view);
    "The service never answered.".clone_into(&mut report.headline);
    (view, report)
}

/// A run that ended before anything happened.
pub(crate) fn empty() -> (RunView, Report) {
    let parts = ViewParts {
        plan: ResolvedPlan::example(),
        environment: EnvironmentFacts::default(),
        operations: Vec::new(),
        observations: Vec::new(),
        effects: Vec::new(),
        events: Vec::new(),
        segments: Vec::new(),
        samples: Vec::new(),
        unreadable: 0,
        altered: Vec::new(),
    };
    let headline = "The run ended before the load began.".to_owned();
    let report = Report { verdict: Verdict::Inconclusive, headline, findings: Vec::new() };
    (RunView::new(parts), report)
}

/// Numbers that look drawn by lot and are the same each time.
fn scatter(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
}

/// Operations whose outcome, status and latency in milliseconds `end` decides by the second (a
/// latency of 0 is an ordinary one).
fn operations(end: impl Fn(f64, u64) -> (Outcome, u16, u64)) -> Vec<Operation> {
    let mut all = Vec::new();
    for (capability, action, rate) in RATES {
        for index in 0..rate * SECONDS {
            let intended_ns = START + index * SECOND_NS / rate + scatter(index) % 1_000;
            let second = (intended_ns - START) as f64 / SECOND_NS as f64;
            let lot = scatter(index + rate * 1_000);
            let (outcome, status, ms) = end(second, lot);
            let ordinary =
                600_000 + lot % 3_000_000 + if lot.is_multiple_of(97) { 30_000_000 } else { 0 };
            let service = if ms == 0 { ordinary } else { ms * MILLISECOND_NS + ordinary };
            let started_ns = intended_ns + 20_000 + lot % 90_000;
            all.push(Operation {
                seq: 0,
                intended_ns,
                started_ns,
                finished_ns: started_ns + service,
                key: index % 500,
                value: index % 2,
                vu: (index % 100) as u32,
                status,
                capability,
                action,
                outcome,
                instance: (index % 2) as u8,
                flags: if ms > 500 { Flags::TIMED_OUT } else { Flags::default() },
                segment: 0,
            });
        }
    }
    all.sort_by_key(|op| (op.intended_ns, op.capability));
    for (seq, op) in (1..).zip(&mut all) {
        op.seq = seq;
    }
    all
}

fn failover_parts() -> ViewParts {
    let operations = operations(|second, lot| match second {
        12.0..13.9 if lot.is_multiple_of(3) => (Outcome::Unknown, 0, 1_000),
        12.0..13.9 => (Outcome::Refused, 503, 700),
        13.9..15.2 if lot.is_multiple_of(2) => (Outcome::Refused, 503, 250),
        13.9..15.2 => (Outcome::Ok, 200, 120),
        _ => (Outcome::Ok, 200, 0),
    });
    let effects = operations
        .iter()
        .filter(|op| op.action == Action::Submit && op.is_ok())
        .zip(1..)
        .map(|(op, seq)| Operation {
            seq,
            action: Action::ModelCall,
            intended_ns: op.finished_ns + 5 * MILLISECOND_NS,
            started_ns: op.finished_ns + 5 * MILLISECOND_NS,
            finished_ns: op.finished_ns + 25 * MILLISECOND_NS,
            value: 1,
            ..*op
        })
        .collect();
    let observe = |op: &Operation| Observation {
        seq: op.seq,
        counter: Some(1),
        node: Observation::node_number(RUN_ID),
        ..Default::default()
    };
    ViewParts {
        plan: plan(),
        environment: environment(),
        observations: operations.iter().take(100).map(observe).collect(),
        operations,
        effects,
        events: events(),
        segments: Vec::new(),
        samples: samples(),
        unreadable: 0,
        altered: Vec::new(),
    }
}

fn plan() -> ResolvedPlan {
    let mut plan = ResolvedPlan::example();
    plan.name = "sentinel-failover".to_owned();
    plan.question = "What does it cost when the Redis master dies?".to_owned();
    plan.seed = 20_261_124;
    plan.redrill = "0.1.0".to_owned();
    plan.load.duration = Duration::from_secs(SECONDS);
    for (capability, _, rate) in RATES {
        if let Some(load) = plan.load.capabilities.get_mut(&capability) {
            load.rate_per_s = rate as f64;
        }
    }
    let policy = |name: &str| LimitPolicy {
        policy: name.to_owned(),
        limit: 10,
        window: Duration::from_secs(2),
    };
    plan.target.promises.limits = vec![policy("general"), policy("llm"), policy("burst")];
    plan.faults.push(PlannedFault::example());
    plan.objectives.insert("queue.lost".to_owned(), Bound::Count(0));
    plan
}

fn environment() -> EnvironmentFacts {
    let process = |name: &str, index: u32| ProcessFacts {
        name: format!("{name}[{index}]"),
        pid: 4_000 + index,
        address: format!("127.0.0.{}:2{index}379", index + 2),
        announced: Some(format!("127.0.0.1:2{index}400")),
        source: Some(format!("127.0.0.{}", index + 2)),
    };
    let nodes = (0..3).map(|index| process("node", index));
    let sentinels = (0..3).map(|index| process("sentinel", index));
    let servers = (0..2).map(|index| process("server", index));
    EnvironmentFacts {
        began: "2026-11-24T10:03:11Z".to_owned(),
        wall_origin_ms: 1_795_514_591_000,
        cores: 2,
        kernel: "Linux 6.8.0".to_owned(),
        redis: "7.0.15".to_owned(),
        processes: nodes.chain(sentinels).chain(servers).collect(),
        found: Vec::new(),
    }
}

fn events() -> Vec<Event> {
    let role = |index: u8, role| EventKind::Role {
        node: format!("node[{index}]"),
        role,
        run_id: Some(RUN_ID.to_owned()),
    };
    let sentinel = |channel: &str| EventKind::Sentinel {
        sentinel: "sentinel[1]".to_owned(),
        channel: channel.to_owned(),
        message: "main 127.0.0.2 20400 127.0.0.3 20401".to_owned(),
    };
    let fault =
        EventKind::FaultBegun { fault: 0, kind: "kill".to_owned(), target: "node[0]".to_owned() };
    let proof = Some("the process is gone and its port refuses connections".to_owned());
    [
        (-2.0, role(0, NodeRole::Master)),
        (-2.0, role(1, NodeRole::Replica)),
        (-2.0, role(2, NodeRole::Replica)),
        (-1.0, EventKind::EnvironmentReady),
        (0.0, EventKind::LoadStarted { segment: 0 }),
        (11.99, fault),
        (12.0, EventKind::FaultInjected { fault: 0, proof }),
        (12.1, role(0, NodeRole::Down)),
        (12.1, EventKind::ProcessDown { process: "node[0]".to_owned() }),
        (13.1, sentinel("+odown")),
        (13.85, role(1, NodeRole::Master)),
        (14.7, sentinel("+switch-master")),
        (22.1, EventKind::ProcessUp { process: "node[0]".to_owned(), pid: 4_900 }),
        (22.2, EventKind::FaultHealed { fault: 0 }),
        (22.3, role(0, NodeRole::Master)),
        (23.4, role(0, NodeRole::Replica)),
        (60.0, EventKind::LoadEnded { segment: 0 }),
        (66.0, EventKind::DrainEnded),
        (66.5, EventKind::RunEnded),
    ]
    .map(|(second, kind)| {
        let at_ns = (START as f64 + second * SECOND_NS as f64) as u64;
        Event { at_ns, kind }
    })
    .into()
}

fn samples() -> Vec<Sample> {
    (0..280)
        .map(|index| Sample {
            at_ns: index * 250 * MILLISECOND_NS,
            source: "node[0]".to_owned(),
            values: BTreeMap::from([
                ("used_memory_bytes".to_owned(), 1e6 + index as f64),
                ("cpu_seconds".to_owned(), 0.05 * index as f64),
            ]),
        })
        .collect()
}

fn report(view: &RunView) -> Report {
    let near = |second: f64, action: Action, count: usize| -> Vec<u64> {
        let from = START + (second * SECOND_NS as f64) as u64;
        let wanted = |op: &&Operation| op.intended_ns >= from && op.action == action;
        view.operations.iter().filter(wanted).take(count).map(|op| op.seq).collect()
    };
    let mut lost = found("queue.lost", "Every acknowledged job is executed", 28, 31, 3_280);
    lost.summary = "28 acknowledged jobs had no effect and were unknown to the service after the \
                    drain deadline."
        .to_owned();
    lost.breakdowns.push(Breakdown {
        title: "When were they acknowledged?".to_owned(),
        rows: vec![
            ("before the fault, not replicated".to_owned(), 21),
            ("by the old master, after the promotion".to_owned(), 7),
            ("after the promotion".to_owned(), 0),
        ],
    });
    lost.witnesses = (0..28_u64)
        .map(|index| Witness {
            explanation: format!(
                "Job {index} was acknowledged with 202 12 ms before the master died; no effect was \
                 seen, and after the failover the service did not know it."
            ),
            operations: near(11.9 + index as f64 / 100.0, Action::Submit, 4),
            effects: vec![700 + index],
        })
        .collect();
    let mut writes = found("sessions.lost", "No acknowledged session write is lost", 9, 14, 4_520);
    writes.summary = "9 sessions read back an older value than the one acknowledged.".to_owned();
    writes.witnesses.push(Witness {
        explanation: "Session 60 acknowledged the write, and a later read saw an older one."
            .to_owned(),
        operations: near(11.95, Action::SessionWrite, 6),
        effects: Vec::new(),
    });
    let mut recovery = found("service.recovery", "The service recovers in time", 0, 0, 20_000);
    recovery.measures.push(Measure {
        name: "time to recover".to_owned(),
        value: Some(4e9),
        unit: Unit::Nanoseconds,
    });
    recovery.summary = "Two good seconds in a row began 4 s after the injection.".to_owned();
    let mut hits = found("cache.hit-ratio", "The cache is worth having", 0, 0, 3_400);
    for (name, value, unit) in [
        ("hit ratio", Some(0.83), Unit::Ratio),
        ("an ideal cache's", Some(0.871), Unit::Ratio),
        ("model calls", Some(41.2), Unit::PerSecond),
        ("after the fault", None, Unit::Ratio),
    ] {
        hits.measures.push(Measure { name: name.to_owned(), value, unit });
    }
    hits.summary = "83 % of the answers came from the cache.".to_owned();
    let over =
        found("limiter.over-admission", "No window admits more than its limit", 0, 17, 4_700)
            .inconclusive("17 windows may have admitted more, depending on 90 unanswered hits.");
    let ghosts = found("presence.ghosts", "Nobody is shown who is gone", 0, 0, 0);
    let findings = vec![hits, writes, over, lost, ghosts, recovery];
    let headline = "28 acknowledged jobs and 9 session writes were lost when the Redis master was \
                    killed; the service recovered in 4 s."
        .to_owned();
    Report { verdict: Report::worst(&findings), headline, findings }
}

fn found(id: &str, statement: &str, definite: u64, possible: u64, examined: u64) -> Finding {
    let counts = [0, definite, 0, 0].into_iter().zip([0, possible, 0, 0]).zip(Phase::ALL);
    let phases = counts.map(|((definite, possible), phase)| PhaseCount {
        phase,
        definite,
        possible,
        examined: examined / 4,
    });
    let summary = "Nothing was seen to break it.".to_owned();
    let phases = phases.collect();
    Finding { definite, possible, examined, phases, summary, ..Finding::new(id, statement) }
        .judged(None)
}
