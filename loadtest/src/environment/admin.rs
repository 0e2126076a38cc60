//! Asking a node or a Sentinel directly, around the proxies.

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A connection that is made when it is needed and dropped when it fails.
pub(crate) struct Admin {
    address: SocketAddr,
    live: Option<MultiplexedConnection>,
}

impl Admin {
    /// A connection to come.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, live: None }
    }

    /// Whether it was answered last.
    pub(crate) fn is_connected(&self) -> bool {
        self.live.is_some()
    }

    /// Asks, connecting first where needed.
    ///
    /// # Errors
    /// No answer within the time, an error reply, or an answer of another type.
    pub(crate) async fn ask<T: FromRedisValue>(
        &mut self,
        command: &Cmd,
        within: Duration,
    ) -> Result<T> {
        let answer = timeout(within, self.exchange(command)).await;
        let address = self.address;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                // An error reply leaves the connection as it is.
                if error.is_unrecoverable_error() {
                    self.live = None;
                }
                Err(error).with_context(|| format!("{address} does not serve this"))
            }
            Err(_) => {
                self.live = None;
                anyhow::bail!("{address} has not answered within {within:?}")
            }
        }
    }

    async fn exchange<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        let mut connection = match self.live.take() {
            Some(live) => live,
            None => self.connect().await?,
        };
        let answer = command.query_async(&mut connection).await;
        self.live = Some(connection);
        answer
    }

    /// The time limits are the caller's.
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let unlimited =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let client = Client::open(format!("redis://{}", self.address))?;
        client.get_multiplexed_async_connection_with_config(&unlimited).await
    }
}

/// Asks once, on a connection of its own.
///
/// # Errors
/// As [`Admin::ask`].
pub(crate) async fn ask<T: FromRedisValue>(
    address: SocketAddr,
    command: &Cmd,
    within: Duration,
) -> Result<T> {
    Admin::new(address).ask(command, within).await
}

/// The fields of an `INFO`, in its own words.
pub(crate) fn info_fields(info: &str) -> BTreeMap<&str, &str> {
    info.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}
