//! Where a node, a Sentinel or an instance of the target is, whoever runs it.

use super::door::Door;
use super::{Environment, Member};
use anyhow::{Context, Result};
use std::net::{IpAddr, SocketAddr};

/// A place to reach.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    /// Its own, around the proxy.
    pub(crate) door: Door,
    /// Its proxy's address, which others use, and the proxy's name.
    pub(crate) proxy: Option<(SocketAddr, String)>,
    /// The source address of its own connections, where it is known.
    pub(crate) source: Option<IpAddr>,
}

impl Spot {
    /// The address that others use.
    ///
    /// # Errors
    /// It has no proxy.
    pub(crate) fn announced(&self) -> Result<SocketAddr> {
        self.proxy.as_ref().map(|(address, _)| *address).context("it has no proxy")
    }
}

impl Environment {
    /// The node or Sentinel of that name.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.groups.iter().flat_map(super::Group::members).find(|member| member.name == name)
    }

    /// Where it is.
    ///
    /// # Errors
    /// Nothing of that name is there.
    pub(crate) fn spot(&self, name: &str) -> Result<Spot> {
        if let Some(member) = self.member(name) {
            return Ok(Spot {
                door: member.door(),
                proxy: Some((member.announced, member.proxy.clone())),
                source: Some(member.source).filter(|source| !source.is_unspecified()),
            });
        }
        let spec = self.processes.spec(name)?;
        let door = Door::from(spec.address);
        Ok(Spot { door, proxy: None, source: spec.source })
    }
}
