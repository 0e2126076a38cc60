//! Who is master, by what all Sentinels say.
//!
//! One watcher a Sentinel: it subscribes to the messages of a failover and asks its Sentinel at the
//! start, at each message that any Sentinel sent, on demand and once a second. What they say is
//! weighed in [`super::reports`]. Where that is wrong for a moment, the `ROLE` check at connecting
//! holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{RedisError, Value};
use tokio::sync::{broadcast, watch};

use super::address::{Address, Dialer};
use super::connect::{AbortOnDrop, Login, Wanted, bare, open};
use super::place::Named;
use super::plain::Plain;
use super::reports::Reports;
use super::told::{Told, tell};
use crate::clock;

/// Messages after which the master may be another one.
const NEWS: [&str; 4] = ["+switch-master", "+promoted-slave", "+failover-end", "-sdown"];
/// The leader is about to promote a replica. It tells that it has only when the replica's next INFO
/// says so, up to a second later; until then clients would write to a master that is none.
const PROMOTING: &str = "+failover-state-send-slaveof-noone";
/// How long, and how often, a replica is asked whether it has been promoted.
const EXPECT: Duration = Duration::from_secs(3);
const EXPECT_PAUSE: Duration = Duration::from_millis(5);
const POLL: Duration = Duration::from_secs(1);
const POLL_IN_TROUBLE: Duration = Duration::from_millis(100);
/// A Sentinel that does not answer in this time is asked again over a new connection.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What the watchers share.
struct Board {
    reports: Mutex<Reports>,
    named: watch::Sender<Option<Named>>,
    ask: broadcast::Sender<()>,
}

impl Board {
    /// Of so many Sentinels.
    fn of(sentinels: usize) -> Arc<Self> {
        Arc::new(Self {
            reports: Mutex::new(Reports::of(sentinels)),
            named: watch::channel(None).0,
            ask: broadcast::channel(64).0,
        })
    }

    /// Files what Sentinel `index` says, nothing where it says nothing any more, and publishes what
    /// comes of it.
    fn report(&self, index: usize, says: Option<Named>) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.file(index, says);
        self.named.send_if_modified(|current| {
            let Some(next) = reports.next(current.as_ref(), clock::now()) else { return false };
            *current = Some(next);
            tracing::info!(named = ?current, "Sentinels name a master");
            true
        });
    }

    /// Publishes that `address` was seen to be master while a failover to it is under way that
    /// began when the epoch `was` counted. It keeps that epoch: the failover's own is higher, so
    /// that every later report overrules this.
    fn promoted(&self, address: &Address, was: u64) {
        self.named.send_if_modified(|current| {
            let epoch = current.as_ref().map_or(0, |named| named.epoch);
            if epoch > was || current.as_ref().is_some_and(|named| named.address == *address) {
                return false;
            }
            tracing::info!(%address, "a replica was promoted");
            *current = Some(Named { address: address.clone(), epoch: was });
            true
        });
    }
}

/// The watchers of one group of Sentinels.
#[derive(Clone)]
pub(crate) struct Discovery {
    board: Arc<Board>,
}

impl Discovery {
    /// Starts a watcher a Sentinel; they run as long as the process.
    pub(crate) fn start(
        sentinels: &[Address],
        master: &str,
        login: &Login,
        node: &Login,
        dialer: &Dialer,
        node_dialer: &Dialer,
    ) -> Self {
        let board = Board::of(sentinels.len());
        for (index, address) in sentinels.iter().enumerate() {
            let watcher = Watcher {
                index,
                address: address.clone(),
                master: master.to_owned(),
                login: login.clone(),
                node: node.clone(),
                node_dialer: node_dialer.within(PATIENCE),
                dialer: dialer.within(PATIENCE),
                board: Arc::clone(&board),
            };
            tokio::spawn(watcher.run());
        }
        Self { board }
    }

    /// As redis-rs does by itself: asked when somebody needs a connection, and no sooner.
    pub(crate) fn start_plain(mut plain: Plain) -> Self {
        let board = Board::of(0);
        let (named, mut asked) = (board.named.clone(), board.ask.subscribe());
        tokio::spawn(async move {
            loop {
                if let Ok(Ok(address)) = tokio::time::timeout(PATIENCE, plain.master()).await {
                    named.send_replace(Some(Named { address, epoch: 0 }));
                }
                if asked.recv().await == Err(broadcast::error::RecvError::Closed) {
                    return;
                }
            }
        });
        Self { board }
    }

    /// Follows the master that is named.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<Named>> {
        self.board.named.subscribe()
    }

    /// Asks all Sentinels now: a connection was lost.
    pub(crate) fn ask(&self) {
        let _ = self.board.ask.send(());
    }
}

struct Watcher {
    index: usize,
    address: Address,
    master: String,
    login: Login,
    /// How to log in to the nodes.
    node: Login,
    node_dialer: Dialer,
    dialer: Dialer,
    board: Arc<Board>,
}

impl Watcher {
    async fn run(self) {
        let mut told = Told::default();
        loop {
            if let Err(error) = self.watch().await {
                self.board.report(self.index, None);
                let (sentinel, reason) = (&self.address, error.to_string());
                tell!(told, &reason, %sentinel, reason, "lost a Sentinel");
            }
            tokio::time::sleep(POLL_IN_TROUBLE).await;
        }
    }

    /// Asks and listens until the connection is lost.
    async fn watch(&self) -> Result<(), RedisError> {
        let (mut connection, driver) = bare(&self.dialer, &self.address, &self.login).await?;
        let _ends_with_this = AbortOnDrop(driver);
        let mut pubsub = self.subscribe().await?;
        let mut messages = pubsub.on_message();
        let mut asked = self.board.ask.subscribe();
        loop {
            let answer = tokio::time::timeout(PATIENCE, self.question(&mut connection)).await;
            let answer = answer.unwrap_or_else(|_| Err(closed("the Sentinel is silent")))?;
            self.board.report(self.index, answer);
            tokio::select! {
                message = messages.next() => {
                    let message = message.ok_or_else(|| closed("the subscription ended"))?;
                    if message.get_channel_name() == PROMOTING {
                        self.expect(&message.get_payload::<String>().unwrap_or_default());
                    }
                    let _ = self.board.ask.send(());
                }
                _ = asked.recv() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Asks the replica that is being promoted until it is master. `payload` as in `sentinelEvent`:
    /// `slave <name> <host> <port> @ <master's name> <its host> <its port>`.
    fn expect(&self, payload: &str) {
        let words: Vec<&str> = payload.split(' ').collect();
        let ["slave", _, host, port, "@", master, ..] = words[..] else { return };
        let Some(port) = port.parse().ok().filter(|_| master == self.master) else { return };
        let address = Address { host: host.to_owned(), port };
        let was = self.board.named.borrow().as_ref().map_or(0, |named| named.epoch);
        let (board, dialer) = (Arc::clone(&self.board), self.node_dialer.clone());
        let node = self.node.clone();
        tokio::spawn(async move {
            let asking = async {
                // A promotion closes the connections to the replica.
                while open(&dialer, &address, &node, Wanted::Master).await.is_err() {
                    tokio::time::sleep(EXPECT_PAUSE).await;
                }
                board.promoted(&address, was);
            };
            let _ = tokio::time::timeout(EXPECT, asking).await;
        });
    }

    async fn subscribe(&self) -> Result<PubSub, RedisError> {
        let connect = async {
            let stream = self.dialer.dial(&self.address).await?;
            let mut pubsub = PubSub::new(&self.login.info(), stream).await?;
            pubsub.subscribe(&NEWS).await?;
            pubsub.subscribe(PROMOTING).await?;
            Ok(pubsub)
        };
        tokio::time::timeout(self.dialer.timeout, connect)
            .await
            .unwrap_or_else(|_| Err(closed("subscribing took too long")))
    }

    /// One round trip, so that epoch and address belong together. The address is asked for by
    /// `GET-MASTER-ADDR-BY-NAME`, which a failover's leader changes earlier than `MASTER`.
    async fn question(
        &self,
        connection: &mut redis::aio::MultiplexedConnection,
    ) -> Result<Option<Named>, RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("SENTINEL").arg("MASTER").arg(&self.master);
        pipeline.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let (state, address): (HashMap<String, String>, Value) =
            pipeline.query_async(connection).await?;
        let epoch = state.get("config-epoch").and_then(|text| text.parse().ok()).unwrap_or(0);
        let Ok((host, port)) = redis::from_redis_value::<(String, u16)>(address) else {
            return Ok(None);
        };
        Ok(Some(Named { address: Address { host, port }, epoch }))
    }
}

fn closed(why: &'static str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, why).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(port: u16, epoch: u64) -> Named {
        Named { address: Address { host: "127.0.0.1".to_owned(), port }, epoch }
    }

    #[test]
    fn a_promotion_that_was_seen_stays_until_the_sentinels_overrule_it() {
        let board = Board::of(1);
        board.report(0, Some(named(1, 1)));
        board.promoted(&named(2, 0).address, 1);
        board.report(0, Some(named(1, 1)));
        assert_eq!(*board.named.borrow(), Some(named(2, 1)), "they do not know of it yet");
        board.report(0, Some(named(3, 2)));
        assert_eq!(*board.named.borrow(), Some(named(3, 2)));
        board.promoted(&named(1, 0).address, 1);
        assert_eq!(*board.named.borrow(), Some(named(3, 2)), "too late");
    }
}
