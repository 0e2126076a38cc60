//! Defects of this server, in a build that was made to plant them: an examination that does not
//! find them finds nothing. `PLANTED_DEFECT` names those that act, with commas between.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::clock;
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
/// A read of a session costs one more Redis command.
pub(crate) static EXTRA_COMMAND: Defect = Defect::new("extra-command", 1);
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

/// A shorter delay is spun away: a timer would add a millisecond or two.
const SPUN_BELOW: Duration = Duration::from_millis(5);
/// Delayed requests between two lines of the log.
const LOG_EVERY: u64 = 200;

static DELAY: LazyLock<Duration> = LazyLock::new(|| {
    let microseconds = std::env::var("PLANTED_DELAY_US").ok().and_then(|text| text.parse().ok());
    Duration::from_micros(microseconds.unwrap_or(0))
});
static DELAYED: AtomicU64 = AtomicU64::new(0);
static DELAYED_US: AtomicU64 = AtomicU64::new(0);

/// Lets every request wait for `PLANTED_DELAY_US`, and says in the log how long they did.
pub(crate) async fn delay(request: Request, next: Next) -> Response {
    if !DELAY.is_zero() {
        let began = clock::now();
        if *DELAY < SPUN_BELOW {
            while began.elapsed() < *DELAY {
                std::hint::spin_loop();
            }
        } else {
            tokio::time::sleep(*DELAY).await;
        }
        let waited = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let sum = DELAYED_US.fetch_add(waited, Ordering::Relaxed) + waited;
        let count = DELAYED.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(LOG_EVERY) {
            tracing::warn!("planted delay: {} us at the mean of {count} requests", sum / count);
        }
    }
    next.run(request).await
}

/// Asks for a key once more.
pub(crate) async fn ask_again(link: &Link, key: &str) {
    // An answer that nobody needs may fail.
    let _ = link.call::<u64>(redis::cmd("EXISTS").arg(key), Repeat::Safe).await;
}

/// Loses what a key holds.
pub(crate) async fn forget(link: &Link, key: &str) {
    // A key that could not be lost is a defect that did not act.
    let _ = link.call::<u64>(redis::cmd("UNLINK").arg(key), Repeat::Safe).await;
}
