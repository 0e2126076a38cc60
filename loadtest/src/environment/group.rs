//! A group: the nodes and Sentinels that serve one role or several.

use super::member::{Member, Part};
use super::processes::Processes;
use super::proxies::Proxies;
use super::ready::View;
use super::redis_binary::RedisBinary;
use super::topology::{Topology, topology};
use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use redrill_history::{GroupPlan, Role};
use std::path::Path;

/// Nodes and the Sentinels that watch them.
#[derive(Clone)]
pub struct Group {
    /// The role that it is named after; those without a group of their own share the main one.
    pub role: Role,
    /// What it is to be.
    pub plan: GroupPlan,
    /// The nodes, by number.
    pub nodes: Vec<Member>,
    /// The Sentinels, by number; the service gets their announced addresses.
    pub sentinels: Vec<Member>,
    /// The name by which the Sentinels know it.
    pub known_as: String,
    pub(super) topology: &'static dyn Topology,
}

/// What groups are started on.
pub struct Ground<'a> {
    pub(super) redis: &'a RedisBinary,
    pub(super) processes: &'a Processes,
    pub(super) proxies: &'a Proxies,
    pub(super) folder: &'a Path,
}

impl Group {
    /// Gives all its members their addresses and proxies; they are not started.
    pub(super) async fn place(role: Role, plan: &GroupPlan, ground: &Ground<'_>) -> Result<Self> {
        let topology = topology(&plan.topology).context("a topology that does not exist")?;
        let place = async |kind: &'static str, count: u8, has_bus: bool| {
            let place = |index| Member::place(role, kind, index, has_bus, ground);
            try_join_all((0..count).map(place)).await
        };
        Ok(Self {
            role,
            plan: plan.clone(),
            nodes: place("node", plan.nodes(), topology.has_bus()).await?,
            sentinels: place("sentinel", plan.sentinels, false).await?,
            known_as: role.name().to_owned(),
            topology,
        })
    }

    /// Starts all its members.
    pub(super) async fn start(&mut self, ground: &Ground<'_>) -> Result<()> {
        self.topology.start(self, ground).await
    }

    /// The group as it is looked at.
    pub(super) fn view(&self) -> View {
        View::new(self)
    }

    /// The nodes that were masters when it was started.
    pub(crate) fn first_masters(&self) -> &[Member] {
        &self.nodes[..usize::from(self.plan.masters)]
    }

    /// Its nodes and Sentinels.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.nodes.iter().chain(&self.sentinels)
    }
}

impl Ground<'_> {
    /// Starts members at once, and waits until they answer.
    pub(super) async fn start_all(&self, members: &mut [Member], part: Part<'_>) -> Result<()> {
        try_join_all(members.iter_mut().map(|member| member.start(part, self))).await.map(drop)
    }
}
