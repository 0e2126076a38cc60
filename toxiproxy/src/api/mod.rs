//! The HTTP API: Toxiproxy's routes, and the extension that cuts peers off.

pub(crate) mod body;
pub(crate) mod error;
mod extensions;
pub(crate) mod proxies;
mod toxics;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};

use crate::collection::Collection;

/// The largest body taken: a populate of a few hundred thousand proxies.
const BODY_BYTES: usize = 64 * 1024 * 1024;

/// The version of the API, as `GET /version` tells it.
const VERSION: &str = "2.12.0";

/// The routes over these proxies.
pub(crate) fn router(collection: Arc<Collection>) -> Router {
    Router::new()
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
        .route("/reset", post(proxies::reset))
        .route("/version", get(version))
        .route_layer(middleware::from_fn(refuse_browsers))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .fallback(not_found)
        .with_state(collection)
}

/// A page in a browser must not drive the proxy: its requests are refused by their user agent.
async fn refuse_browsers(request: Request, next: Next) -> Response {
    let agent = request.headers().get(header::USER_AGENT);
    if agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/")) {
        let mut response = (StatusCode::FORBIDDEN, "User agent not allowed\n").into_response();
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        return response;
    }
    next.run(request).await
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "404 page not found\n")
}

async fn version() -> impl IntoResponse {
    let json = [(header::CONTENT_TYPE, "application/json;charset=utf-8")];
    (json, format!("{{\"version\": \"{VERSION}\"}}\n"))
}
