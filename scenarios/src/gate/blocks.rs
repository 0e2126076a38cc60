//! One block: what was asked in its measured time, and what that cost the side.

use crate::service::rates::lag_ns;
use redrill_history::{Action, Flags, Operation, RunView, Sample, Segment};

/// From when on an arrival counts as late: as where a drill's load is judged.
const LATE_NS: u64 = 100_000_000;

/// A block that was run to its end.
pub(super) struct Block<'a> {
    /// The requests that were due in its measured time.
    pub(super) requests: Vec<&'a Operation>,
    /// Acknowledged requests that ended there.
    ended: usize,
    measured_s: f64,
    /// The side's counters at the start of the measured time and at its end.
    counters: Option<(&'a Sample, &'a Sample)>,
    /// Requests that ended between the two readings.
    counted: usize,
}

impl<'a> Block<'a> {
    /// The block of a segment; `until_ns` is when the next one began.
    pub(super) fn new(run: &'a RunView, segment: &'a Segment, side: &str, until_ns: u64) -> Self {
        let number = segment.plan.number;
        let its = || run.operations.iter().filter(move |op| op.segment == number && op.is_load());
        let measured = segment.measured_ns();
        let ended = its().filter(|op| op.is_ok() && measured.contains(&op.finished_ns)).count();
        let after = run.samples.partition_point(|sample| sample.at_ns < segment.start_ns);
        let here = run.samples[after..].iter().take_while(|sample| sample.at_ns < until_ns);
        let mut readings = here.filter(|sample| sample.source == side);
        let first = readings.next();
        let counters = first.zip(readings.last());
        let counted = counters.map_or(0, |(first, last)| {
            its().filter(|op| (first.at_ns..last.at_ns).contains(&op.finished_ns)).count()
        });
        let requests = run.requests_of(segment).collect();
        Self { requests, ended, measured_s: segment.measured_s(), counters, counted }
    }

    /// Acknowledged requests a second.
    pub(super) fn throughput_per_s(&self) -> f64 {
        self.ended as f64 / self.measured_s.max(f64::EPSILON)
    }

    /// Requests a second that were due.
    pub(super) fn offered_per_s(&self) -> f64 {
        self.requests.len() as f64 / self.measured_s.max(f64::EPSILON)
    }

    /// The requests that are meant to be acknowledged: a read after the logout is not.
    pub(super) fn meant(&self) -> impl Iterator<Item = &'a Operation> {
        self.requests.iter().copied().filter(|op| op.action != Action::DeadRead)
    }

    /// How many of them are of that operation; all of them by the empty name.
    pub(super) fn asked(&self, subject: &str) -> usize {
        let is_its = |op: &&Operation| subject.is_empty() || super::metrics::subject(op) == subject;
        self.meant().filter(is_its).count()
    }

    /// The share of them that was not acknowledged.
    pub(super) fn error_share(&self) -> f64 {
        let (all, failed) = (self.meant().count(), self.meant().filter(|op| !op.is_ok()).count());
        failed as f64 / all.max(1) as f64
    }

    /// The share that got no answer: none in time, or a broken connection.
    pub(super) fn unanswered_share(&self) -> f64 {
        let unanswered = self.requests.iter().filter(|op| op.status == 0).count();
        unanswered as f64 / self.requests.len().max(1) as f64
    }

    /// What a counter rose by, a request; `None` where it was not read.
    pub(super) fn per_request(&self, counter: &str) -> Option<f64> {
        let (first, last) = self.counters?;
        // Redis lists a command from its first call on.
        let rise = last.values.get(counter)? - first.values.get(counter).unwrap_or(&0.0);
        (self.counted > 0).then(|| rise / self.counted as f64)
    }

    /// The counters whose names begin so, without that beginning.
    pub(super) fn counters(&self, prefix: &'static str) -> impl Iterator<Item = &'a str> {
        let last = self.counters.map(|(_, last)| last);
        last.into_iter()
            .flat_map(|sample| sample.values.keys())
            .filter_map(move |name| name.strip_prefix(prefix))
    }

    /// The shares of the requests that started late because the generator was slow, and because
    /// every virtual user was busy.
    pub(super) fn late_shares(&self) -> (f64, f64) {
        let late = |starved: bool| {
            let is_late = |op: &&&Operation| {
                lag_ns(op) > LATE_NS && op.flags.has(Flags::NO_IDLE_VU) == starved
            };
            self.requests.iter().filter(is_late).count() as f64 / self.requests.len().max(1) as f64
        };
        (late(false), late(true))
    }
}
