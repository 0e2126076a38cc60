//! The limited routes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;

use super::algorithm::Hit;
use super::{Decision, Policy, Who, headers};
use crate::app::App;
use crate::error::Error;
use crate::http::acknowledged_by;
use crate::openapi::{FLAG, Handler, Operation, Shape, TEXT, headers as described};
use crate::redis::Failure;

const DEGRADED: HeaderName = HeaderName::from_static("x-degraded");
/// The longest user id that has a counter of its own, in bytes.
const LONGEST: usize = 256;

/// The routes and what they promise.
pub(crate) const OPERATIONS: &[Operation] = &[
    operation("/api/limited", "Counts against the general policy", || get(general)),
    operation("/api/limited/llm", "Counts against the llm policy", || get(llm)),
    operation("/api/limited/burst", "Counts against the burst policy", || get(burst)),
];

const HEADERS: &[&described::Header] = &[
    &described::POLICY,
    &described::LIMIT,
    &described::REMAINING,
    &described::RESET,
    &described::STATE,
    &described::COUNT,
    &described::WINDOW,
    &described::DEGRADED,
    &described::NODE,
];

const fn operation(path: &'static str, summary: &'static str, handler: Handler) -> Operation {
    let success = ("200", Shape::Json(&[("ok", FLAG, true), ("policy", TEXT, true)]));
    let others = &["400", "429", "503"];
    let headers = HEADERS;
    Operation { handler, method: "get", path, summary, body: &[], success, headers, others }
}

type Peer = ConnectInfo<SocketAddr>;
type Limited = Result<Response, Error>;

async fn general(State(app): State<Arc<App>>, peer: Peer, headers: HeaderMap) -> Limited {
    limited(&app, &app.limits.general, peer, &headers).await
}

async fn llm(State(app): State<Arc<App>>, peer: Peer, headers: HeaderMap) -> Limited {
    limited(&app, &app.limits.llm, peer, &headers).await
}

async fn burst(State(app): State<Arc<App>>, peer: Peer, headers: HeaderMap) -> Limited {
    limited(&app, &app.limits.burst, peer, &headers).await
}

#[derive(Serialize)]
struct Admitted {
    ok: bool,
    policy: &'static str,
}

async fn limited(app: &App, policy: &Policy, peer: Peer, asked: &HeaderMap) -> Limited {
    let decision = app.limits.hit(policy, &who(peer, asked)?).await;
    app.metrics.limits.add(&[policy.name, named(&decision)]);
    let (mut headers, hit) = match decision? {
        Decision::Counted(hit, node) => {
            let mut headers = policy.headers.clone();
            headers::evidence(&hit, &mut headers);
            headers.extend(acknowledged_by(&node));
            (headers, Some(hit))
        }
        Decision::Local(hit) => (without_redis(policy.local_headers.clone()), Some(hit)),
        Decision::Open => (without_redis(HeaderMap::new()), None),
    };
    if let Some(hit) = &hit {
        headers::state(policy.name, hit, app.limits.draft, &mut headers);
    }
    Ok(match hit.filter(|hit| !hit.admitted) {
        Some(rejected) => {
            let agent = asked.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
            drop(tracing::debug_span!(
                "rate_limit.exceeded",
                rate_limit.ip = %peer.0.ip(),
                rate_limit.endpoint = policy.path,
                rate_limit.user_agent = agent.unwrap_or_default(),
            ));
            refuse(&rejected, headers)
        }
        None => (headers, Json(Admitted { ok: true, policy: policy.name })).into_response(),
    })
}

fn without_redis(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(DEGRADED, HeaderValue::from_static("limiter"));
    headers
}

fn refuse(hit: &Hit, mut headers: HeaderMap) -> Response {
    let retry_after = headers::seconds(hit.reset);
    headers.insert(header::RETRY_AFTER, retry_after.into());
    let error = "Too many requests, please try again later.";
    let body = Json(json!({ "error": error, "retryAfter": retry_after }));
    (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response()
}

/// A decision in the metrics.
fn named(decision: &Result<Decision, Failure>) -> &'static str {
    match decision {
        Ok(Decision::Counted(hit, _)) if hit.admitted => "admitted",
        Ok(Decision::Counted(..)) => "rejected",
        Ok(Decision::Local(hit)) if hit.admitted => "admitted-local",
        Ok(Decision::Local(_)) => "rejected-local",
        Ok(Decision::Open) => "admitted-open",
        Err(_) => "rejected-closed",
    }
}

fn who(ConnectInfo(peer): Peer, headers: &HeaderMap) -> Result<Who<'_>, Error> {
    let Some(user) = headers.get("x-user-id") else { return Ok(Who::Address(peer.ip())) };
    let user = user.to_str().ok().filter(|user| (1..=LONGEST).contains(&user.len()));
    user.map(Who::User).ok_or_else(|| {
        Error::field("X-User-Id", "X-User-Id must be 1 to 256 visible ASCII characters")
    })
}
