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
        if !is_host(host) {
            return Err(format!("{text:?} has no host name or IP address before its port"));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Is this a name that can be looked up, or an IP address? (RFC 1123, 2.1, and the underscores that
/// containers have in their names.)
pub(crate) fn is_host(text: &str) -> bool {
    // What follows a % is the name of an interface.
    let address = text.split('%').next().unwrap_or_default();
    if address.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_label = |label: &str| !label.is_empty() && label.len() <= 63 && label.chars().all(known);
    let is_number = |label: &str| label.chars().all(|c| c.is_ascii_digit());
    name.len() <= 253 && name.split('.').all(is_label) && !name.split('.').all(is_number)
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
    use super::{Address, is_host};

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_else() {
        for host in
            ["localhost", "redis-1.svc.local.", "my_redis", "10.0.0.1", "::1", "fe80::1%eth0"]
        {
            assert!(is_host(host), "{host}");
        }
        for other in
            ["", " ", "a b", "a:1", "10.0.0.1:6379", "redis://a", "a/1", "u@a", "a..b", "."]
        {
            assert!(!is_host(other), "{other}");
        }
        assert!(!is_host("10.0.0.256") && !is_host("1"), "numbers alone are an address or nothing");
    }

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["localhost:6379", "127.0.0.1:1", "[::1]:6379"] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["localhost", "a:0", "a:70000", ":6379", "a:b", "redis://a:1", "a b:1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
