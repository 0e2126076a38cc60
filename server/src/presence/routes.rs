//! Presence over HTTP, and the way into a WebSocket.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::socket;
use crate::app::App;
use crate::error::Error;

/// The longest text frame that is read, in bytes.
const LONGEST_FRAME: usize = 16 * 1024;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ws", get(connect))
        .route("/api/presence", get(list))
        .route("/api/presence/{userId}", get(user))
}

async fn connect(State(app): State<Arc<App>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(LONGEST_FRAME)
        .write_buffer_size(0)
        .on_upgrade(move |socket| socket::serve(app, socket))
}

async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Error> {
    let online = app.presence.store.online().await?;
    let users: Vec<String> = online.into_iter().map(|online| online.user).collect();
    Ok(Json(json!({ "count": users.len(), "users": users })))
}

async fn user(State(app): State<Arc<App>>, Path(user): Path<String>) -> Result<Json<Value>, Error> {
    let sockets = app.presence.store.sockets(&user).await?;
    Ok(Json(json!({ "userId": user, "online": sockets > 0, "sockets": sockets })))
}
