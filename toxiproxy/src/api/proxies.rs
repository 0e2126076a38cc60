//! The calls on proxies.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::body::{self, Fields};
use super::error::ApiError;
use crate::collection::{Collection, Wanted};
use crate::proxy::Proxy;

type Proxies = State<Arc<Collection>>;

/// `GET /proxies`
pub(super) async fn index(State(proxies): Proxies) -> Json<Value> {
    let entry = |proxy: Arc<Proxy>| (proxy.name.clone(), proxy.to_json());
    Json(Value::Object(proxies.all().into_iter().map(entry).collect()))
}

/// `POST /proxies`
pub(super) async fn create(
    State(proxies): Proxies,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let given = Fields::of(body::value(&bytes)?, "toxiproxy.Proxy")?;
    let proxy = proxies.add(Wanted::parse(&given, "")?).await?;
    Ok((StatusCode::CREATED, Json(proxy.to_json())))
}

/// `POST /populate`
pub(super) async fn populate(State(proxies): Proxies, bytes: Bytes) -> (StatusCode, Json<Value>) {
    let (done, refused) = match parse_all(&bytes) {
        Ok(wanted) => proxies.populate(wanted).await,
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut answer = Map::new();
    let mut status = StatusCode::CREATED;
    if let Some(error) = refused {
        status = error.status;
        answer.insert("error".into(), json!(error.message));
        answer.insert("status".into(), json!(status.as_u16()));
    }
    let done: Vec<Value> = done.iter().map(|proxy| proxy.to_json()).collect();
    // Upstream's empty list is null; its clients take both.
    answer.insert("proxies".into(), if done.is_empty() { Value::Null } else { done.into() });
    (status, Json(Value::Object(answer)))
}

/// An entry of a populate, in upstream's messages.
const ENTRY: &str = r#"struct { toxiproxy.Proxy; Enabled *bool "json:\"enabled\"" }"#;

/// The proxies of a populate, or of a configuration file.
///
/// # Errors
/// The first that is wrong; its place counts from 1.
pub(crate) fn parse_all(bytes: &[u8]) -> Result<Vec<Wanted>, ApiError> {
    let list = body::list(body::value(bytes)?, &format!("[]{ENTRY}"))?;
    let parse = |(place, entry)| {
        let entry = Fields::of(entry, ENTRY)?;
        Wanted::parse(&entry, &format!(" at proxy {place}"))
    };
    (1..).zip(list).map(parse).collect()
}

/// `GET /proxies/{proxy}`
pub(super) async fn show(
    State(proxies): Proxies,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(proxies.get(&name)?.to_json()))
}

/// `POST` or `PATCH /proxies/{proxy}`: what is not given stays.
pub(super) async fn update(
    State(proxies): Proxies,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, ApiError> {
    let proxy = proxies.get(&name)?;
    let given = Fields::of(body::value(&bytes)?, "toxiproxy.Proxy")?;
    proxy.update(&given).await?;
    Ok(Json(proxy.to_json()))
}

/// `DELETE /proxies/{proxy}`
pub(super) async fn delete(
    State(proxies): Proxies,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    proxies.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /reset`: every proxy starts, also one created disabled; every toxic and cut goes.
pub(super) async fn reset(State(proxies): Proxies) -> Result<StatusCode, ApiError> {
    for proxy in proxies.all() {
        match proxy.start().await {
            // Deleted meanwhile.
            Err(error) if error == ApiError::proxy_not_found() => {}
            started => started?,
        }
        proxy.clear().await;
    }
    Ok(StatusCode::NO_CONTENT)
}
