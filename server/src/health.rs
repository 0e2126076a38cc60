//! Is this instance alive, can it serve, and how has it fared?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::app::App;
use crate::clock;
use crate::redis::{Link, Repeat};

/// A health check waits no longer than this for a role.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
}

async fn health(State(app): State<Arc<App>>) -> impl IntoResponse {
    let redis = &app.redis;
    let (main, cache, sessions) =
        tokio::join!(answers(&redis.main), answers(&redis.cache), answers(&redis.sessions));
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

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let redis = &app.redis;
    let up = |link: &Link, role| {
        ("redis_up", format!("role=\"{role}\""), if link.is_up() { 1.0 } else { 0.0 })
    };
    let (hits, misses) = app.cache.seen();
    let counted = |name, value: u64| (name, String::new(), precise(value));
    let gauges = [
        up(&redis.main, "main"),
        up(&redis.cache, "cache"),
        up(&redis.sessions, "sessions"),
        counted("cache_hits", hits),
        counted("cache_misses", misses),
        counted("presence_sockets", app.presence.sockets()),
        counted("queue_jobs_running", app.queues.running()),
    ];
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, app.metrics.render(&gauges))
}

/// Counts stay far below 2^53, where a float would begin to round.
#[allow(clippy::cast_precision_loss)]
fn precise(count: u64) -> f64 {
    count as f64
}
