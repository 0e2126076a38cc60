//! A virtual user's WebSocket: opened, made online, listened to until it ends.

use crate::load::{Context, Ended, What};
use crate::target::{Values, fill};
use crate::text;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use redrill_history::{Action, Capability, Flags, Observation, Outcome};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket of a user that is online.
pub(super) struct Socket {
    /// The socket's number.
    pub(super) number: u64,
    /// The instance that it is connected to.
    pub(super) instance: u8,
    sink: SplitSink<Stream, Message>,
    listener: Listening,
    closing: Arc<AtomicBool>,
}

/// The task that listens. It holds a half of the connection, so that it must not outlive the
/// socket, not even one that was given up before it was open.
struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a socket could not be opened and made online.
pub(super) enum Failed {
    /// Nothing reached the service.
    NotConnected,
    /// The service refused the upgrade, with this status.
    Refused(u16),
    /// The user may or may not be online now.
    Unknown,
}

/// Who listens.
#[derive(Clone)]
pub(super) struct Ear {
    pub(super) context: Arc<Context>,
    pub(super) vu: u32,
    pub(super) user: u64,
}

impl Socket {
    /// Opens a socket at an instance and says that the user is online; returns when the service has
    /// acknowledged it.
    pub(super) async fn open(ear: Ear, instance: u8, number: u64) -> Result<Self, Failed> {
        let context = Arc::clone(&ear.context);
        let Some(protocol) = &context.target.file.socket else { return Err(Failed::NotConnected) };
        let url = context.target.url(instance, &protocol.path).replacen("http", "ws", 1);
        let (stream, _) = tokio_tungstenite::connect_async(url).await.map_err(|error| {
            use tokio_tungstenite::tungstenite::Error;
            match error {
                Error::Io(_) => Failed::NotConnected,
                Error::Http(response) => Failed::Refused(response.status().as_u16()),
                _ => Failed::Unknown,
            }
        })?;
        let (mut sink, source) = stream.split();
        let values = [("user", Some(text::user(ear.user))), ("socket", Some(number.to_string()))];
        let frame = fill_frame(&protocol.online, &values);
        let (acknowledge, acknowledged) = oneshot::channel();
        let closing = Arc::new(AtomicBool::new(false));
        let listen = Listener {
            ear,
            number,
            instance,
            closing: Arc::clone(&closing),
            values: owned(&values),
        };
        let listener = Listening(tokio::spawn(listen.run(source, acknowledge)));
        if sink.send(Message::text(frame)).await.is_err() || acknowledged.await.is_err() {
            closing.store(true, Ordering::Release);
            return Err(Failed::Unknown);
        }
        Ok(Self { number, instance, sink, listener, closing })
    }

    /// True when the other side, or the network, has ended it.
    pub(super) fn is_over(&self) -> bool {
        self.listener.0.is_finished()
    }

    /// Closes the socket and waits until the service has seen it; false when that is not known.
    pub(super) async fn close(mut self) -> bool {
        self.closing.store(true, Ordering::Release);
        let sent = self.sink.send(Message::Close(None)).await.is_ok();
        let answered = (&mut self.listener.0).await.is_ok();
        sent && answered
    }
}

struct Listener {
    ear: Ear,
    number: u64,
    instance: u8,
    closing: Arc<AtomicBool>,
    values: Vec<(&'static str, Option<String>)>,
}

impl Listener {
    async fn run(self, mut source: SplitStream<Stream>, acknowledge: oneshot::Sender<()>) {
        let mut acknowledge = Some(acknowledge);
        while let Some(Ok(message)) = source.next().await {
            let Message::Text(frame) = message else { continue };
            let Ok(frame) = serde_json::from_str::<Value>(&frame) else { continue };
            let Some(protocol) = &self.ear.context.target.file.socket else { break };
            if matches(&frame, &protocol.acknowledged, &self.values) {
                if let Some(acknowledge) = acknowledge.take() {
                    let _ = acknowledge.send(());
                }
            } else if matches(&frame, &protocol.status, &self.values) {
                self.heard(&frame);
            }
        }
        if acknowledge.is_none() && !self.closing.load(Ordering::Acquire) {
            self.record(Action::Dropped, self.ear.user, self.number);
        }
    }

    /// Records what a status message says of another user.
    fn heard(&self, frame: &Value) {
        let Some(protocol) = &self.ear.context.target.file.socket else { return };
        let text_at = |pointer: &str| frame.pointer(pointer).and_then(Value::as_str);
        let Some(user) = text_at(&protocol.status_user).and_then(text::user_of) else { return };
        let online = u64::from(text_at(&protocol.status_value) == Some("online"));
        let place = protocol.status_seq.as_deref();
        let seq = place.and_then(|pointer| frame.pointer(pointer)).and_then(Value::as_u64);
        self.record(Action::StatusMessage, user, seq.unwrap_or(0) << 1 | online);
    }

    fn record(&self, action: Action, key: u64, value: u64) {
        let context = &self.ear.context;
        let begun = context.begin_unasked(self.ear.vu, Flags::default());
        let ended = Ended {
            outcome: Outcome::Ok,
            status: 0,
            flags: Flags::default(),
            observation: Observation::default(),
        };
        let capability = Capability::Presence;
        context.end(begun, What { capability, action, key, value, instance: self.instance }, ended);
    }
}

fn owned(values: &Values<'static>) -> Vec<(&'static str, Option<String>)> {
    values.to_vec()
}

fn fill_frame(template: &Value, values: &Values<'_>) -> String {
    fill(&template.to_string(), values)
}

/// True when at every place stands what must stand there.
fn matches(frame: &Value, places: &BTreeMap<String, String>, values: &Values<'_>) -> bool {
    places.iter().all(|(pointer, wanted)| match frame.pointer(pointer) {
        Some(Value::String(text)) => *text == fill(wanted, values),
        Some(other) => {
            let written = other.to_string();
            written == fill(wanted, values)
        }
        None => false,
    })
}
