//! This instance's sockets, kept registered in Redis by one task, so that the order of what
//! happens to a socket is the order in which Redis hears of it. It also has the users of instances
//! that died said to be offline when their time is up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::store::{Change, Store};
use crate::clock;
use crate::redis::Failure;

/// The most changes in one script.
const BATCH: usize = 256;
/// What Redis did not hear it is told again this soon.
const SOON: Duration = Duration::from_millis(500);
/// The shortest pause until the next user's time is up, so that users whose times differ a little
/// are settled together.
const PAUSE: Duration = Duration::from_millis(20);

enum Command {
    Change(Change, oneshot::Sender<Result<(), Failure>>),
    Settle(oneshot::Sender<()>),
}

/// The way to the task.
#[derive(Clone)]
pub(super) struct Registry(mpsc::Sender<Command>);

impl Registry {
    pub(super) fn start(store: Arc<Store>, ttl: Duration) -> Self {
        let (sender, receiver) = mpsc::channel(4 * BATCH);
        let (here, gone) = (HashMap::new(), HashMap::new());
        let task = Task { store, ttl, here, gone, lapse: None, lenient: clock::now() };
        tokio::spawn(task.run(receiver));
        Self(sender)
    }

    /// Has a socket registered or taken out, in the order of calls. What Redis does not hear now it
    /// hears at a heartbeat, of which one comes soon then. The future that is given ends when Redis
    /// has answered.
    pub(super) async fn ask(
        &self,
        change: Change,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (done, answer) = oneshot::channel();
        let sent = self.0.send(Command::Change(change, done)).await;
        async move {
            let lost = || Failure::refused("the registry has stopped");
            sent.map_err(|_| lost())?;
            answer.await.map_err(|_| lost())?
        }
    }

    /// Waits until everything asked for so far was tried.
    pub(super) async fn settle(&self) {
        let (done, answer) = oneshot::channel();
        if self.0.send(Command::Settle(done)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

struct Task {
    store: Arc<Store>,
    ttl: Duration,
    /// Socket to user.
    here: HashMap<String, String>,
    /// Sockets that ended lately, with their users: a failover may bring them back, and a
    /// heartbeat that was thought lost may yet arrive. Each heartbeat takes them out again.
    gone: HashMap<(String, String), Instant>,
    /// When the next user's time is up, of any instance.
    lapse: Option<Instant>,
    /// Until then nobody's time is up: after an outage others may yet have to renew their sockets.
    lenient: Instant,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut link = self.store.link.clone();
        let mut node = Arc::from("");
        let mut heartbeat = tokio::time::interval(self.ttl / 3);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let soon = SOON.min(heartbeat.period());
        let mut batch = Vec::new();
        loop {
            let heard = tokio::select! {
                received = commands.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return;
                    }
                    self.obey(std::mem::take(&mut batch)).await
                }
                next = link.next_node(&node) => {
                    node = next;
                    self.lenient = clock::now() + 2 * soon;
                    self.heartbeat().await
                }
                _ = heartbeat.tick() => self.heartbeat().await,
                () = at(self.lapse) => self.store.lapsed().await.map(|rest| self.expect(rest)),
            };
            if let Err(failure) = heard {
                tracing::debug!(%failure, "Redis did not hear of sockets");
                heartbeat.reset_after(soon);
                self.lapse = None;
                self.lenient = clock::now() + 2 * soon;
            }
        }
    }

    async fn obey(&mut self, batch: Vec<Command>) -> Result<(), Failure> {
        let mut changes = Vec::new();
        let (mut waiting, mut settled) = (Vec::new(), Vec::new());
        for command in batch {
            match command {
                Command::Change(change, done) => {
                    self.remember(&change);
                    changes.push(change);
                    waiting.push(done);
                }
                Command::Settle(done) => settled.push(done),
            }
        }
        let result = match changes.is_empty() {
            true => Ok(()),
            false => self.store.apply(&changes).await.map(|rest| self.expect(rest)),
        };
        for done in waiting {
            let _ = done.send(result.clone());
        }
        for done in settled {
            let _ = done.send(());
        }
        result
    }

    /// The next user's time is up after `rest`, unless renewed.
    fn expect(&mut self, rest: Option<Duration>) {
        let pause = |rest: Duration| if rest.is_zero() { rest } else { rest.max(PAUSE) };
        self.lapse = rest.map(|rest| self.lenient.max(clock::now() + pause(rest)));
    }

    fn remember(&mut self, change: &Change) {
        let Change { here, user, socket } = change.clone();
        if here {
            self.gone.remove(&(socket.clone(), user.clone()));
            self.here.insert(socket, user);
        } else {
            if self.here.get(&socket) == Some(&user) {
                self.here.remove(&socket);
            }
            self.gone.insert((socket, user), clock::now());
        }
    }

    /// Renews every socket that is here and takes out again those that are gone. One time to live
    /// after a socket ended, nothing can show it any more.
    async fn heartbeat(&mut self) -> Result<(), Failure> {
        let ttl = self.ttl;
        self.gone.retain(|_, since| since.elapsed() <= 2 * ttl);
        let here = self.here.iter().map(|(socket, user)| (true, socket, user));
        let gone = self.gone.keys().map(|(socket, user)| (false, socket, user));
        let changes: Vec<Change> = here
            .chain(gone)
            .map(|(here, socket, user)| Change { here, user: user.clone(), socket: socket.clone() })
            .collect();
        let mut chunks = changes.chunks(BATCH);
        // Even with nothing to renew, one script says when the next user's time is up.
        loop {
            let chunk = chunks.next().unwrap_or_default();
            let rest = self.store.apply(chunk).await?;
            self.expect(rest);
            if chunks.len() == 0 {
                return Ok(());
            }
        }
    }
}

/// Ends at that time, if there is one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
