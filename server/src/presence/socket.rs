//! One WebSocket: what a client says, what it is told, and whether it is still there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::Instrument as _;

use super::Presence;
use super::store::Change;
use crate::app::App;
use crate::random;

/// The longest user id, in characters: as long as one who logs in.
const LONGEST: usize = 256;
/// Answers that may wait for a socket to be written to.
const ANSWERS: usize = 32;

#[derive(Deserialize)]
struct Frame {
    event: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    id: Value,
}

struct Connection {
    app: Arc<App>,
    socket: WebSocket,
    /// Unique over all instances, for as long as anyone remembers it.
    id: Arc<str>,
    user: Option<String>,
    answers: mpsc::Sender<Utf8Bytes>,
}

/// Serves a socket until it ends.
pub(super) async fn serve(app: Arc<App>, socket: WebSocket) {
    let id: Arc<str> = format!("{}:{}", app.presence.instance, random::hex(12)).into();
    let (answers, outgoing) = mpsc::channel(ANSWERS);
    tracing::debug_span!("websocket.connection", websocket.event = "connection", socket.id = &*id,)
        .in_scope(|| app.presence.sockets.fetch_add(1, Ordering::Relaxed));
    let mut connection = Connection { app: Arc::clone(&app), socket, id, user: None, answers };
    connection.converse(outgoing).await;
    let user = connection.user.take();
    #[cfg(feature = "planted-defects")]
    let user = user.filter(|_| !crate::defects::GHOST.strikes());
    if let Some(user) = user {
        connection.change(false, user).await;
    }
    app.presence.sockets.fetch_sub(1, Ordering::Relaxed);
}

impl Connection {
    fn presence(&self) -> &Presence {
        &self.app.presence
    }

    async fn converse(&mut self, mut outgoing: mpsc::Receiver<Utf8Bytes>) {
        let mut told = self.presence().hub.follow();
        let mut closing = self.presence().closing.subscribe();
        let mut ping = tokio::time::interval(self.presence().ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let mut alive = true;
        loop {
            let going_on = tokio::select! {
                message = self.socket.recv() => {
                    alive = true;
                    match message {
                        Some(Ok(Message::Text(text))) => self.obey(&text).await,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                        Some(Ok(_)) => true,
                    }
                }
                answer = outgoing.recv() => match answer {
                    Some(answer) => self.send(Message::Text(answer)).await,
                    None => false,
                },
                status = told.recv() => match status {
                    Ok(told) if told.origin == self.id => true,
                    Ok(told) => self.send(Message::Text(told.frame)).await,
                    Err(RecvError::Lagged(_)) => {
                        self.close(close_code::AGAIN, "too slow to be told everything").await
                    }
                    Err(RecvError::Closed) => false,
                },
                _ = ping.tick() => {
                    let answered = std::mem::replace(&mut alive, false);
                    answered && self.send(Message::Ping("".into())).await
                }
                () = said(&mut closing) => {
                    self.close(close_code::AWAY, "this instance goes away").await
                }
            };
            if !going_on {
                return;
            }
        }
    }

    /// False if the peer does not take what it is sent.
    async fn send(&mut self, message: Message) -> bool {
        let patience = self.presence().ping;
        let sent = tokio::time::timeout(patience, self.socket.send(message)).await;
        matches!(sent, Ok(Ok(())))
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> bool {
        self.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        false
    }

    async fn obey(&mut self, text: &str) -> bool {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            return self.complain(&Value::Null, "a frame is {event, data, id?} in JSON").await;
        };
        let user = frame.data.get("userId").and_then(Value::as_str);
        match (frame.event.as_str(), user) {
            ("user:online", Some(user)) if (1..=LONGEST).contains(&user.chars().count()) => {
                let user = user.to_owned();
                self.come_online(user, frame.id).await;
                true
            }
            ("user:online", _) => {
                self.complain(&frame.id, "userId must be a text of 1 to 256 characters").await
            }
            _ => self.complain(&frame.id, "this event is not known here").await,
        }
    }

    async fn complain(&mut self, id: &Value, error: &str) -> bool {
        let frame = json!({ "event": "error", "id": id, "data": { "error": error } });
        self.send(Message::Text(frame.to_string().into())).await
    }

    /// Registers the user and answers when Redis has it, without holding the socket up.
    async fn come_online(&mut self, user: String, id: Value) {
        if let Some(before) = self.user.replace(user.clone()).filter(|before| *before != user) {
            self.change(false, before).await;
        }
        let span = tracing::debug_span!(
            "websocket.user.set_online",
            websocket.event = "user:online",
            user.id = user,
            socket.id = &*self.id,
            operation = "set_online",
        );
        let change = Change { here: true, user: user.clone(), socket: self.id.to_string() };
        let app = Arc::clone(&self.app);
        let registry = self.presence().registry.clone();
        // Sent from here, so that it is in line before the socket's end can be.
        let asked = registry.ask(change).instrument(span).await;
        let answers = self.answers.clone();
        tokio::spawn(async move {
            let patience = app.presence.patience;
            let known = tokio::time::timeout(patience, asked).await;
            let ok = matches!(known, Ok(Ok(())));
            let mut data = json!({ "ok": ok, "userId": user, "instance": app.presence.instance });
            if !ok {
                data["error"] = json!("Redis is away; this is made up for by itself");
            }
            let ack = json!({ "event": "ack", "id": id, "data": data });
            let _ = answers.send(ack.to_string().into()).await;
        });
    }

    async fn change(&mut self, here: bool, user: String) {
        let span = tracing::debug_span!(
            "websocket.user.set_offline",
            websocket.event = "disconnect",
            user.id = user,
            socket.id = &*self.id,
            operation = "set_offline",
        );
        let change = Change { here, user, socket: self.id.to_string() };
        // Nothing waits for the answer: the registry makes up for what fails.
        drop(self.presence().registry.ask(change).instrument(span).await);
    }
}

/// Ends when the instance closes its sockets.
async fn said(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}
