//! The one place where the time is read.
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the run began, on the monotonic clock; shared by everything that records.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    origin: Instant,
    wall_origin: SystemTime,
}

impl RunClock {
    /// A clock whose zero is now.
    pub fn start() -> Self {
        Self { origin: Instant::now(), wall_origin: SystemTime::now() }
    }

    /// Nanoseconds since the zero.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds from the zero to `instant`; zero for an instant before it.
    pub fn at_ns(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.origin);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The instant that lies `at_ns` after the zero.
    pub fn instant(&self, at_ns: u64) -> Instant {
        self.origin + Duration::from_nanos(at_ns)
    }

    /// The wall clock at the zero, in milliseconds since 1970 (UTC).
    pub fn wall_origin_ms(&self) -> u64 {
        let since = self.wall_origin.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The wall clock now.
pub fn wall_now() -> SystemTime {
    SystemTime::now()
}

/// The monotonic clock now.
pub fn instant_now() -> Instant {
    Instant::now()
}
