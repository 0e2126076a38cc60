//! The crate's only look at the clock, so that tests can own the time.

use tokio::time::Instant;

/// The present on tokio's clock, which a test may pause.
pub(crate) fn now() -> Instant {
    Instant::now()
}
