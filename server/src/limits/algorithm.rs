//! The algorithms, each one script on Redis' own clock.

use std::sync::Arc;
use std::time::Duration;

use super::{Policy, Who};
use crate::redis::{Failure, Link, Lua, Repeat, lua};
use crate::settings::Algorithm;

static FIXED_WINDOW: Lua = lua!("lua/fixed_window.lua");
static SLIDING_WINDOW: Lua = lua!("lua/sliding_window.lua");
static GCRA: Lua = lua!("lua/gcra.lua");

/// A request that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) admitted: bool,
    pub(super) limit: u64,
    /// What is used of the limit with this request. Fixed windows also count what they refuse.
    pub(super) count: u64,
    /// Number of the window since the epoch; only fixed windows have one.
    pub(super) window: Option<u64>,
    /// Until there is more of the limit.
    pub(super) reset: Duration,
}

/// Counts a request, and says which node did. It is never sent twice: that could count it twice.
pub(super) async fn hit(
    link: &Link,
    algorithm: Algorithm,
    policy: &Policy,
    who: &Who<'_>,
) -> Result<(Hit, Arc<str>), Failure> {
    let (name, script) = match algorithm {
        Algorithm::FixedWindow => ("fixed-window", &FIXED_WINDOW),
        Algorithm::SlidingWindow => ("sliding-window", &SLIDING_WINDOW),
        Algorithm::Gcra => ("gcra", &GCRA),
    };
    // Each keeps something else, and none can read what another one left.
    let key = format!("{}{name}:{who}", policy.prefix);
    #[cfg(feature = "planted-defects")]
    if crate::defects::LIMITER_FORGETS.strikes() {
        crate::defects::forget(link, &key).await;
    }
    let length = u64::try_from(policy.limit.window.as_millis()).unwrap_or(u64::MAX);
    let limit = policy.limit.limit;
    let script = script.with(&[&key]).arg(limit).arg(length);
    let answer = link.run::<(bool, u64, u64, i64)>(&script, Repeat::Never).await?;
    let (admitted, count, rest, window) = answer.value;
    let (window, reset) = (u64::try_from(window).ok(), Duration::from_millis(rest));
    Ok((Hit { admitted, limit, count, window, reset }, answer.node))
}
