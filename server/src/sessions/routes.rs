//! Sessions over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cookie::Ticket;
use crate::app::App;
use crate::error::Error;
use crate::http::{Body, acknowledged_by};

/// The longest user id and key, in bytes.
const LONGEST: usize = 256;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/session/login", post(login))
        .route("/api/session", get(read))
        .route("/api/session/data", put(write))
        .route("/api/session/logout", post(logout))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    user_id: String,
}

async fn login(
    State(app): State<Arc<App>>,
    Ticket(old): Ticket,
    Body(body): Body<Login>,
) -> Result<impl IntoResponse, Error> {
    if body.user_id.is_empty() || body.user_id.len() > LONGEST {
        return Err(Error::field("userId", "userId must be 1 to 256 bytes long"));
    }
    let (id, session, answer) = app.sessions.store.login(&body.user_id, old.as_deref()).await?;
    let body = json!({
        "userId": session.user, "data": session.data, "createdAt": session.created_at,
    });
    Ok((acknowledged_by(&answer.node), app.sessions.issue(&id), Json(body)))
}

async fn read(State(app): State<Arc<App>>, ticket: Ticket) -> Result<impl IntoResponse, Error> {
    let id = ticket.id()?;
    let session = app.sessions.store.read(&id).await?.ok_or(Error::NoSession)?;
    let body = json!({
        "userId": session.user, "data": session.data, "createdAt": session.created_at,
    });
    Ok((app.sessions.issue(&id), Json(body)))
}

#[derive(Deserialize)]
struct Write {
    key: String,
    value: Value,
}

async fn write(
    State(app): State<Arc<App>>,
    ticket: Ticket,
    Body(body): Body<Write>,
) -> Result<impl IntoResponse, Error> {
    let id = ticket.id()?;
    if body.key.is_empty() || body.key.len() > LONGEST {
        return Err(Error::field("key", "key must be 1 to 256 bytes long"));
    }
    let written = app.sessions.store.write(&id, &body.key, &body.value).await?;
    let (session, node) = written.ok_or(Error::NoSession)?;
    let body = json!({ "userId": session.user, "data": session.data });
    Ok((acknowledged_by(&node), app.sessions.issue(&id), Json(body)))
}

async fn logout(State(app): State<Arc<App>>, ticket: Ticket) -> Result<impl IntoResponse, Error> {
    let id = ticket.id()?;
    let answer = app.sessions.store.end(&id).await?;
    let body = Json(json!({ "ok": true }));
    Ok((acknowledged_by(&answer.node), app.sessions.revoke(), body))
}
