//! The headers of this service's answers, and which answer carries which.

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::Operation;

/// One header.
pub(crate) struct Header {
    name: &'static str,
    /// JSON schema of its value.
    schema: &'static str,
    about: &'static str,
}

const fn text(name: &'static str, about: &'static str) -> Header {
    Header { name, schema: r#"{"type":"string"}"#, about }
}

const fn number(name: &'static str, about: &'static str) -> Header {
    Header { name, schema: r#"{"type":"integer","minimum":0}"#, about }
}

const INSTANCE: Header = text(
    "X-Instance-Id",
    "Which instance answered. What is no request by the rules of HTTP/1.1 is refused before it \
     reaches the service: that 400, 414 or 431 has an empty body and not this header",
);
pub(crate) const NODE: Header =
    text("X-Redis-Node", "Run id of the Redis node that acknowledged a write, where one was made");
pub(crate) const CACHE: Header = Header {
    name: "X-Cache",
    schema: r#"{"enum":["HIT","MISS"]}"#,
    about: "Whether the answer was kept from before",
};
pub(crate) const DEGRADED: Header =
    text("X-Degraded", "What did without Redis: `cache` or `limiter`");
pub(crate) const COOKIE: Header =
    text("Set-Cookie", "The session's signed cookie, for another time to live, or its end");
pub(crate) const COUNT: Header =
    number("X-RateLimit-Count", "Hits with this one; only where Redis counted");
pub(crate) const WINDOW: Header =
    number("X-RateLimit-Window", "Number of the window since the epoch; only of fixed windows");
pub(crate) const POLICY: Header = text("RateLimit-Policy", "The limit and its window in seconds");
pub(crate) const STATE: Header =
    text("RateLimit", "What is left, and until when; where RATE_LIMIT_HEADERS is draft-8");
pub(crate) const LIMIT: Header = number(
    "RateLimit-Limit",
    "Hits a window; where RATE_LIMIT_HEADERS is draft-6, as the next two",
);
pub(crate) const REMAINING: Header = number("RateLimit-Remaining", "Hits that are left of it");
pub(crate) const RESET: Header = number("RateLimit-Reset", "Seconds until there are more");
const OUTCOME: Header = Header {
    name: "X-Outcome",
    schema: r#"{"enum":["refused","unknown"]}"#,
    about: "Whether the request had no effect, or perhaps one",
};
const RETRY_AFTER: Header = number("Retry-After", "Seconds after which to try again");

pub(super) const ALLOW: Header = text("Allow", "The methods that the path has");

/// Every header that an operation must name before its answers carry it.
const ALL: &[&Header] = &[
    &INSTANCE,
    &NODE,
    &CACHE,
    &DEGRADED,
    &COOKIE,
    &COUNT,
    &WINDOW,
    &POLICY,
    &STATE,
    &LIMIT,
    &REMAINING,
    &RESET,
    &OUTCOME,
    &RETRY_AFTER,
];

/// The headers of an operation's answers with this status.
fn of(operation: &Operation, status: &str) -> Vec<&'static Header> {
    let mut all = vec![&INSTANCE];
    if [operation.success.0, "429"].contains(&status) {
        all.extend(operation.headers);
    }
    match status {
        "429" => all.push(&RETRY_AFTER),
        "503" if !operation.tells_health() => all.extend([&RETRY_AFTER, &OUTCOME]),
        _ => {}
    }
    all
}

/// Their description.
pub(super) fn describe(operation: &Operation, status: &str) -> Value {
    described(&of(operation, status))
}

/// Those of an answer that belongs to no operation.
pub(super) fn of_none(own: &[&'static Header]) -> Value {
    described(&[&[&INSTANCE], own].concat())
}

fn described(headers: &[&Header]) -> Value {
    let mut described = Map::new();
    for header in headers {
        let schema: Value =
            serde_json::from_str(header.schema).expect("the table's schemas are JSON");
        let always = [INSTANCE.name, ALLOW.name].contains(&header.name);
        let it = json!({ "schema": schema, "description": header.about, "required": always });
        described.insert(header.name.to_owned(), it);
    }
    Value::Object(described)
}

/// Does the operation name every header that its answer carries?
pub(super) fn names(operation: &Operation, status: &str, carried: &HeaderMap) -> bool {
    let named = of(operation, status);
    let is_named = |header: &Header| named.iter().any(|it| it.name == header.name);
    ALL.iter().all(|header| !carried.contains_key(header.name) || is_named(header))
}
