//! How long a service took after each fault to be again what it was.

use crate::{Operation, SECOND_NS, Window};

/// The way back after the faults of a run.
#[derive(Default)]
pub(crate) struct Recovery {
    /// The longest time that it may have taken, and when it was over.
    longest: Option<(u64, u64)>,
    /// The longest time that it surely took.
    pub(crate) least_ns: u64,
    /// The first moment after which a second was bad and no two good ones followed.
    pub(crate) open_since_ns: Option<u64>,
}

impl Recovery {
    /// Looks at `seconds`, which begin at `from_ns`, after each injection and each healing.
    pub(crate) fn new(from_ns: u64, end_ns: u64, windows: &[Window], seconds: &Seconds) -> Self {
        let mut recovery = Self::default();
        for window in windows {
            // What turns bad after the fault was healed and the service good is not its doing.
            let healed = window.over_ns().saturating_sub(from_ns).div_ceil(SECOND_NS);
            let ended = seconds.first_good_pair(usize::try_from(healed).unwrap_or(usize::MAX));
            let ended = ended.unwrap_or(seconds.good.len());
            for start_ns in [Some(window.begun_ns), window.healed_ns].into_iter().flatten() {
                let begun = windows.iter().map(|window| window.begun_ns);
                let next_ns = begun.filter(|at_ns| *at_ns > start_ns).min();
                recovery.look(Way { start_ns, next_ns, from_ns, end_ns, ended }, seconds);
            }
        }
        recovery
    }

    /// Looks for the way back after one start.
    fn look(&mut self, way: Way, seconds: &Seconds) {
        let Way { start_ns, next_ns, end_ns, .. } = way;
        let next = next_ns.map_or(way.ended, |at_ns| way.second_of(at_ns).min(way.ended));
        let is_bad = |second: &usize| seconds.good.get(*second) == Some(&Some(false));
        let Some(bad) = (way.second_of(start_ns)..next).find(is_bad) else { return };
        let seen_ns = if let Some(good) = seconds.first_good_pair(bad) {
            let (took_ns, at_ns) = way.until(good);
            self.longest = self.longest.max(Some((took_ns, at_ns)));
            took_ns
        } else {
            let earlier = self.open_since_ns.unwrap_or(start_ns);
            self.open_since_ns = Some(earlier.min(start_ns));
            end_ns.saturating_sub(start_ns)
        };
        // Good seconds up to the next fault, or to the end, may have been the recovery.
        let unbroken = (bad..next).rev().take_while(|second| !is_bad(second)).last();
        let by_then_ns = match (unbroken, next_ns) {
            (Some(good), _) => way.until(good).0,
            (None, Some(next_ns)) => next_ns - start_ns,
            (None, None) => seen_ns,
        };
        self.least_ns = self.least_ns.max(seen_ns.min(by_then_ns));
    }

    /// The longest time, and when it was over; `None` when nothing was bad, or one is open.
    pub(crate) fn took(&self) -> Option<(u64, u64)> {
        self.longest.filter(|_| self.open_since_ns.is_none())
    }
}

/// Where a way back begins and what bounds it.
#[derive(Clone, Copy)]
struct Way {
    /// An injection or a healing.
    start_ns: u64,
    /// The next injection.
    next_ns: Option<u64>,
    /// The start of the first second.
    from_ns: u64,
    /// The end of the load.
    end_ns: u64,
    /// The second from which on the fault is no cause any more.
    ended: usize,
}

impl Way {
    fn second_of(&self, at_ns: u64) -> usize {
        usize::try_from(at_ns.saturating_sub(self.from_ns) / SECOND_NS).unwrap_or(usize::MAX)
    }

    /// The time from the start to that of a second, and the latter.
    fn until(&self, second: usize) -> (u64, u64) {
        let at_ns = self.from_ns.saturating_add(second as u64 * SECOND_NS);
        (at_ns.saturating_sub(self.start_ns), at_ns)
    }
}

/// What the baseline was like: answered share and p50 in nanoseconds.
pub(crate) fn baseline(start_ns: u64, end_ns: u64, operations: &[Operation]) -> (f64, u64) {
    let mut latencies = Vec::new();
    let mut requests = 0_u64;
    for op in operations.iter().filter(|op| op.is_load()) {
        if (start_ns..end_ns).contains(&op.intended_ns) {
            requests += 1;
            if op.is_answered() {
                latencies.push(op.latency_ns());
            }
        }
    }
    let share = if requests == 0 { 1.0 } else { latencies.len() as f64 / requests as f64 };
    (share, median(&mut latencies))
}

fn median(values: &mut [u64]) -> u64 {
    if values.is_empty() {
        return 0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable(middle).1
}

/// Seconds in a week.
const WEEK_S: u64 = 7 * 24 * 3600;

/// Good and bad seconds from the injection on; a last part of a second is left out. One in which
/// nothing was asked is neither.
pub(crate) struct Seconds {
    good: Vec<Option<bool>>,
}

impl Seconds {
    pub(crate) fn new(
        from_ns: u64,
        end_ns: u64,
        operations: &[Operation],
        baseline: (f64, u64),
    ) -> Self {
        // A damaged record may claim any time; a load of more than a week is none.
        let count = ((end_ns - from_ns) / SECOND_NS).min(WEEK_S) as usize;
        let mut seconds: Vec<(u64, Vec<u64>)> = vec![(0, Vec::new()); count];
        for op in operations.iter().filter(|op| op.is_load() && op.intended_ns >= from_ns) {
            let index = usize::try_from((op.intended_ns - from_ns) / SECOND_NS).unwrap_or(count);
            if let Some((requests, latencies)) = seconds.get_mut(index) {
                *requests += 1;
                if op.is_answered() {
                    latencies.push(op.latency_ns());
                }
            }
        }
        let (share, p50) = baseline;
        let is_good = |(requests, mut latencies): (u64, Vec<u64>)| {
            (requests > 0).then(|| {
                latencies.len() as f64 / requests as f64 >= share - 0.01
                    && median(&mut latencies) <= p50.saturating_mul(2)
            })
        };
        Self { good: seconds.into_iter().map(is_good).collect() }
    }

    /// The first of two good seconds with none but such between them in which nothing was asked.
    pub(crate) fn first_good_pair(&self, from: usize) -> Option<usize> {
        let mut asked = (from..self.good.len()).filter_map(|at| Some((at, self.good[at]?)));
        let mut before = asked.next()?;
        for now in asked {
            if before.1 && now.1 {
                return Some(before.0);
            }
            before = now;
        }
        None
    }

    pub(crate) fn all_good_from(&self, from: usize) -> bool {
        self.good.iter().skip(from).all(|good| *good != Some(false))
    }
}
