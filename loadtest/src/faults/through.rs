//! Closing the clients' connections to a node, so that they open others, on which a fault acts.
//!
//! A Redis that somebody else runs may have clients that come around the proxy: theirs stay.

use super::probe::HEALTHY;
use crate::environment::{Admin, Environment, ask};
use anyhow::{Context, Result, ensure};
use redis::cmd;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Closes the connections of a node's clients: where it is not ours, those that come through its
/// proxy, as the proxy and the node tell them.
pub(super) async fn close(environment: &Environment, name: &str, proxy: &str) -> Result<()> {
    let door = environment.spot(name)?.door;
    if environment.prefix().is_none() {
        let kill = cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").to_owned();
        return ask::<i64>(door, &kill, HEALTHY).await.map(drop);
    }
    let sources = environment.proxy().sources(proxy).await?;
    let sources: BTreeSet<_> = sources.into_iter().map(plain).collect();
    let mut admin = Admin::new(door);
    let list: String = admin.ask(cmd("CLIENT").arg("LIST"), HEALTHY).await?;
    let seen: Vec<Client> = list.lines().filter_map(Client::read).collect();
    let through: Vec<&Client> = seen.iter().filter(|it| sources.contains(&it.address)).collect();
    ensure!(
        sources.is_empty() || !through.is_empty(),
        "{name} knows none of the {} connections that its proxy {proxy} has to it by their \
         addresses, so that they could be told from others' and closed: let nothing between the \
         two translate addresses",
        sources.len()
    );
    for client in through.into_iter().filter(|client| client.is_normal) {
        let kill = cmd("CLIENT").arg("KILL").arg("ID").arg(client.id).to_owned();
        // None is left where it has gone by itself.
        admin.ask::<i64>(&kill, HEALTHY).await.with_context(|| name.to_owned())?;
    }
    Ok(())
}

/// A client as a node lists it.
#[derive(Debug, PartialEq)]
struct Client {
    id: u64,
    address: (IpAddr, u16),
    /// No replica, no master, and no subscriber.
    is_normal: bool,
}

impl Client {
    fn read(line: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
            fields.find(|(is, _)| *is == name).map(|(_, value)| value)
        };
        Some(Self {
            id: field("id")?.parse().ok()?,
            address: plain(field("addr")?.parse().ok()?),
            is_normal: !field("flags")?.contains(['S', 'M', 'P']),
        })
    }
}

/// The same address whether or not it is written as one of IPv6.
fn plain(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_read_with_what_they_are() {
        let line = "id=7 addr=127.0.0.1:50814 laddr=127.0.0.1:6379 fd=8 name= age=1 flags=N db=0";
        let address = ([127, 0, 0, 1].into(), 50814);
        assert_eq!(Client::read(line), Some(Client { id: 7, address, is_normal: true }));
        for flags in ["flags=S", "flags=M", "flags=P"] {
            let other = line.replace("flags=N", flags);
            assert!(Client::read(&other).is_some_and(|client| !client.is_normal), "{flags}");
        }
        let mapped = line.replace("addr=127.0.0.1:50814", "addr=[::ffff:127.0.0.1]:50814");
        assert_eq!(Client::read(&mapped), Client::read(line));
        assert_eq!(Client::read("id=7 addr=redis.sock:0 flags=U"), None);
    }
}
