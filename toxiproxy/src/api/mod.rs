//! The HTTP API: Toxiproxy's routes, and the extension that cuts peers off.

pub(crate) mod body;
pub(crate) mod error;
mod extensions;
pub(crate) mod metrics;
pub(crate) mod proxies;
mod syntax;
mod toxics;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{self as http_body, Body};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use tokio::time::timeout;

use crate::collection::Collection;
use crate::random;
use body::Problem;
use error::ApiError;
use metrics::Metrics;

/// The largest body taken: a populate of a few hundred thousand proxies.
const BODY_BYTES: usize = 64 * 1024 * 1024;

/// How long a body may take to come, as upstream.
const READ_WITHIN: Duration = Duration::from_secs(15);

/// The version of the API, as `GET /version` tells it.
pub(crate) const VERSION: &str = "2.12.0";

/// Names a request in the answer, for the logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-toxiproxy-request-id");

/// The routes over these proxies.
pub(crate) fn router(collection: Arc<Collection>, metrics: Metrics) -> Router {
    let mut routes = Router::new()
        .route("/proxies", get(proxies::index).post(proxies::create))
        .route("/populate", post(proxies::populate))
        .route(
            "/proxies/{proxy}",
            get(proxies::show).post(proxies::update).patch(proxies::update).delete(proxies::delete),
        )
        .route("/proxies/{proxy}/toxics", get(toxics::index).post(toxics::create))
        .route(
            "/proxies/{proxy}/toxics/{toxic}",
            get(toxics::show).post(toxics::update).patch(toxics::update).delete(toxics::delete),
        )
        .route(
            "/proxies/{proxy}/cut",
            put(extensions::set_cut).get(extensions::show_cut).delete(extensions::heal),
        )
        .route("/proxies/{proxy}/traffic", get(extensions::traffic))
        .route("/proxies/{proxy}/sources", get(extensions::sources))
        .route("/reset", post(proxies::reset))
        .route("/version", get(version));
    if metrics.any() {
        let page =
            move |State(proxies): State<Arc<Collection>>| async move { metrics.page(&proxies) };
        routes = routes.route("/metrics", get(page));
    }
    routes
        .route_layer(middleware::from_fn(guard))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .fallback(async || plain(StatusCode::NOT_FOUND, "404 page not found\n"))
        .with_state(collection)
}

/// Refuses browsers by their user agent, because a page must not drive the proxy, and gives every
/// request an id.
async fn guard(request: Request, next: Next) -> Response {
    let agent = request.headers().get(header::USER_AGENT);
    let mut response = if agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/")) {
        plain(StatusCode::FORBIDDEN, "User agent not allowed\n")
    } else {
        match whole(request, READ_WITHIN).await {
            Ok(request) => next.run(request).await,
            Err(refusal) => refusal,
        }
    };
    if let Ok(id) = HeaderValue::from_str(&random::request_id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The request once its body has come, so that one that never does keeps no connection, and that
/// nothing is begun before. What is wrong is the answer.
async fn whole(request: Request, within: Duration) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    let why = match timeout(within, http_body::to_bytes(body, BODY_BYTES)).await {
        Ok(Ok(bytes)) => return Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it did not come within {within:?}"),
    };
    let mut refusal = ApiError::from(Problem(why)).into_response();
    // What may still come of it must not be taken for the next request.
    refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Err(refusal)
}

/// A text that is not to be taken for anything else.
fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    let mut response = (status, text.into()).into_response();
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

async fn version() -> impl IntoResponse {
    let json = [(header::CONTENT_TYPE, "application/json;charset=utf-8")];
    (json, format!("{{\"version\": \"{VERSION}\"}}\n"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::body::Bytes;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let within = Duration::from_millis(20);
        let never = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let refusal = whole(Request::new(never), within).await.expect_err("nothing comes");
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        assert_eq!(refusal.headers()[header::CONNECTION], "close");
        let request = whole(Request::new(Body::from("{}")), READ_WITHIN).await.expect("it came");
        let body = http_body::to_bytes(request.into_body(), 9).await.expect("whole");
        assert_eq!(&body[..], b"{}");
    }
}
