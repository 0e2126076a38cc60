//! The HTTP API: Toxiproxy's routes, and the extension that cuts peers off.

pub(crate) mod body;
pub(crate) mod error;
mod extensions;
pub(crate) mod metrics;
pub(crate) mod proxies;
mod syntax;
mod toxics;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};

use crate::collection::Collection;
use crate::random;
use metrics::Metrics;

/// The largest body taken: a populate of a few hundred thousand proxies.
const BODY_BYTES: usize = 64 * 1024 * 1024;

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
        next.run(request).await
    };
    if let Ok(id) = HeaderValue::from_str(&random::request_id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
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
