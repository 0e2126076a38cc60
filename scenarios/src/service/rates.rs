//! Whether what was asked of the service is what the plan meant to ask, and when.

use redrill_history::{Flags, MILLISECOND_NS, Operation, Phase, RunView};

/// Later than this an arrival no longer belongs to its intended moment.
const LATE_NS: u64 = 100 * MILLISECOND_NS;
/// The share of a phase's arrivals that may be late.
const ALLOWED: f64 = 0.01;

/// The arrivals of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrivals {
    pub(crate) phase: Phase,
    pub(crate) all: u64,
    /// Late although a virtual user was free: the generator was slow.
    pub(crate) late: u64,
    /// Late because every virtual user waited for an answer.
    pub(crate) starved: u64,
}

impl Arrivals {
    /// True when more than one in a hundred was late because the generator was slow.
    pub(crate) fn is_generator_slow(&self) -> bool {
        self.late as f64 > ALLOWED * self.all as f64
    }

    /// True when more than one in a hundred was late for want of a virtual user.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved as f64 > ALLOWED * self.all as f64
    }
}

/// How late an operation started, in nanoseconds.
pub(crate) fn lag_ns(op: &Operation) -> u64 {
    op.started_ns.saturating_sub(op.intended_ns)
}

/// The arrivals of each phase.
pub(crate) fn arrivals(run: &RunView) -> [Arrivals; 4] {
    let mut phases = Phase::ALL.map(|phase| Arrivals { phase, all: 0, late: 0, starved: 0 });
    for op in run.operations.iter().filter(|op| op.is_load()) {
        let Some(phase) = run.phase_of(op) else { continue };
        let Some(arrivals) = phases.iter_mut().find(|arrivals| arrivals.phase == phase) else {
            continue;
        };
        arrivals.all += 1;
        if lag_ns(op) > LATE_NS {
            if op.flags.has(Flags::NO_IDLE_VU) {
                arrivals.starved += 1;
            } else {
                arrivals.late += 1;
            }
        }
    }
    phases
}

/// Why rates and times of this run say nothing, if so.
pub(crate) fn rates_hold(run: &RunView) -> Result<(), String> {
    for arrivals in arrivals(run) {
        let phase = arrivals.phase.name();
        if arrivals.is_generator_slow() {
            return Err(format!("the load generator was too slow in the phase {phase}"));
        }
        if arrivals.is_starved() {
            return Err(format!("there were too few virtual users in the phase {phase}"));
        }
    }
    Ok(())
}

/// True when a Sentinel published `+tilt`: it acted on nothing for a while.
pub(crate) fn was_tilted(run: &RunView) -> bool {
    sentinel_messages(run).any(|(_, channel)| channel == "+tilt")
}

/// When and on which channel Sentinels published.
pub(crate) fn sentinel_messages(run: &RunView) -> impl Iterator<Item = (u64, &str)> {
    run.events.iter().filter_map(|event| match &event.kind {
        redrill_history::EventKind::Sentinel { channel, .. } => {
            Some((event.at_ns, channel.as_str()))
        }
        _ => None,
    })
}
