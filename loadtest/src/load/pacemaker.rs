//! One thread that hands arrivals to the virtual users at their time.
//!
//! tokio's timer wakes 1 to 2 ms late; a sleeping thread wakes within tens of microseconds.

use super::pacer::Pacer;
use redrill_history::clock::{RunClock, instant_now};
use redrill_scenarios::load::ArrivalSender;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest sleep, so that a stopped load ends soon.
const SLICE: Duration = Duration::from_millis(50);

/// A schedule and where its arrivals go.
pub struct Lane {
    /// When they come.
    pub pacer: Box<dyn Pacer>,
    /// Who takes them.
    pub sender: ArrivalSender,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Lane({:?})", self.sender)
    }
}

/// Starts the thread. Arrivals count from `start_ns` on the run's clock; the lanes are dropped, and
/// so the load ends, after the last one or when `stop` is set.
///
/// # Errors
/// When the thread cannot be made.
pub fn start(
    lanes: Vec<Lane>,
    clock: RunClock,
    start_ns: u64,
    stop: Arc<AtomicBool>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("pacemaker".to_owned())
        .spawn(move || run(lanes, clock, start_ns, &stop))
}

fn run(mut lanes: Vec<Lane>, clock: RunClock, start_ns: u64, stop: &AtomicBool) {
    let mut next = BinaryHeap::new();
    for (index, lane) in lanes.iter_mut().enumerate() {
        next.extend(lane.pacer.next().map(|at| Reverse((at, index, 0_u64))));
    }
    while let Some(Reverse((at, index, number))) = next.pop() {
        let intended_ns = start_ns + u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let due = clock.instant(intended_ns);
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let wait = due.saturating_duration_since(instant_now());
            if wait.is_zero() {
                break;
            }
            std::thread::sleep(wait.min(SLICE));
        }
        let lane = &mut lanes[index];
        lane.sender.send(number, intended_ns);
        next.extend(lane.pacer.next().map(|at| Reverse((at, index, number + 1))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_scenarios::load::arrivals;

    /// What a tokio timer misses by far, which wakes a millisecond late or two.
    const LAG_MOST_NS: u64 = 100_000;
    /// Arrivals whose median lag is taken; a millisecond apart.
    const WINDOW: usize = 50;
    /// Windows until the machine must have had time for one.
    const WINDOWS: usize = 200;

    #[derive(Debug)]
    struct EachMillisecond(u64);

    impl Pacer for EachMillisecond {
        fn next(&mut self) -> Option<Duration> {
            self.0 += 1;
            Some(Duration::from_millis(self.0))
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_virtual_user_starts_within_a_hundred_microseconds_of_its_time() {
        let clock = RunClock::start();
        let (sender, arrivals) = arrivals();
        let stop = Arc::new(AtomicBool::new(false));
        let lane = Lane { pacer: Box::new(EachMillisecond(0)), sender };
        let thread = start(vec![lane], clock, clock.now_ns(), Arc::clone(&stop)).unwrap();
        let mut best = u64::MAX;
        for _ in 0..WINDOWS {
            let mut lags = Vec::with_capacity(WINDOW);
            while lags.len() < WINDOW {
                let arrival = arrivals.next().await.unwrap();
                lags.push(clock.now_ns() - arrival.intended_ns);
            }
            lags.sort_unstable();
            best = best.min(lags[WINDOW / 2]);
            if best <= LAG_MOST_NS {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap();
        assert!(best <= LAG_MOST_NS, "the best window's median lag was {best} ns");
    }
}
