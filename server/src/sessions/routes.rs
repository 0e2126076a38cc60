//! Sessions over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cookie::Ticket;
use super::store::{Bound, Session, Written};
use crate::app::App;
use crate::error::Error;
use crate::http::{Body, acknowledged_by};
use crate::openapi::{ANY, COUNT, FLAG, Field, NAME, OBJECT, Operation, Shape, TEXT, headers};

/// The longest user id and key, in characters.
const LONGEST: usize = 256;

const SESSION: &[Field] =
    &[("userId", TEXT, true), ("data", OBJECT, true), ("createdAt", COUNT, true)];

/// The routes and what they promise.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        handler: || post(login),
        method: "post",
        path: "/api/session/login",
        summary: "Begins a session under a new id and sets its cookie",
        body: &[("userId", NAME, true)],
        success: ("200", Shape::Json(SESSION)),
        headers: &[&headers::COOKIE, &headers::NODE],
        others: &["400", "503"],
    },
    Operation {
        handler: || get(read),
        method: "get",
        path: "/api/session",
        summary: "The session of the cookie",
        body: &[],
        success: ("200", Shape::Json(SESSION)),
        headers: &[&headers::COOKIE, &headers::NODE],
        others: &["401", "503"],
    },
    Operation {
        handler: || put(write),
        method: "put",
        path: "/api/session/data",
        summary: "Sets one value of the session",
        body: &[("key", NAME, true), ("value", ANY, true)],
        success: ("200", Shape::Json(&[("userId", TEXT, true), ("data", OBJECT, true)])),
        headers: &[&headers::COOKIE, &headers::NODE],
        others: &["400", "401", "409", "503"],
    },
    Operation {
        handler: || post(logout),
        method: "post",
        path: "/api/session/logout",
        summary: "Ends the session for good",
        body: &[],
        success: ("200", Shape::Json(&[("ok", FLAG, true)])),
        headers: &[&headers::COOKIE, &headers::NODE],
        others: &["401", "503"],
    },
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    user_id: String,
}

/// A session in an answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    user_id: String,
    data: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<u64>,
}

async fn login(
    State(app): State<Arc<App>>,
    Ticket(old): Ticket,
    Body(body): Body<Login>,
) -> Result<impl IntoResponse, Error> {
    if body.user_id.is_empty() || body.user_id.chars().count() > LONGEST {
        return Err(Error::field("userId", "userId must be 1 to 256 characters long"));
    }
    let sessions = &app.sessions;
    let old = old.as_ref().map(|old| old.id.as_str());
    let (id, session, answer) = sessions.store.login(&body.user_id, old).await?;
    analytics(&id, &session.user, true);
    Ok((acknowledged_by(&answer.node), sessions.cookies.issue(&id), shown(session)))
}

/// Tells those who follow requests whose session one is; its id, by a digest: whoever has the id
/// has the session.
fn analytics(id: &str, user: &str, new: bool) {
    let digest = || crate::hex::encode(&Sha256::digest(id)[..8]);
    drop(tracing::debug_span!(
        "session.analytics",
        session.id = digest(),
        session.user_id = user,
        session.new = new,
    ));
}

fn shown(Session { user, created_at, data }: Session) -> Json<Shown> {
    Json(Shown { user_id: user, data, created_at: Some(created_at) })
}

async fn read(State(app): State<Arc<App>>, ticket: Ticket) -> Result<impl IntoResponse, Error> {
    let id = ticket.id()?;
    let (session, node) = app.sessions.store.read(&id.id).await?.ok_or(Error::NoSession)?;
    analytics(&id.id, &session.user, false);
    Ok((acknowledged_by(&node), app.sessions.cookies.renew(&id), shown(session)))
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
    if body.key.is_empty() || body.key.chars().count() > LONGEST {
        return Err(Error::field("key", "key must be 1 to 256 characters long"));
    }
    let written = app.sessions.store.write(&id.id, &body.key, &body.value).await?;
    let (Session { user, data, .. }, node) = match written {
        Written::Done(session, node) => (session, node),
        Written::Gone => return Err(Error::NoSession),
        Written::Full(bound) => return Err(full(&bound)),
    };
    analytics(&id.id, &user, false);
    let body = Json(Shown { user_id: user, data, created_at: None });
    Ok((acknowledged_by(&node), app.sessions.cookies.renew(&id), body))
}

fn full(bound: &Bound) -> Error {
    match bound {
        Bound::Keys(most) => Error::full(
            "key",
            format!("the session has {most} keys; SESSION_MAX_KEYS allows no more"),
        ),
        Bound::Bytes(most) => {
            let error = "the session's keys and values would be longer than SESSION_MAX_BYTES";
            Error::full("value", format!("{error}, {most}"))
        }
    }
}

async fn logout(State(app): State<Arc<App>>, ticket: Ticket) -> Result<impl IntoResponse, Error> {
    let answer = app.sessions.store.end(&ticket.id()?.id).await?;
    let body = Json(json!({ "ok": true }));
    Ok((acknowledged_by(&answer.node), app.sessions.cookies.revoke(), body))
}
