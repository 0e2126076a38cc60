//! The only place in these tests that reads a clock.

#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant, SystemTime};

pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// How long `work` took, less the time for which this machine had no processor for the test: by so
/// much a timer beside it was late.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    const TICK: Duration = Duration::from_millis(5);
    let mut work = std::pin::pin!(work);
    let started = now();
    let mut starved = Duration::ZERO;
    loop {
        let tick = now();
        tokio::select! {
            result = &mut work => return (result, started.elapsed().saturating_sub(starved)),
            () = tokio::time::sleep(TICK) => {
                // A timer is up to a millisecond late of its own.
                starved += tick.elapsed().saturating_sub(TICK + Duration::from_millis(1));
            }
        }
    }
}
