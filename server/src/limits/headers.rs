//! What an answer says of a limit, as in draft-ietf-httpapi-ratelimit-headers.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::algorithm::Hit;
use crate::settings::{Draft, LimitPolicy};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const COUNT: HeaderName = HeaderName::from_static("x-ratelimit-count");
const WINDOW: HeaderName = HeaderName::from_static("x-ratelimit-window");

/// Whole seconds that are not earlier than `time`, at least one.
pub(super) fn seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

/// What every answer under a policy carries.
pub(super) fn fixed(name: &str, policy: LimitPolicy, draft: Draft) -> HeaderMap {
    let (limit, window) = (policy.limit, seconds(policy.window));
    let described = match draft {
        Draft::Six => format!("{limit};w={window}"),
        Draft::Eight => format!("\"{name}\";q={limit};w={window}"),
    };
    let mut headers = HeaderMap::with_capacity(8);
    headers.extend(HeaderValue::from_str(&described).ok().map(|value| (POLICY, value)));
    headers
}

/// What is left of the limit, and until when.
pub(super) fn state(name: &str, hit: &Hit, draft: Draft, headers: &mut HeaderMap) {
    let (left, reset) = (hit.limit.saturating_sub(hit.count), seconds(hit.reset));
    match draft {
        Draft::Six => {
            headers.insert(LIMIT, hit.limit.into());
            headers.insert(REMAINING, left.into());
            headers.insert(RESET, reset.into());
        }
        Draft::Eight => {
            let state = format!("\"{name}\";r={left};t={reset}");
            headers.extend(HeaderValue::from_str(&state).ok().map(|value| (STATE, value)));
        }
    }
}

/// The evidence by which a client can prove that a counter went backwards.
pub(super) fn evidence(hit: &Hit, headers: &mut HeaderMap) {
    headers.insert(COUNT, hit.count.into());
    if let Some(window) = hit.window {
        headers.insert(WINDOW, window.into());
    }
}
