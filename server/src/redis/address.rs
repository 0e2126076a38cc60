//! Where a Redis node or a Sentinel listens, and how this instance reaches it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::tls::{Stream, Tls};

/// A host (name or address) and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("{text:?} is not host:port; write the port too"))?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("the port of {text:?} is not within 1 to 65535"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(format!("{text:?} has no host"));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// How every Redis and Sentinel connection of this instance is opened.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    /// The local address that connections are bound to.
    pub(crate) source: Option<IpAddr>,
    /// The longest that opening one may take, its handshake included.
    pub(crate) timeout: Duration,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<Tls>,
}

impl Dialer {
    /// The same with another time-out, if that is shorter.
    pub(super) fn within(&self, timeout: Duration) -> Self {
        Self { timeout: self.timeout.min(timeout), ..self.clone() }
    }

    /// Opens a connection without Nagle's delay.
    ///
    /// # Errors
    /// The last address' error, `TimedOut`, or a server that is not trusted.
    pub(super) async fn dial(&self, address: &Address) -> io::Result<Stream> {
        let dialing = async {
            let stream = self.try_each(address).await?;
            match &self.tls {
                None => Ok(Stream::Plain(stream)),
                Some(tls) => tls.encrypt(&address.host, stream).await,
            }
        };
        tokio::time::timeout(self.timeout, dialing)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }

    async fn try_each(&self, address: &Address) -> io::Result<TcpStream> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for peer in lookup_host((address.host.as_str(), address.port)).await? {
            match self.connect(peer).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn connect(&self, peer: SocketAddr) -> io::Result<TcpStream> {
        let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(peer).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["localhost:6379", "127.0.0.1:1", "[::1]:6379"] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["localhost", "a:0", "a:70000", ":6379", "a:b"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
