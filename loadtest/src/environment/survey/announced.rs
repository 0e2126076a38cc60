//! What nodes and Sentinels announce of themselves: where the others, and the service, look for
//! them, so that it must be their proxies.

use super::address;
use super::complaints::Complaints;
use crate::environment::admin::Admin;
use crate::environment::member::Member;
use crate::environment::ready::ANSWER_WITHIN;
use redis::{Cmd, cmd};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Addresses that others know somebody by, of whom it is told already what is wrong.
#[derive(Default)]
pub(super) struct Known {
    /// Of those that have no proxy.
    pub(super) bare: Vec<SocketAddr>,
    /// Of those that announce others than their proxies', or that do not answer.
    pub(super) announced: Vec<SocketAddr>,
}

/// How one is asked what it announces, and told.
pub(super) struct Kind {
    command: &'static [&'static str],
    settings: [&'static str; 2],
}

/// A node.
pub(super) const NODE: Kind =
    Kind { command: &["CONFIG"], settings: ["replica-announce-ip", "replica-announce-port"] };
/// A Sentinel.
pub(super) const SENTINEL: Kind =
    Kind { command: &["SENTINEL", "CONFIG"], settings: ["announce-ip", "announce-port"] };

/// Notes who of those that answer announces what is not its proxy's address. One that does not say
/// is taken for one that announces it.
pub(super) async fn check(
    kind: &Kind,
    members: &[Member],
    answering: &[&Member],
    complaints: &mut Complaints,
) -> Known {
    let mut known = Known::default();
    for member in members {
        if !answering.iter().any(|one| one.name == member.name) {
            known.bare.extend(is_bare(member).then_some(member.direct));
            known.announced.push(member.direct);
            continue;
        }
        let said = kind.said(member).await;
        let addresses = match &said {
            Some((ip, port)) => address::of(ip, *port).await.unwrap_or_default(),
            None => Vec::new(),
        };
        if is_bare(member) {
            known.bare.push(member.direct);
            known.bare.extend(addresses);
        } else if let Some((ip, port)) = said.filter(|_| !addresses.contains(&member.announced)) {
            known.announced.push(member.direct);
            known.announced.extend(addresses);
            let [its_ip, its_port] = kind.settings;
            let (announced, set) = (member.announced, kind.command.join(" "));
            complaints.add(
                &member.name,
                format!(
                    "announces {ip}:{port}, and not its proxy's address, {announced}: {set} SET \
                     {its_ip} {}, {set} SET {its_port} {}, and both in its configuration",
                    announced.ip(),
                    announced.port()
                ),
            );
        }
    }
    known
}

/// Whether no proxy stands before it, so that nothing but its own address can be announced.
fn is_bare(member: &Member) -> bool {
    member.announced == member.direct
}

impl Kind {
    /// Host and port that one announces: its own where it is told none.
    async fn said(&self, member: &Member) -> Option<(String, u16)> {
        let mut all = Cmd::new();
        for word in self.command {
            all.arg(word);
        }
        let [ip, port] = self.settings;
        let all = all.arg("GET").arg(format!("{}*", ip.trim_end_matches("ip"))).to_owned();
        let mut admin = Admin::new(member.door());
        let found: BTreeMap<String, String> = admin.ask(&all, ANSWER_WITHIN).await.ok()?;
        let ip = found.get(ip).filter(|ip| !ip.is_empty()).cloned();
        let port = found.get(port)?.parse().ok().filter(|port| *port > 0);
        let own = member.direct;
        Some((ip.unwrap_or_else(|| own.ip().to_string()), port.unwrap_or(own.port())))
    }
}

/// Those whom a Sentinel knows of a group: their places in its words, and here.
pub(super) async fn places(
    sentinel: &mut Admin,
    what: &str,
    group: &str,
) -> anyhow::Result<Vec<(String, SocketAddr)>> {
    let command = cmd("SENTINEL").arg(what).arg(group).to_owned();
    let all: Vec<BTreeMap<String, String>> = sentinel.ask(&command, ANSWER_WITHIN).await?;
    let mut places = Vec::new();
    for one in &all {
        places.push(address::place(one).await?);
    }
    Ok(places)
}
