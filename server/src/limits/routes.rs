//! The limited routes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::algorithm::Hit;
use super::{Decision, Limits, Policy, Who, headers};
use crate::app::App;
use crate::error::Error;
use crate::settings::Draft;

const DEGRADED: HeaderName = HeaderName::from_static("x-degraded");
/// The longest user id that has a counter of its own, in bytes.
const LONGEST: usize = 256;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/limited", get(general))
        .route("/api/limited/llm", get(llm))
        .route("/api/limited/burst", get(burst))
}

type Peer = ConnectInfo<SocketAddr>;
type Limited = Result<Response, Error>;

async fn general(State(app): State<Arc<App>>, peer: Peer, headers: HeaderMap) -> Limited {
    limited(&app.limits, &app.limits.general, peer, &headers).await
}

async fn llm(State(app): State<Arc<App>>, peer: Peer, headers: HeaderMap) -> Limited {
    limited(&app.limits, &app.limits.llm, peer, &headers).await
}

async fn burst(State(app): State<Arc<App>>, peer: Peer, headers: HeaderMap) -> Limited {
    limited(&app.limits, &app.limits.burst, peer, &headers).await
}

async fn limited(limits: &Limits, policy: &Policy, peer: Peer, asked: &HeaderMap) -> Limited {
    let who = who(peer, asked)?;
    let mut headers = HeaderMap::new();
    let hit = match limits.hit(policy, &who).await? {
        Decision::Counted(hit) => {
            headers::evidence(&hit, &mut headers);
            hit
        }
        Decision::Local(hit) => {
            headers.insert(DEGRADED, HeaderValue::from_static("limiter"));
            hit
        }
        Decision::Open => {
            headers.insert(DEGRADED, HeaderValue::from_static("limiter"));
            return Ok(
                (headers, Json(json!({ "ok": true, "policy": policy.name }))).into_response()
            );
        }
    };
    match limits.draft {
        Draft::Six => headers::draft_6(&hit, policy.limit.window, &mut headers),
        Draft::Eight => headers::draft_8(policy.name, &hit, policy.limit.window, &mut headers),
    }
    Ok(answer(&hit, policy, headers))
}

fn answer(hit: &Hit, policy: &Policy, mut headers: HeaderMap) -> Response {
    if hit.admitted {
        return (headers, Json(json!({ "ok": true, "policy": policy.name }))).into_response();
    }
    let retry_after = headers::seconds(hit.reset);
    headers.insert(header::RETRY_AFTER, retry_after.into());
    let error = "Too many requests, please try again later.";
    let body = Json(json!({ "error": error, "retryAfter": retry_after }));
    (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response()
}

fn who(ConnectInfo(peer): Peer, headers: &HeaderMap) -> Result<Who, Error> {
    let Some(user) = headers.get("x-user-id") else { return Ok(Who::Address(peer.ip())) };
    let user = user.to_str().ok().filter(|user| (1..=LONGEST).contains(&user.len()));
    let user = user.ok_or_else(|| {
        Error::field("X-User-Id", "X-User-Id must be 1 to 256 visible ASCII characters")
    })?;
    Ok(Who::User(user.to_owned()))
}
