//! Presence over HTTP, and the way into a WebSocket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::socket;
use crate::app::App;
use crate::error::Error;
use crate::http::Parts;
use crate::openapi::{COUNT, FLAG, Operation, Shape, TEXT};

/// The longest message that is read, in bytes, and the longest frame: a frame's header already
/// makes room for what it announces.
const LONGEST_FRAME: usize = 16 * 1024;

/// The longest user id, in characters.
const LONGEST_USER: usize = 256;
/// Allocated for each socket, in bytes: most of them say little.
const READ_BUFFER: usize = 1024;

/// The routes and what they promise.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        handler: || get(list),
        method: "get",
        path: "/api/presence",
        summary: "Who is online",
        body: &[],
        success: (
            "200",
            Shape::Json(&[
                ("users", r#"{"type":"array","items":{"type":"string"}}"#, true),
                ("count", COUNT, true),
            ]),
        ),
        headers: &[],
        others: &["503"],
    },
    Operation {
        handler: || get(user),
        method: "get",
        path: "/api/presence/{userId}",
        summary: "Whether a user is online, and with how many sockets",
        body: &[],
        success: (
            "200",
            Shape::Json(&[
                ("userId", TEXT, true),
                ("online", FLAG, true),
                ("sockets", COUNT, true),
            ]),
        ),
        headers: &[],
        others: &["400", "503"],
    },
    Operation {
        handler: || get(connect),
        method: "get",
        path: "/ws",
        summary: "A WebSocket: `user:online {userId}` in, `user:status` out",
        body: &[],
        success: ("101", Shape::Nothing),
        headers: &[],
        others: &["400"],
    },
];

async fn connect(
    State(app): State<Arc<App>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade.map_err(|rejection| Error::Invalid {
        error: format!("this is for WebSockets: {}", rejection.body_text()),
        field: None,
    })?;
    let answer = upgrade
        .max_message_size(LONGEST_FRAME)
        .max_frame_size(LONGEST_FRAME)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .on_upgrade(move |socket| socket::serve(app, socket));
    Ok(answer)
}

async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Error> {
    let online = app.presence.store.online().await?;
    let users: Vec<String> = online.into_iter().map(|online| online.user).collect();
    Ok(Json(json!({ "count": users.len(), "users": users })))
}

async fn user(
    State(app): State<Arc<App>>,
    Parts(user): Parts<String>,
) -> Result<Json<Value>, Error> {
    if user.chars().count() > LONGEST_USER {
        return Err(Error::field("userId", "userId must be at most 256 characters long"));
    }
    let sockets = app.presence.store.sockets(&user).await?;
    Ok(Json(json!({ "userId": user, "online": sockets > 0, "sockets": sockets })))
}
