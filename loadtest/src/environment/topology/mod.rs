//! How the nodes of a group stand to each other.

mod cluster;
mod sentinel;
mod standalone;

use super::backend::backend;
use super::group::{Ground, Group};
use super::ready::View;
use anyhow::{Result, ensure};
use futures_util::future::BoxFuture;
use redrill_history::{EnvironmentPlan, GroupPlan};
use std::time::Duration;

/// Every topology, the first the default.
pub const TOPOLOGIES: &[&dyn Topology] =
    &[&sentinel::Sentinel, &standalone::Standalone, &cluster::Cluster];

/// A way for nodes to stand to each other.
pub trait Topology: Sync {
    /// Its name in plans.
    fn name(&self) -> &'static str;
    /// Of how many parts it may be.
    fn sizes(&self) -> Sizes;
    /// Whether the nodes talk to each other on a port of its own.
    fn has_bus(&self) -> bool {
        false
    }
    /// Starts the nodes and Sentinels, and tells them of each other.
    fn start<'a>(&self, group: &'a mut Group, ground: &'a Ground<'_>) -> BoxFuture<'a, Result<()>>;
    /// What is missing for the group to be ready.
    fn missing<'a>(&self, view: &'a mut View) -> BoxFuture<'a, Vec<String>>;
}

/// Of how many parts a group may be.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Nodes that are masters at first.
    pub masters: Size,
    /// Replicas of each master.
    pub replicas: Size,
    /// Sentinels.
    pub sentinels: Size,
}

/// How many of a part there may be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// At least.
    pub least: u8,
    /// At most.
    pub most: u8,
    /// Where the plan does not say.
    pub default: u8,
}

impl Size {
    const fn only(number: u8) -> Self {
        Self { least: number, most: number, default: number }
    }
}

/// The topology of that name.
pub fn topology(name: &str) -> Option<&'static dyn Topology> {
    TOPOLOGIES.iter().copied().find(|topology| topology.name() == name)
}

/// The names of all topologies.
pub fn topology_names() -> Vec<&'static str> {
    TOPOLOGIES.iter().map(|topology| topology.name()).collect()
}

/// Whether an environment can be started.
///
/// # Errors
/// A backend or topology that does not exist, or numbers that do not fit.
pub fn check(plan: &EnvironmentPlan) -> Result<()> {
    backend(&plan.backend)?;
    plan.groups().try_for_each(|(_, group)| check_group(group))
}

fn check_group(plan: &GroupPlan) -> Result<()> {
    let found = topology(&plan.topology).map(Topology::sizes);
    let Some(Sizes { masters, replicas, sentinels }) = found else {
        let (name, names) = (&plan.topology, topology_names().join(", "));
        anyhow::bail!("there is no topology \"{name}\"; there are {names}")
    };
    for (what, number, size) in [
        ("masters", plan.masters, masters),
        ("replicas", plan.replicas, replicas),
        ("sentinels", plan.sentinels, sentinels),
    ] {
        let Size { least, most, .. } = size;
        ensure!((least..=most).contains(&number), "{what} must be from {least} to {most}");
    }
    let quorums = u8::from(plan.sentinels > 0)..=plan.sentinels;
    ensure!(
        quorums.contains(&plan.quorum),
        "quorum must be from 1 to the number of sentinels, {}",
        plan.sentinels
    );
    let least = Duration::from_millis(1);
    ensure!(plan.down_after >= least, "down_after must be at least 1ms");
    ensure!(plan.failover_timeout >= least, "failover_timeout must be at least 1ms");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::ResolvedPlan;

    #[test]
    fn an_environment_that_cannot_be_started_is_refused() {
        let good = ResolvedPlan::example().environment;
        check(&good).unwrap();
        let docker = EnvironmentPlan { backend: "dokcer".to_owned(), ..good.clone() };
        assert!(check(&docker).unwrap_err().to_string().contains("\"dokcer\""));
        let told = |group: GroupPlan| {
            let plan = EnvironmentPlan { cache: Some(group), ..good.clone() };
            check(&plan).unwrap_err().to_string()
        };
        assert!(told(GroupPlan { quorum: 4, ..GroupPlan::example() }).contains("quorum"));
        assert!(told(GroupPlan { replicas: 0, ..GroupPlan::example() }).contains("replicas"));
        assert!(
            told(GroupPlan { topology: "ring".to_owned(), ..GroupPlan::example() })
                .contains("ring")
        );
        let one = GroupPlan::example_of_one();
        assert!(told(GroupPlan { replicas: 2, ..one.clone() }).contains("from 0 to 0"));
        check(&EnvironmentPlan { cache: Some(one), ..good }).unwrap();
    }
}
