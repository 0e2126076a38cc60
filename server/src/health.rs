//! Is this instance alive, can it serve, and how has it fared?

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;
use tracing::{Instrument as _, field};

use crate::app::App;
use crate::clock;
use crate::error::Error;
use crate::metrics::CONTENT_TYPE;
use crate::openapi::{FLAG, Field, NUMBER, OBJECT, Operation, Shape, TEXT};
use crate::redis::{Link, Repeat};

/// A health check waits no longer than this for a role.
const PATIENCE: Duration = Duration::from_secs(1);

/// The routes and what they promise.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        handler: || get(health),
        method: "get",
        path: "/health",
        summary: "Whether each role of Redis answers",
        body: &[],
        success: ("200", Shape::Json(HEALTH)),
        headers: &[],
        others: &["503"],
    },
    Operation {
        handler: || get(ready),
        method: "get",
        path: "/ready",
        summary: "Whether this instance can serve",
        body: &[],
        success: ("200", Shape::Json(&[("ready", FLAG, true)])),
        headers: &[],
        others: &["503"],
    },
    Operation {
        handler: || get(metrics),
        method: "get",
        path: "/metrics",
        summary: "Metrics of this instance, in Prometheus' text format",
        body: &[],
        success: ("200", Shape::Text("text/plain")),
        headers: &[],
        others: &["404"],
    },
];

const HEALTH: &[Field] = &[
    ("status", TEXT, true),
    ("instance", TEXT, true),
    ("uptime", NUMBER, true),
    ("redis", OBJECT, true),
];

async fn health(State(app): State<Arc<App>>) -> impl IntoResponse {
    let redis = &app.redis;
    let span = tracing::debug_span!(
        "redis.health.check",
        redis.health.main = field::Empty,
        redis.health.cache = field::Empty,
        redis.health.sessions = field::Empty,
    );
    let all = async {
        tokio::join!(answers(&redis.main), answers(&redis.cache), answers(&redis.sessions))
    };
    let (main, cache, sessions) = all.instrument(span.clone()).await;
    span.record("redis.health.main", main);
    span.record("redis.health.cache", cache);
    span.record("redis.health.sessions", sessions);
    let well = main && cache && sessions;
    let body = json!({
        "status": if well { "ok" } else { "degraded" },
        "instance": app.instance,
        "uptime": app.started.elapsed().as_secs_f64(),
        "redis": { "main": main, "cache": cache, "sessions": sessions },
    });
    (if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

/// Ready means: the roles without which most routes refuse are connected.
async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    let ready = app.redis.main.is_up() && app.redis.sessions.is_up();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready })))
}

/// Every node that has keys of the role answers.
async fn answers(link: &Link) -> bool {
    let deadline = link.deadline().min(clock::now() + PATIENCE);
    let ping = redis::cmd("PING");
    let nodes = link.nodes();
    let all = nodes.iter().map(|node| node.call_if_up::<String>(&ping, Repeat::Safe, deadline));
    let all = futures_util::future::join_all(all).await;
    link.is_up() && all.iter().all(Result::is_ok)
}

async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Error> {
    if !app.tells_metrics {
        return Err(Error::NotFound("/metrics: REDIS_ENABLE_METRICS is false, and it".to_owned()));
    }
    let metrics = &app.metrics;
    for (role, link) in app.redis.roles() {
        metrics.up.set(&[role], f64::from(u8::from(link.is_up())));
        metrics.breaker.set(&[role], f64::from(u8::from(link.is_open())));
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    metrics.tasks.set(&[], precise(tasks as u64));
    metrics.sockets.set(&[], precise(app.presence.sockets()));
    for (queue, running) in app.queues.running() {
        metrics.running.set(&[queue], precise(running));
    }
    let count = |result| metrics.cache.count(&["llm", result]);
    let (hits, misses) = (count("hit"), count("miss"));
    if hits + misses > 0 {
        metrics.cache_ratio.set(&["llm"], precise(hits) / precise(hits + misses));
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render()))
}

/// Counts stay far below 2^53, where a float would begin to round.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn precise(count: u64) -> f64 {
    count as f64
}
