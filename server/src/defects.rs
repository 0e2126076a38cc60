//! Defects of this server, in a build that was made to plant them: an examination that does not
//! find them finds nothing. `PLANTED_DEFECT` names those that act, with commas between.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::redis::{Link, Repeat};

static PLANTED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = std::env::var("PLANTED_DEFECT").unwrap_or_default();
    names.split(',').map(str::to_owned).collect()
});

/// A job is acknowledged and not stored.
pub(crate) static JOB_DROPPED: Defect = Defect::new("job-dropped", 10);
/// A write of a session is acknowledged and not stored.
pub(crate) static SESSION_WRITE_DROPPED: Defect = Defect::new("session-write-dropped", 10);
/// A client's counter is lost before a hit is counted.
pub(crate) static LIMITER_FORGETS: Defect = Defect::new("limiter-forgets", 10);
/// An answer from the cache asks the model all the same.
pub(crate) static LYING_HIT: Defect = Defect::new("lying-hit", 10);
/// The end of a socket is not noticed, and the socket kept alive.
pub(crate) static GHOST: Defect = Defect::new("ghost", 2);

/// One defect and how often it had the occasion to act.
pub(crate) struct Defect {
    name: &'static str,
    one_in: u64,
    occasions: AtomicU64,
}

impl Defect {
    const fn new(name: &'static str, one_in: u64) -> Self {
        Self { name, one_in, occasions: AtomicU64::new(0) }
    }

    /// Whether it acts on this occasion: on every so manieth, if it is planted. It says so in the
    /// log.
    pub(crate) fn strikes(&self) -> bool {
        if !PLANTED.iter().any(|name| name == self.name) {
            return false;
        }
        let before = self.occasions.fetch_add(1, Ordering::Relaxed);
        let strikes = before % self.one_in == self.one_in - 1;
        if strikes {
            tracing::warn!("planted {}", self.name);
        }
        strikes
    }
}

/// Loses what a key holds.
pub(crate) async fn forget(link: &Link, key: &str) {
    // A key that could not be lost is a defect that did not act.
    let _ = link.call::<u64>(redis::cmd("UNLINK").arg(key), Repeat::Safe).await;
}
