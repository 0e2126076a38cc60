//! The load by time and by phase: what the figures and tables count.

use redrill_history::{Capability, Latency, Operation, Outcome, PhaseSpan, RunView, SECOND_NS};

/// Bins that a figure holds at most; longer runs get wider bins.
const BINS_MOST: u64 = 120;
/// Widths of a bin that a reader can reckon with, in seconds.
const WIDTHS_S: [u64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800];

/// Counts and latencies of the requests of some time. Arrivals, outcomes and latency are counted
/// where the request should have started, `started` where it did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) intended: u64,
    pub(crate) started: u64,
    pub(crate) ok: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
    /// Acknowledged, or declined with a 4xx: what availability counts.
    pub(crate) answered: u64,
    /// From the intended start, of the acknowledged requests.
    pub(crate) latency: Latency,
}

impl Tally {
    fn arrive(&mut self, op: &Operation) {
        self.intended += 1;
        self.answered += u64::from(op.is_answered());
        match op.outcome {
            Outcome::Ok => {
                self.ok += 1;
                self.latency.record(op.latency_ns());
            }
            Outcome::Refused => self.refused += 1,
            Outcome::Unknown => self.unknown += 1,
        }
    }
}

/// A part of the load on the time axis.
#[derive(Clone, Debug)]
pub(crate) struct Bin {
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) tally: Tally,
}

impl Bin {
    /// A count of this bin as a rate per second.
    pub(crate) fn per_s(&self, count: u64) -> f64 {
        count as f64 * SECOND_NS as f64 / (self.end_ns - self.start_ns).max(1) as f64
    }
}

/// The load cut into bins of equal width.
#[derive(Clone, Debug)]
pub(crate) struct Bins {
    /// Width of a bin; the last one may be shorter.
    pub(crate) width_ns: u64,
    pub(crate) bins: Vec<Bin>,
}

impl Bins {
    /// The requests of one capability, or of all.
    pub(crate) fn of(run: &RunView, capability: Option<Capability>) -> Self {
        let length = run.load_end_ns.saturating_sub(run.load_start_ns);
        let width_ns = width_ns(length);
        let mut count = length.div_ceil(width_ns);
        // A remainder of less than a tenth would show as a rate of nothing: it joins its neighbour.
        if count > 1 && !length.is_multiple_of(width_ns) && length % width_ns < width_ns / 10 {
            count -= 1;
        }
        let start = |index: u64| run.load_start_ns.saturating_add(index.saturating_mul(width_ns));
        let end = |index| if index + 1 == count { run.load_end_ns } else { start(index + 1) };
        let mut bins: Vec<Bin> = (0..count)
            .map(|at| Bin { start_ns: start(at), end_ns: end(at), tally: Tally::default() })
            .collect();
        let index = |at_ns: u64| {
            let since = at_ns.checked_sub(run.load_start_ns).filter(|_| at_ns < run.load_end_ns)?;
            usize::try_from((since / width_ns).min(count.checked_sub(1)?)).ok()
        };
        for op in requests(run, capability) {
            if let Some(bin) = index(op.intended_ns).and_then(|index| bins.get_mut(index)) {
                bin.tally.arrive(op);
            }
            if let Some(bin) = index(op.started_ns).and_then(|index| bins.get_mut(index)) {
                bin.tally.started += 1;
            }
        }
        let is_idle = |bin: &Bin| bin.tally.intended == 0 && bin.tally.started == 0;
        while bins.pop_if(|bin| bin.start_ns >= arrivals_end_ns(run) && is_idle(bin)).is_some() {}
        Self { width_ns, bins }
    }
}

fn width_ns(length_ns: u64) -> u64 {
    let fits = |width: &u64| length_ns.div_ceil(*width) <= BINS_MOST;
    let wide = || length_ns.div_ceil(BINS_MOST).next_multiple_of(SECOND_NS);
    WIDTHS_S.map(|width| width * SECOND_NS).into_iter().find(fits).unwrap_or_else(wide)
}

/// When the plan's last arrival is due. The load ends later, with the last answer: a time without
/// arrivals that is no outage and must not dilute a rate.
fn arrivals_end_ns(run: &RunView) -> u64 {
    let planned = u64::try_from(run.plan.load.duration.as_nanos()).unwrap_or(u64::MAX);
    run.load_start_ns.saturating_add(planned)
}

/// The load in one phase.
#[derive(Clone, Debug)]
pub(crate) struct PhaseTally {
    pub(crate) span: PhaseSpan,
    /// How long arrivals were due in it.
    arrivals_ns: u64,
    pub(crate) tally: Tally,
}

impl PhaseTally {
    /// A count of this phase as a rate per second.
    pub(crate) fn per_s(&self, count: u64) -> f64 {
        count as f64 * SECOND_NS as f64 / self.arrivals_ns.max(1) as f64
    }
}

/// The requests of one capability, or of all, by phase; empty phases too.
pub(crate) fn by_phase(run: &RunView, capability: Option<Capability>) -> Vec<PhaseTally> {
    let phase = |span: &PhaseSpan| {
        let until = span.end_ns.min(arrivals_end_ns(run)).max(span.start_ns);
        let arrivals_ns = until - span.start_ns;
        PhaseTally { span: *span, arrivals_ns, tally: Tally::default() }
    };
    let mut phases: Vec<PhaseTally> = run.phases.spans.iter().map(phase).collect();
    for op in requests(run, capability) {
        if let Some(phase) = run.phases.of(op.intended_ns) {
            phases[phase as usize].tally.arrive(op);
        }
        if let Some(phase) = run.phases.of(op.started_ns) {
            phases[phase as usize].tally.started += 1;
        }
    }
    phases
}

/// The requests of the load, in order of sequence.
pub(crate) fn requests(
    run: &RunView,
    capability: Option<Capability>,
) -> impl Iterator<Item = &Operation> {
    let wanted = move |op: &&Operation| capability.is_none_or(|wanted| op.capability == wanted);
    run.operations.iter().filter(|op| op.is_load()).filter(wanted)
}

/// The capabilities of the plan and those that have operations all the same, in report order.
pub(crate) fn capabilities(run: &RunView) -> Vec<Capability> {
    let seen = |capability: &Capability| {
        run.plan.load.capabilities.contains_key(capability)
            || requests(run, Some(*capability)).next().is_some()
    };
    Capability::ALL.into_iter().filter(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;

    #[test]
    fn long_runs_get_wider_bins_and_short_ones_a_second() {
        assert_eq!(width_ns(60 * SECOND_NS), SECOND_NS);
        assert_eq!(width_ns(121 * SECOND_NS), 2 * SECOND_NS);
        assert_eq!(width_ns(3_600 * SECOND_NS), 30 * SECOND_NS);
        assert!(u64::MAX.div_ceil(width_ns(u64::MAX)) <= BINS_MOST);
    }

    #[test]
    fn waiting_for_the_last_answers_dilutes_no_rate() {
        let (mut run, _) = synthetic::steady();
        let rate = |run: &RunView| {
            let phases = by_phase(run, None);
            phases[0].per_s(phases[0].tally.intended)
        };
        let (before, bins) = (rate(&run), Bins::of(&run, None).bins.len());
        run.load_end_ns += 3 * SECOND_NS;
        run.phases.spans[0].end_ns = run.load_end_ns;
        assert_eq!((rate(&run), Bins::of(&run, None).bins.len()), (before, bins));
    }

    #[test]
    fn bins_and_phases_count_every_request_once() {
        let (run, _) = synthetic::failover();
        let bins = Bins::of(&run, None);
        let requests = requests(&run, None).count() as u64;
        let intended = |tally: &Tally| (tally.intended, tally.ok + tally.refused + tally.unknown);
        let of_bins: Vec<_> = bins.bins.iter().map(|bin| intended(&bin.tally)).collect();
        assert_eq!(of_bins.iter().map(|(all, _)| all).sum::<u64>(), requests);
        assert_eq!(of_bins.iter().map(|(_, ended)| ended).sum::<u64>(), requests);
        let phases = by_phase(&run, None);
        assert_eq!(phases.iter().map(|phase| phase.tally.intended).sum::<u64>(), requests);
    }
}
