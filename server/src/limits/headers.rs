//! What an answer says of a limit, as in draft-ietf-httpapi-ratelimit-headers.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::algorithm::Hit;

/// Whole seconds that are not earlier than `time`, at least one.
pub(super) fn seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

/// `RateLimit-*` of draft 6.
pub(super) fn draft_6(hit: &Hit, window: Duration, headers: &mut HeaderMap) {
    let mut set = |name: &'static str, value: HeaderValue| {
        headers.insert(HeaderName::from_static(name), value);
    };
    set("ratelimit-limit", hit.limit.into());
    set("ratelimit-remaining", hit.limit.saturating_sub(hit.count).into());
    set("ratelimit-reset", seconds(hit.reset).into());
    let policy = format!("{};w={}", hit.limit, seconds(window));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        set("ratelimit-policy", policy);
    }
}

/// The pair of draft 8.
pub(super) fn draft_8(name: &str, hit: &Hit, window: Duration, headers: &mut HeaderMap) {
    let remaining = hit.limit.saturating_sub(hit.count);
    let policy = format!("\"{name}\";q={};w={}", hit.limit, seconds(window));
    let state = format!("\"{name}\";r={remaining};t={}", seconds(hit.reset));
    for (header, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
}

/// The evidence by which a client can prove that a counter went backwards.
pub(super) fn evidence(hit: &Hit, headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static("x-ratelimit-count"), hit.count.into());
    if let Some(window) = hit.window {
        headers.insert(HeaderName::from_static("x-ratelimit-window"), window.into());
    }
}
