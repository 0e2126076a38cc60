//! Opening one connection that is known to be of use: authenticated, in its database, on a master.

use std::io;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Value};
use tokio::task::JoinHandle;

use super::address::{Address, Dialer};

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
    pub(crate) driver: JoinHandle<()>,
    /// `run_id` of `INFO server`: new at each start of a node.
    pub(crate) run_id: String,
}

/// Commands may queue up to this many deep before their callers wait in line.
const PIPELINE_DEPTH: usize = 1024;

/// Connects, logs in, and asks the node for its run id and, where `master` is demanded, its role.
///
/// # Errors
/// A connection that cannot be opened in the dialer's time, a login that is refused, or a node
/// that is no master where one is demanded.
pub(crate) async fn open(
    dialer: &Dialer,
    address: &Address,
    login: &Login,
    master: bool,
) -> Result<Opened, RedisError> {
    let (mut connection, driver) = bare(dialer, address, login).await?;
    let asked = tokio::time::timeout(dialer.timeout, async {
        let mut pipeline = redis::pipe();
        pipeline.cmd("ROLE").cmd("INFO").arg("server");
        pipeline.query_async::<(Value, String)>(&mut connection).await
    });
    let (role, info) = match asked.await.unwrap_or_else(|_| Err(timed_out())) {
        Ok(answers) => answers,
        Err(error) => {
            driver.abort();
            return Err(error);
        }
    };
    if master && !is_master(&role) {
        driver.abort();
        return Err(io::Error::other(format!("{address} is no master")).into());
    }
    let run_id = info
        .lines()
        .find_map(|line| line.strip_prefix("run_id:"))
        .unwrap_or("unknown")
        .trim()
        .to_owned();
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
    Ok((connection, tokio::spawn(driver)))
}

fn timed_out() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// Reads the answer to `ROLE`.
pub(crate) fn is_master(role: &Value) -> bool {
    let Value::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Value::BulkString(name)) if name == b"master")
}
