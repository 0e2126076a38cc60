//! What redis-rs does by itself when a master is replaced, for the contrast.
//!
//! Its `SentinelClient` asks the first Sentinel that answers, and only when a connection is made. A
//! connection is replaced when it is dropped; not when its node says that it is read-only, not when
//! it is silent, and not when the Sentinels have named another master. No command is sent again.

use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{ConnectionAddr, RedisError};

use super::address::Address;
use super::connect::Login;

/// Who is master, as redis-rs finds out.
pub(super) struct Plain(SentinelClient);

impl Plain {
    /// # Errors
    /// An address or login that redis-rs does not take.
    pub(super) fn new(
        sentinels: &[Address],
        master: &str,
        login: &Login,
        node: &Login,
    ) -> Result<Self, RedisError> {
        let addresses = sentinels.iter().map(|it| ConnectionAddr::Tcp(it.host.clone(), it.port));
        let addresses: Vec<ConnectionAddr> = addresses.collect();
        let mut builder =
            SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?;
        if let Some(name) = &node.username {
            builder = builder.set_client_to_redis_username(name);
        }
        if let Some(password) = &node.password {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(name) = &login.username {
            builder = builder.set_client_to_sentinel_username(name);
        }
        if let Some(password) = &login.password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        Ok(Self(builder.build()?))
    }

    /// Asks the Sentinels, and the node for its role.
    ///
    /// # Errors
    /// No Sentinel named a master that says that it is one.
    pub(super) async fn master(&mut self) -> Result<Address, RedisError> {
        let client = self.0.async_get_client().await?;
        match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) => Ok(Address { host: host.clone(), port: *port }),
            _ => Err(std::io::Error::from(std::io::ErrorKind::AddrNotAvailable).into()),
        }
    }
}
