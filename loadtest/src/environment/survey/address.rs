//! Addresses as people write them, and what they are here.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long a name may take to be resolved.
const NAMED_WITHIN: Duration = Duration::from_secs(5);

/// Every address that `host:port` means here, those of IPv4 first.
///
/// # Errors
/// The name does not resolve.
pub(super) async fn resolve(text: &str) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = text.parse() {
        return Ok(vec![address]);
    }
    let told = || format!("the name in {text} cannot be resolved here");
    let found = timeout(NAMED_WITHIN, lookup_host(text)).await.with_context(told)?;
    let mut found: Vec<SocketAddr> = found.with_context(told)?.collect();
    found.sort_by_key(|address| !address.is_ipv4());
    Ok(found)
}

/// The first of them.
///
/// # Errors
/// As [`resolve`], or the name has no address.
pub(super) async fn one(text: &str) -> Result<SocketAddr> {
    let first = resolve(text).await?.into_iter().next();
    first.with_context(|| format!("the name in {text} has no address"))
}

/// Every address of a host, as Redis writes it, and a port.
///
/// # Errors
/// As [`resolve`].
pub(super) async fn of(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    // Redis writes an address of IPv6 without brackets.
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => resolve(&format!("{host}:{port}")).await,
    }
}

/// Where somebody is whom a Sentinel tells of, in its words and here.
///
/// # Errors
/// It does not say where, or the name does not resolve.
pub(super) async fn place(told: &BTreeMap<String, String>) -> Result<(String, SocketAddr)> {
    let part = |name: &str| told.get(name).with_context(|| format!("an entry without its {name}"));
    let (host, port) = (part("ip")?, part("port")?);
    let first = of(host, port.parse().context("a port that is none")?).await?.into_iter().next();
    let place = format!("{host}:{port}");
    let address = first.with_context(|| format!("the name in {place} has no address"))?;
    Ok((place, address))
}

/// Where others reach a listener of that address on a host.
///
/// # Errors
/// The address is none, or the name in it does not resolve.
pub(super) async fn reachable(listen: &str, host: IpAddr) -> Result<SocketAddr> {
    // Go writes one that listens on all addresses with no host, or with that of IPv6.
    let written = listen.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    let address = one(written.as_deref().unwrap_or(listen)).await?;
    let is_everywhere = address.ip().is_unspecified();
    Ok(if is_everywhere { SocketAddr::new(host, address.port()) } else { address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_on_all_addresses_is_reached_on_its_host() {
        let host: IpAddr = [10, 0, 0, 7].into();
        for (listen, expected) in [
            ("127.0.0.1:6379", "127.0.0.1:6379"),
            ("0.0.0.0:6379", "10.0.0.7:6379"),
            ("[::]:6379", "10.0.0.7:6379"),
            (":6379", "10.0.0.7:6379"),
        ] {
            assert_eq!(reachable(listen, host).await.unwrap().to_string(), expected);
        }
        assert!(one("localhost:6379").await.unwrap().ip().is_loopback());
        let told = one("no host:6379").await.unwrap_err();
        assert!(format!("{told:#}").contains("no host:6379 cannot be resolved"), "{told:#}");
    }
}
