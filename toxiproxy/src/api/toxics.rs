//! The calls on a proxy's toxics.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::Value;

use super::body::{self, Fields};
use super::error::ApiError;
use crate::collection::Collection;

/// The body of an update, in upstream's messages.
const UPDATE: &str = concat!(
    r#"struct { Attributes interface {} "json:\"attributes\""; "#,
    r#"Toxicity float32 "json:\"toxicity\"" }"#,
);

type Proxies = State<Arc<Collection>>;
type Names = Path<(String, String)>;

/// `GET /proxies/{proxy}/toxics`
pub(super) async fn index(
    State(proxies): Proxies,
    Path(proxy): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let toxics = proxies.get(&proxy)?.toxics();
    Ok(Json(toxics.iter().map(|toxic| toxic.to_json()).collect()))
}

/// `POST /proxies/{proxy}/toxics`: 200, not 201, as upstream.
pub(super) async fn create(
    State(proxies): Proxies,
    Path(proxy): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, ApiError> {
    let proxy = proxies.get(&proxy)?;
    let given = Fields::of(body::value(&bytes)?, "toxics.ToxicWrapper")?;
    Ok(Json(proxy.add_toxic(&given).await?))
}

/// `GET /proxies/{proxy}/toxics/{toxic}`
pub(super) async fn show(
    State(proxies): Proxies,
    Path((proxy, toxic)): Names,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(proxies.get(&proxy)?.toxic(&toxic)?.to_json()))
}

/// `POST` or `PATCH /proxies/{proxy}/toxics/{toxic}`: attributes and toxicity only.
pub(super) async fn update(
    State(proxies): Proxies,
    Path((proxy, toxic)): Names,
    bytes: Bytes,
) -> Result<Json<Value>, ApiError> {
    let proxy = proxies.get(&proxy)?;
    proxy.toxic(&toxic)?;
    let given = Fields::of(body::value(&bytes)?, UPDATE)?;
    Ok(Json(proxy.update_toxic(&toxic, &given).await?))
}

/// `DELETE /proxies/{proxy}/toxics/{toxic}`
pub(super) async fn delete(
    State(proxies): Proxies,
    Path((proxy, toxic)): Names,
) -> Result<StatusCode, ApiError> {
    proxies.get(&proxy)?.remove_toxic(&toxic).await?;
    Ok(StatusCode::NO_CONTENT)
}
