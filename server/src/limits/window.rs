//! Fixed windows in Redis.

use std::time::Duration;

use super::Policy;
use crate::redis::{Failure, Link, Lua, Repeat, Script};

static WINDOW: Lua = Lua::new(|| Script::new(include_str!("window.lua")));

/// A request that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) admitted: bool,
    pub(super) limit: u64,
    /// Requests in this window, this one and those that were not admitted included.
    pub(super) count: u64,
    /// Number of the window since the epoch.
    pub(super) window: u64,
    /// Until the window ends.
    pub(super) reset: Duration,
}

/// Counts a request. It is never sent twice: that could count it twice.
pub(super) async fn hit(link: &Link, policy: &Policy, who: &str) -> Result<Hit, Failure> {
    let key = format!("{}{who}", policy.prefix);
    let length = u64::try_from(policy.limit.window.as_millis()).unwrap_or(u64::MAX);
    let script = WINDOW.with(&[&key]).arg(length);
    let (window, count, rest): (u64, u64, u64) = link.run(&script, Repeat::Never).await?.value;
    let limit = policy.limit.limit;
    let reset = Duration::from_millis(rest);
    Ok(Hit { admitted: count <= limit, limit, count, window, reset })
}
