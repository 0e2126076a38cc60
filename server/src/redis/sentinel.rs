//! Who is master, by what all Sentinels say.
//!
//! One watcher a Sentinel: it subscribes to the messages of a failover and asks its Sentinel at the
//! start, at each message that any Sentinel sent, on demand and once a second. The answer with the
//! highest configuration epoch wins (Redis' `sentinel.c`: the epoch of a promotion is the one its
//! failover was elected with, so a later promotion always has a higher one). Where it is wrong for
//! a moment, the `ROLE` check at connecting holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{RedisError, Value};
use tokio::sync::{broadcast, watch};

use super::address::{Address, Dialer};
use super::connect::{Login, bare};

/// Messages after which the master may be another one.
const NEWS: [&str; 4] = ["+switch-master", "+promoted-slave", "+failover-end", "-sdown"];
const POLL: Duration = Duration::from_secs(1);
const POLL_IN_TROUBLE: Duration = Duration::from_millis(100);
/// A Sentinel that does not answer in this time is asked again over a new connection.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The master that Sentinels name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) address: Address,
    pub(crate) epoch: u64,
}

/// What the watchers share.
struct Board {
    reports: Mutex<HashMap<usize, Named>>,
    named: watch::Sender<Option<Named>>,
    ask: broadcast::Sender<()>,
}

impl Board {
    /// Files what Sentinel `index` says and publishes the report with the highest epoch.
    fn report(&self, index: usize, named: Named) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.insert(index, named.clone());
        let highest = reports.values().map(|named| named.epoch).max().unwrap_or(0);
        let best = if named.epoch == highest {
            named
        } else {
            let best = reports.values().find(|named| named.epoch == highest);
            best.cloned().unwrap_or(named)
        };
        self.named.send_if_modified(|current| {
            let changed = current.as_ref() != Some(&best);
            if changed {
                tracing::info!(master = %best.address, epoch = best.epoch, "Sentinels name a master");
                *current = Some(best);
            }
            changed
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
        dialer: Dialer,
    ) -> Self {
        let board = Arc::new(Board {
            reports: Mutex::default(),
            named: watch::channel(None).0,
            ask: broadcast::channel(64).0,
        });
        for (index, address) in sentinels.iter().enumerate() {
            let watcher = Watcher {
                index,
                address: address.clone(),
                master: master.to_owned(),
                login: login.clone(),
                dialer: Dialer { timeout: dialer.timeout.min(PATIENCE), ..dialer },
                board: Arc::clone(&board),
            };
            tokio::spawn(watcher.run());
        }
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
    dialer: Dialer,
    board: Arc<Board>,
}

impl Watcher {
    async fn run(self) {
        loop {
            if let Err(error) = self.watch().await {
                tracing::debug!(sentinel = %self.address, %error, "lost a Sentinel");
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
            if let Some(named) = answer {
                self.board.report(self.index, named);
            }
            tokio::select! {
                message = messages.next() => {
                    if message.is_none() {
                        return Err(closed("the subscription ended"));
                    }
                    let _ = self.board.ask.send(());
                }
                _ = asked.recv() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn subscribe(&self) -> Result<PubSub, RedisError> {
        let connect = async {
            let stream = self.dialer.dial(&self.address).await?;
            let mut pubsub = PubSub::new(&self.login.info(), stream).await?;
            pubsub.subscribe(&NEWS).await?;
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

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
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
    fn the_highest_epoch_wins_whoever_speaks_last() {
        let board = Board {
            reports: Mutex::default(),
            named: watch::channel(None).0,
            ask: broadcast::channel(1).0,
        };
        board.report(0, named(1, 1));
        board.report(1, named(2, 2));
        board.report(2, named(1, 1));
        assert_eq!(*board.named.borrow(), Some(named(2, 2)));
        board.report(0, named(2, 2));
        assert_eq!(*board.named.borrow(), Some(named(2, 2)));
    }
}
