//! What Toxiproxy does not have: `/proxies/{proxy}/cut` (see [`crate::cut`] for what it does),
//! `/proxies/{proxy}/traffic` and `/proxies/{proxy}/sources`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::Value;

use super::body::{self, Problem};
use super::error::ApiError;
use crate::collection::Collection;
use crate::cut::Cut;

type Proxies = State<Arc<Collection>>;

/// `PUT /proxies/{proxy}/cut {"peers": ["127.0.0.11"], "mode": "drop"}`: these peers are cut off
/// from now on, and nobody else.
pub(super) async fn set_cut(
    State(proxies): Proxies,
    Path(proxy): Path<String>,
    bytes: Bytes,
) -> Result<Json<Cut>, ApiError> {
    let proxy = proxies.get(&proxy)?;
    let cut: Cut = serde_json::from_value(body::value(&bytes)?)
        .map_err(|error| ApiError::from(Problem(error.to_string())))?;
    proxy.set_cut(cut.clone()).await;
    Ok(Json(cut))
}

/// `GET /proxies/{proxy}/cut`
pub(super) async fn show_cut(
    State(proxies): Proxies,
    Path(proxy): Path<String>,
) -> Result<Json<Cut>, ApiError> {
    Ok(Json(proxies.get(&proxy)?.cut()))
}

/// `DELETE /proxies/{proxy}/cut`
pub(super) async fn heal(
    State(proxies): Proxies,
    Path(proxy): Path<String>,
) -> Result<StatusCode, ApiError> {
    proxies.get(&proxy)?.set_cut(Cut::default()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /proxies/{proxy}/traffic`: connections and bytes, live.
pub(super) async fn traffic(
    State(proxies): Proxies,
    Path(proxy): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(proxies.get(&proxy)?.traffic()))
}

/// `GET /proxies/{proxy}/sources`: from where its live connections reach the upstream.
pub(super) async fn sources(
    State(proxies): Proxies,
    Path(proxy): Path<String>,
) -> Result<Json<Vec<SocketAddr>>, ApiError> {
    Ok(Json(proxies.get(&proxy)?.sources()))
}
