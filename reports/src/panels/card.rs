//! What was run, and how to run it again.

use super::Panel;
use crate::{format, series, text};
use maud::{Markup, html};
use redrill_history::{Report, Role, RunView};

pub(super) struct Card;

impl Panel for Card {
    fn id(&self) -> &'static str {
        "run"
    }

    fn title(&self) -> &'static str {
        "The run"
    }

    fn question(&self) -> &'static str {
        "Which run is this, and how is it repeated?"
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        html! {
            dl.card {
                @for (name, value) in facts(run) { div { dt { (name) } dd { (value) } } }
            }
            p.replay {
                "Repeat it from where it was started, RUN being this run's folder, with "
                code { (text::replay(run)) }
            }
        }
    }
}

fn facts(run: &RunView) -> Vec<(&'static str, String)> {
    let plan = &run.plan;
    let whole: f64 = plan.load.capabilities.values().map(|load| load.rate_per_s).sum();
    let is_mix = !plan.kind.is_one_load();
    let capabilities: Vec<_> = series::capabilities(run)
        .into_iter()
        .map(|capability| match plan.load.capabilities.get(&capability) {
            Some(load) if is_mix => {
                format!("{} {:.0} %", capability.name(), load.rate_per_s / whole * 100.0)
            }
            Some(load) => format!("{} {}/s", capability.name(), format::rate(load.rate_per_s)),
            None => capability.name().to_owned(),
        })
        .collect();
    let faults: Vec<_> = plan.faults.iter().map(fault).collect();
    let none_if_empty = |parts: &[String], between: &str| {
        if parts.is_empty() { "none".to_owned() } else { parts.join(between) }
    };
    vec![
        ("Began", format::utc(&run.environment.began)),
        ("Load", load(run)),
        ("Asked of the service", none_if_empty(&capabilities, ", ")),
        ("Faults", none_if_empty(&faults, "; ")),
        ("Target", format!("{}, {}", plan.target.name, instances(plan.target.instances))),
        ("Redis", redis(run)),
        ("Machine", machine(run)),
        ("redrill", format!("{}, seed {}", plan.redrill, plan.seed)),
    ]
}

/// The version and every group: `7.0.15, sentinel: 3 nodes, 3 sentinels; cache, standalone: …`.
fn redis(run: &RunView) -> String {
    let groups = run.plan.environment.groups().map(|(role, group)| {
        let whose = if role == Role::Main { String::new() } else { format!("{role}, ") };
        let memory = group.maxmemory.as_ref();
        let memory = memory.map(|most| format!(", {most} with {}", group.maxmemory_policy));
        format!(
            "{whose}{}: {}, {}{}",
            group.topology,
            format::counted(u64::from(group.nodes()), "node"),
            format::counted(u64::from(group.sentinels), "sentinel"),
            memory.unwrap_or_default(),
        )
    });
    let groups: Vec<String> = groups.collect();
    let version = Some(run.environment.redis.as_str()).filter(|version| !version.is_empty());
    format!("{}, {}", version.unwrap_or("not known"), groups.join("; "))
}

fn instances(count: u8) -> String {
    format::counted(u64::from(count), "instance")
}

fn fault(fault: &redrill_history::PlannedFault) -> String {
    let name = text::fault_name(fault);
    let at = length(fault.at);
    match fault.lasts {
        Some(lasts) => format!("{name} at {at} for {}", length(lasts)),
        None => format!("{name} at {at}"),
    }
}

/// How long the load lasted, and how long it was to last; of several segments, how many there were.
fn load(run: &RunView) -> String {
    let lasted = format::duration(run.load_end_ns.saturating_sub(run.load_start_ns) as f64);
    if run.plan.kind.is_one_load() {
        return format!("{lasted} of {} planned", length(run.plan.load.duration));
    }
    format!("{} in {lasted}", format::counted(run.segments.len() as u64, "segment"))
}

fn length(duration: std::time::Duration) -> String {
    format::duration(duration.as_secs_f64() * 1e9)
}

fn machine(run: &RunView) -> String {
    let facts = &run.environment;
    if facts.cores == 0 {
        return "not known".to_owned();
    }
    format!("{}, {}", format::counted(u64::from(facts.cores), "core"), facts.kernel)
}
