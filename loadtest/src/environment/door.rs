//! How a node or Sentinel is reached around its proxy, and as whom.

use crate::exit::unusable;
use anyhow::Result;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// An address, and how to log in there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who one must be; none where nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
}

/// A user whose password is in an environment variable, and nowhere else: this can be written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user; the default user where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The variable that holds the password.
    pub variable: String,
}

impl Login {
    /// The password.
    ///
    /// # Errors
    /// The variable is not set.
    pub fn password(&self) -> Result<String> {
        let Self { variable, .. } = self;
        std::env::var(variable).map_err(|_| {
            unusable(format!("the variable {variable}, which holds a password, is not set"))
        })
    }
}

impl Door {
    /// A client that connects there.
    ///
    /// # Errors
    /// The password is not there.
    pub(crate) fn client(&self) -> Result<Client> {
        let mut settings = RedisConnectionInfo::default();
        if let Some(login) = &self.login {
            settings = settings.set_password(login.password()?);
            if let Some(username) = &login.username {
                settings = settings.set_username(username);
            }
        }
        let address = ConnectionAddr::Tcp(self.address.ip().to_string(), self.address.port());
        Ok(Client::open(address.into_connection_info()?.set_redis_settings(settings))?)
    }
}

impl From<SocketAddr> for Door {
    fn from(address: SocketAddr) -> Self {
        Self { address, login: None }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
