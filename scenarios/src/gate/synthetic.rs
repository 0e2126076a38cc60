//! Runs of two sides whose truth is known.

use crate::random::mix;
use redrill_history::{
    Action, Baseline, Capability, EnvironmentFacts, Event, EventKind, Flags, GatePlan,
    MILLISECOND_NS, Operation, Outcome, ResolvedPlan, RunKind, RunView, SECOND_NS, Sample,
    SegmentPlan, SegmentRole, ViewParts,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is different about the candidate, and about the run.
#[derive(Clone, Debug)]
pub(super) struct Planted {
    /// Its latency, as a factor; its processor time; its Redis commands.
    pub(super) slower: f64,
    pub(super) cpu: f64,
    pub(super) commands: f64,
    /// Shares of its requests: refused, and never answered in the block's time.
    pub(super) refused: f64,
    pub(super) dropped: f64,
    /// Shares of both sides' requests that start late: by the generator, for want of a user.
    pub(super) late: f64,
    pub(super) starved: f64,
    /// The share of both sides' requests that no answer comes to.
    pub(super) unanswered: f64,
    /// The share of its cache's answers that the model gave.
    pub(super) missed: f64,
    /// Requests in the measured time of a block.
    pub(super) requests: u64,
    /// By how much the polls of a block's workers vary, of all its commands.
    pub(super) restless: f64,
    /// Pairs that are planned, and those that were run.
    pub(super) pairs: u16,
    pub(super) pairs_run: u16,
    /// Saved blocks in place of a base.
    pub(super) baseline: Option<BTreeMap<String, Vec<f64>>>,
}

impl Default for Planted {
    fn default() -> Self {
        Self {
            slower: 1.0,
            cpu: 1.0,
            commands: 1.0,
            refused: 0.0,
            dropped: 0.0,
            late: 0.0,
            starved: 0.0,
            unanswered: 0.0,
            missed: 0.1,
            requests: 720,
            restless: 0.0,
            pairs: 12,
            pairs_run: 12,
            baseline: None,
        }
    }
}

const BLOCK: Duration = Duration::from_secs(3);
const DISCARD: Duration = Duration::from_secs(1);

/// The plan of such a run.
pub(super) fn plan() -> ResolvedPlan {
    let tolerated = super::metrics::METRICS
        .iter()
        .map(|metric| (metric.name.to_owned(), metric.tolerated))
        .collect();
    let mut plan = ResolvedPlan::example();
    plan.kind = RunKind::Gate;
    plan.load.duration = BLOCK;
    plan.gate = Some(GatePlan {
        base: Some("base".to_owned()),
        candidate: "candidate".to_owned(),
        pairs: 12,
        fresh_every: 4,
        discard: DISCARD,
        tolerated,
        baseline: None,
    });
    plan
}

/// A run of such blocks.
pub(super) fn run(planted: &Planted) -> RunView {
    let mut plan = plan();
    plan.gate.iter_mut().for_each(|gate| gate.pairs = planted.pairs);
    if let (Some(gate), Some(blocks)) = (&mut plan.gate, &planted.baseline) {
        gate.base = None;
        gate.baseline = Some(Baseline {
            target: "main".to_owned(),
            began: "2026-11-24T10:03:11Z".to_owned(),
            machine: "2 cores".to_owned(),
            load: "100/s".to_owned(),
            conditions: String::new(),
            blocks: blocks.clone(),
        });
    }
    let mut parts = ViewParts {
        plan,
        environment: EnvironmentFacts::default(),
        operations: Vec::new(),
        observations: Vec::new(),
        effects: Vec::new(),
        events: vec![Event { at_ns: 0, kind: EventKind::EnvironmentReady }],
        segments: Vec::new(),
        samples: Vec::new(),
        unreadable: 0,
        altered: Vec::new(),
    };
    let sides = [GatePlan::BASE, GatePlan::CANDIDATE];
    let sides = if planted.baseline.is_some() { &sides[1..] } else { &sides[..] };
    for _ in 0..planted.pairs_run {
        for side in sides {
            block(&mut parts, side, planted);
        }
    }
    let at_ns = parts.events.last().map_or(0, |event| event.at_ns);
    parts.events.push(Event { at_ns, kind: EventKind::RunEnded });
    RunView::new(parts)
}

fn block(parts: &mut ViewParts, side: &str, planted: &Planted) {
    let number = u16::try_from(parts.segments.len()).unwrap();
    let start_ns = (1 + 4 * u64::from(number)) * SECOND_NS;
    let plan = SegmentPlan {
        number,
        role: SegmentRole::Block,
        side: Some(side.to_owned()),
        duration: BLOCK,
        discard: DISCARD,
        ..SegmentPlan::whole(&parts.plan)
    };
    parts.segments.push(plan);
    let event = |at_ns, kind| Event { at_ns, kind };
    parts.events.push(event(start_ns, EventKind::LoadStarted { segment: number }));
    parts.events.push(event(start_ns + 3 * SECOND_NS, EventKind::LoadEnded { segment: number }));
    let begin_ns = start_ns + SECOND_NS;
    for index in 0..planted.requests {
        let intended_ns =
            begin_ns + index * (2 * SECOND_NS - 50 * MILLISECOND_NS) / planted.requests;
        parts.operations.push(request(number, intended_ns, index, side, planted));
    }
    let is_candidate = side == GatePlan::CANDIDATE;
    let worse = |factor: f64| if is_candidate { factor } else { 1.0 };
    let jitter = 1.0 + 0.002 * (chance(u64::from(number), 7) - 0.5);
    let requests = planted.requests as f64;
    for (at_ns, part) in [(begin_ns, 0.0), (begin_ns + 2 * SECOND_NS, jitter * requests)] {
        let polls = 4.0 * planted.restless * chance(u64::from(number), 9);
        let values = [
            ("server_cpu_ns", 200_000.0 * worse(planted.cpu)),
            ("redis_commands", 4.0 * worse(planted.commands) + polls),
            ("redis_net_bytes", 500.0 * worse(planted.commands)),
            ("calls.zpopmin", 1.0 + polls),
            ("calls.get", 2.0 + 4.0 * (worse(planted.commands) - 1.0)),
        ];
        let values = values.map(|(name, each)| (name.to_owned(), each * part)).into();
        parts.samples.push(Sample { at_ns, source: side.to_owned(), values });
    }
}

/// Nought to one.
fn chance(seed: u64, index: u64) -> f64 {
    (mix(seed, index) >> 11) as f64 / (1_u64 << 53) as f64
}

fn request(block: u16, at_ns: u64, index: u64, side: &str, planted: &Planted) -> Operation {
    let is_candidate = side == GatePlan::CANDIDATE;
    let draw = |kind: u64| chance(u64::from(block) * 10 + kind, index);
    let lag_ms = if draw(0) < planted.late + planted.starved { 150 } else { 0 };
    let starved = planted.starved > 0.0 && lag_ms > 0;
    // From one to two milliseconds.
    let mut took = MILLISECOND_NS as f64 * (1.0 + draw(1));
    if is_candidate {
        took *= planted.slower;
    }
    let is_refused = is_candidate && draw(2) < planted.refused;
    if is_candidate && draw(3) < planted.dropped {
        took += 3e9;
    }
    let (status, outcome) = match (draw(4) < planted.unanswered, is_refused) {
        (true, _) => (0, Outcome::Unknown),
        (_, true) => (404, Outcome::Refused),
        (_, false) => (200, Outcome::Ok),
    };
    // One request in six is the cache's.
    let is_cache = index % 6 == 5;
    let missed = if is_candidate { planted.missed } else { Planted::default().missed };
    let mut flags = if starved { Flags::NO_IDLE_VU } else { Flags::default() };
    if is_cache && draw(5) >= missed {
        flags = flags.with(Flags::HIT);
    }
    let (capability, action) = match is_cache {
        true => (Capability::Cache, Action::Generate),
        false => (Capability::Sessions, Action::SessionRead),
    };
    let started_ns = at_ns + lag_ms * MILLISECOND_NS;
    Operation {
        seq: u64::from(block) * 100_000 + index + 1,
        intended_ns: at_ns,
        started_ns,
        finished_ns: started_ns + took as u64,
        key: index,
        value: 0,
        vu: 0,
        status,
        capability,
        action,
        outcome,
        instance: 0,
        flags,
        segment: block,
    }
}
