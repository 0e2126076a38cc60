//! Asking a node or a Sentinel directly, around the proxies.

use super::door::Door;
use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisError};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// How Redis refuses a password, one that is missing, and a user.
const REFUSALS: [&str; 3] = ["WRONGPASS", "NOAUTH", "NOPERM"];

/// A connection that is made when it is needed and dropped when it fails.
pub(crate) struct Admin {
    door: Door,
    live: Option<MultiplexedConnection>,
}

impl Admin {
    /// A connection to come.
    pub(crate) fn new(door: impl Into<Door>) -> Self {
        Self { door: door.into(), live: None }
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
        let address = self.door.address;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                // An error reply leaves the connection as it is.
                let reply = error.downcast_ref::<RedisError>();
                if reply.is_none_or(RedisError::is_unrecoverable_error) {
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

    async fn exchange<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        let mut connection = match self.live.take() {
            Some(live) => live,
            None => self.connect().await?,
        };
        let answer = command.query_async(&mut connection).await;
        self.live = Some(connection);
        Ok(answer?)
    }

    /// The time limits are the caller's.
    async fn connect(&self) -> Result<MultiplexedConnection> {
        let unlimited =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let client = self.door.client()?;
        Ok(client.get_multiplexed_async_connection_with_config(&unlimited).await?)
    }
}

/// Asks once, on a connection of its own.
///
/// # Errors
/// As [`Admin::ask`].
pub(crate) async fn ask<T: FromRedisValue>(
    door: impl Into<Door>,
    command: &Cmd,
    within: Duration,
) -> Result<T> {
    Admin::new(door).ask(command, within).await
}

/// Whether a node refuses who asks: what it does not allow it will not allow a moment later.
pub(crate) fn is_refusal(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().to_string();
    let of_redis = error.chain().find_map(|cause| cause.downcast_ref::<RedisError>());
    let code = of_redis.and_then(RedisError::code);
    code.is_some_and(|code| REFUSALS.contains(&code))
        || REFUSALS.iter().any(|refusal| cause.contains(refusal))
        || cause.contains("Password")
}

/// The fields of an `INFO`, in its own words.
pub(crate) fn info_fields(info: &str) -> BTreeMap<&str, &str> {
    info.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}
