//! Addresses in Go's notation, with Go's words for what is wrong with them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, lookup_host};
use tokio::time::timeout;

/// How long a name may take to resolve.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);

/// The address of `host:port`. An empty host is every address, an empty text also any port.
///
/// # Errors
/// Why it is none, in Go's words.
pub(super) async fn resolve(text: &str) -> Result<SocketAddr, String> {
    let everywhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    if text.is_empty() {
        return Ok(SocketAddr::new(everywhere, 0));
    }
    let (host, port) = split(text).map_err(|why| format!("address {text}: {why}"))?;
    let port = number(port)?;
    if host.is_empty() {
        return Ok(SocketAddr::new(everywhere, port));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    let found = timeout(RESOLVE_WITHIN, lookup_host((host, port))).await;
    let found: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => return Err(format!("lookup {host}: i/o timeout")),
    };
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("lookup {host}: no such host"))
}

/// Host and port; an IPv6 address stands in brackets.
fn split(text: &str) -> Result<(&str, &str), &'static str> {
    const NO_PORT: &str = "missing port in address";
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or("missing ']' in address")?;
        return rest.strip_prefix(':').map(|port| (host, port)).ok_or(NO_PORT);
    }
    let (host, port) = text.rsplit_once(':').ok_or(NO_PORT)?;
    if host.contains(':') { Err("too many colons in address") } else { Ok((host, port)) }
}

/// A port by number; nothing is port 0.
fn number(port: &str) -> Result<u16, String> {
    match port.parse::<u16>() {
        Ok(port) => Ok(port),
        Err(_) if port.is_empty() => Ok(0),
        Err(_) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("address {port}: invalid port"))
        }
        Err(_) => Err(format!("lookup tcp/{port}: unknown port")),
    }
}

/// Listens on `host:port`.
///
/// # Errors
/// Why it cannot, in Go's words.
pub(super) async fn listen(text: &str) -> Result<TcpListener, String> {
    let address = resolve(text).await.map_err(|why| format!("listen tcp: {why}"))?;
    match TcpListener::bind(address).await {
        Err(error) if is_everywhere(address) && error.kind() == io::ErrorKind::Unsupported => {
            let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            TcpListener::bind(address).await.map_err(|error| bind_error(address, &error))
        }
        bound => bound.map_err(|error| bind_error(address, &error)),
    }
}

fn is_everywhere(address: SocketAddr) -> bool {
    address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// `listen tcp 127.0.0.1:80: bind: permission denied`.
fn bind_error(address: SocketAddr, error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut words = words.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    format!("listen tcp {address}: bind: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_gaps_resolve_as_in_go() {
        assert_eq!(resolve("localhost:80").await, Ok(([127, 0, 0, 1], 80).into()));
        assert_eq!(resolve(":80").await.map(|a| a.to_string()), Ok("[::]:80".into()));
        let told = resolve("1234").await.expect_err("no port");
        assert_eq!(told, "address 1234: missing port in address");
        let told = resolve("host.invalid:1").await.expect_err("no such host");
        assert_eq!(told, "lookup host.invalid: no such host");
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_in_gos_words() {
        let taken = listen("localhost:0").await.expect("a free port");
        let address = taken.local_addr().expect("its address");
        let told = listen(&address.to_string()).await.expect_err("the port is taken");
        assert_eq!(told, format!("listen tcp {address}: bind: address already in use"));
    }
}
