//! Opening one connection that is known to be of use: authenticated, in its database, on a master.

use std::io;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Value};
use tokio::task::JoinHandle;

use super::address::{Address, Dialer};
use super::batch::LetOthersFirst;

/// What a role's connections log in with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Login {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: i64,
}

impl Login {
    /// As redis-rs wants it. The library's name is not announced: two commands fewer a connection.
    pub(crate) fn info(&self) -> RedisConnectionInfo {
        let mut info = RedisConnectionInfo::default().set_db(self.database).set_skip_set_lib_name();
        if let Some(username) = &self.username {
            info = info.set_username(username);
        }
        if let Some(password) = &self.password {
            info = info.set_password(password);
        }
        info
    }
}

/// An open connection with the id of the process behind it.
pub(crate) struct Opened {
    pub(crate) connection: MultiplexedConnection,
    /// Ends when the connection does.
    pub(super) driver: AbortOnDrop,
    /// `run_id` of `INFO server`: new at each start of a node.
    pub(crate) run_id: String,
}

/// Commands may queue up to this many deep before their callers wait in line.
const PIPELINE_DEPTH: usize = 1024;

/// What a node must be, to be of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Any,
    Master,
    /// Of a cluster that serves.
    MasterOfCluster,
}

/// Connects, logs in, and asks the node whether it is what is wanted, and for its run id.
///
/// # Errors
/// A connection that cannot be opened in the dialer's time, a login that is refused, a node that is
/// loading its data, or one that is not what is wanted.
pub(crate) async fn open(
    dialer: &Dialer,
    address: &Address,
    login: &Login,
    wanted: Wanted,
) -> Result<Opened, RedisError> {
    let (mut connection, driver) = bare(dialer, address, login).await?;
    let driver = AbortOnDrop(driver);
    let asked = tokio::time::timeout(dialer.timeout, async {
        let mut pipeline = redis::pipe();
        // A node that is loading refuses a PING.
        pipeline.cmd("PING").ignore().cmd("ROLE").cmd("INFO").arg("server");
        if wanted == Wanted::MasterOfCluster {
            pipeline.cmd("CLUSTER").arg("INFO");
        }
        pipeline.query_async::<Vec<Value>>(&mut connection).await
    });
    let answers = asked.await.unwrap_or_else(|_| Err(timed_out()))?;
    let text = |place: usize| {
        let answer = answers.get(place).cloned().unwrap_or(Value::Nil);
        redis::from_redis_value::<String>(answer).unwrap_or_default()
    };
    if wanted != Wanted::Any && !answers.first().is_some_and(is_master) {
        return Err(io::Error::other(format!("{address} is no master")).into());
    }
    if wanted == Wanted::MasterOfCluster && !text(2).contains("cluster_state:ok") {
        return Err(io::Error::other(format!("the cluster of {address} does not serve")).into());
    }
    let info = text(1);
    let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    let run_id = run_id.unwrap_or("unknown").trim().to_owned();
    Ok(Opened { connection, driver, run_id })
}

/// A connection that is logged in and asked nothing yet, with the task that drives it.
///
/// # Errors
/// A connection that cannot be opened in the dialer's time, or a login that is refused.
pub(crate) async fn bare(
    dialer: &Dialer,
    address: &Address,
    login: &Login,
) -> Result<(MultiplexedConnection, JoinHandle<()>), RedisError> {
    let stream = dialer.dial(address).await?;
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_pipeline_buffer_size(PIPELINE_DEPTH);
    let info = login.info();
    let handshake = MultiplexedConnection::new_with_config(&info, stream, config);
    let made = tokio::time::timeout(dialer.timeout, handshake).await;
    let (connection, driver) = made.unwrap_or_else(|_| Err(timed_out()))?;
    Ok((connection, tokio::spawn(LetOthersFirst::new(driver))))
}

/// A connection's driver that ends with whoever holds this.
pub(super) struct AbortOnDrop(pub(super) JoinHandle<()>);

impl std::ops::Deref for AbortOnDrop {
    type Target = JoinHandle<()>;

    fn deref(&self) -> &JoinHandle<()> {
        &self.0
    }
}

impl std::ops::DerefMut for AbortOnDrop {
    fn deref_mut(&mut self) -> &mut JoinHandle<()> {
        &mut self.0
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn timed_out() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// Reads the answer to `ROLE`.
pub(crate) fn is_master(role: &Value) -> bool {
    let Value::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Value::BulkString(name)) if name == b"master")
}
