//! What a run will need and cost, told before it is started.

use redrill_history::{CapabilityLoad, GroupPlan, ResolvedPlan, RunKind, print_duration};

/// By name: its length, its load, its processes, what must hold.
pub(super) fn needs(plan: &ResolvedPlan) -> Vec<(&'static str, String)> {
    let objectives = plan.objectives.iter().map(|(id, bound)| format!("{id} {}", bound.words()));
    let thresholds = plan.fail_if.iter().map(|threshold| format!("not {threshold}"));
    let objectives: Vec<String> = objectives.chain(thresholds).collect();
    let mut all = vec![
        ("takes", takes(plan)),
        ("load", load(plan)),
        ("virtual users", users(plan)),
        ("processes", processes(plan)),
    ];
    if !objectives.is_empty() {
        all.push(("objectives", objectives.join(", ")));
    }
    all
}

/// How long it will be.
fn takes(plan: &ResolvedPlan) -> String {
    let (duration, drain) = (plan.load.duration, plan.load.drain);
    let (long, drains) = (print_duration(duration), print_duration(drain));
    match (plan.kind, &plan.capacity, &plan.gate) {
        (RunKind::Capacity, Some(capacity), _) => format!(
            "steps of {} each, none begun after {}",
            print_duration(capacity.step),
            print_duration(capacity.within)
        ),
        (RunKind::Gate, _, Some(gate)) => format!(
            "{} pairs of blocks of {long}: {} of load, and up to {drains} of drain after each",
            gate.pairs,
            print_duration(duration * u32::from(gate.pairs) * 2)
        ),
        _ => format!(
            "{long} of load and up to {drains} of drain, besides some seconds to start and to check"
        ),
    }
}

/// What is asked, a second and in all.
fn load(plan: &ResolvedPlan) -> String {
    let rates: Vec<String> =
        each(plan).map(|(name, load)| format!("{name} {}", load.rate_per_s)).collect();
    let all: f64 = plan.load.capabilities.values().map(|load| load.rate_per_s).sum();
    let requests = all * plan.load.duration.as_secs_f64();
    format!("{all} requests a second ({}), {requests:.0} in one load", rates.join(", "))
}

fn users(plan: &ResolvedPlan) -> String {
    let users: Vec<String> =
        each(plan).map(|(name, load)| format!("{name} {}", load.vus)).collect();
    let all: u64 = plan.load.capabilities.values().map(|load| u64::from(load.vus)).sum();
    format!("{all} ({})", users.join(", "))
}

fn each(plan: &ResolvedPlan) -> impl Iterator<Item = (&'static str, &CapabilityLoad)> {
    plan.load.capabilities.iter().map(|(capability, load)| (capability.name(), load))
}

/// Who runs beside the harness: Redis, Sentinels, the service, the proxy and the guardian.
fn processes(plan: &ResolvedPlan) -> String {
    let sum = |part: fn(&GroupPlan) -> u8| -> u32 {
        plan.environment.groups().map(|(_, group)| u32::from(part(group))).sum()
    };
    let (nodes, sentinels) = (sum(GroupPlan::nodes), sum(|group| group.sentinels));
    let instances = u32::from(plan.target.started());
    if plan.environment.external.is_some() {
        return format!(
            "{} processes: {instances} of {} and the guardian, on {nodes} nodes and {sentinels} \
             Sentinels that are there",
            instances + 1,
            plan.target.name
        );
    }
    let sentinel = if sentinels > 0 { format!(", {sentinels} Sentinels") } else { String::new() };
    format!(
        "{} processes: {nodes} of Redis{sentinel}, {instances} of {}, the proxy and the guardian",
        nodes + sentinels + instances + 2,
        plan.target.name
    )
}
