//! The Redis that a service lives on: one group of nodes for all its roles, or one for each.

use crate::{ExternalPlan, serde_duration};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What a service keeps in a Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Limits, queues and channels.
    Main,
    /// Responses that can be had again.
    Cache,
    /// Sessions and presence.
    Sessions,
}

impl Role {
    /// Every role, the one that others share first.
    pub const ALL: [Self; 3] = [Self::Main, Self::Cache, Self::Sessions];

    /// Its name in plans, and the name under which Sentinels know its group.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Cache => "cache",
            Self::Sessions => "sessions",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Nodes that hold the same data or parts of it, and the Sentinels that watch them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// `sentinel`, …
    pub topology: String,
    /// Nodes that are masters at first.
    #[serde(default = "one")]
    pub masters: u8,
    /// Replicas of each master.
    pub replicas: u8,
    /// Sentinels.
    pub sentinels: u8,
    /// Sentinels that must agree that the master is down.
    pub quorum: u8,
    /// Silence after which a node is taken for down: by a Sentinel, or by its peers in a cluster.
    #[serde(with = "serde_duration")]
    pub down_after: Duration,
    /// Sentinel's `failover-timeout`.
    #[serde(with = "serde_duration")]
    pub failover_timeout: Duration,
    /// Redis' `maxmemory`, as its configuration writes it; none where there is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxmemory: Option<String>,
    /// Redis' `maxmemory-policy`: what goes when that much is used.
    #[serde(default = "noeviction")]
    pub maxmemory_policy: String,
}

const fn one() -> u8 {
    1
}

fn noeviction() -> String {
    "noeviction".to_owned()
}

impl GroupPlan {
    /// How many nodes there are.
    pub fn nodes(&self) -> u8 {
        self.masters.saturating_mul(self.replicas.saturating_add(1))
    }

    /// A group of three nodes and three Sentinels, for tests.
    pub fn example() -> Self {
        Self {
            topology: "sentinel".to_owned(),
            masters: 1,
            replicas: 2,
            sentinels: 3,
            quorum: 2,
            down_after: Duration::from_secs(1),
            failover_timeout: Duration::from_secs(3),
            maxmemory: None,
            maxmemory_policy: noeviction(),
        }
    }

    /// One node, for tests.
    pub fn example_of_one() -> Self {
        let topology = "standalone".to_owned();
        Self { topology, replicas: 0, sentinels: 0, quorum: 0, ..Self::example() }
    }
}

/// The Redis that the service lives on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentPlan {
    /// `processes`, …
    pub backend: String,
    /// The image whose Redis is run; none where no container is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The main group, which every role shares that has none of its own.
    #[serde(flatten)]
    pub main: GroupPlan,
    /// The cache's own group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<GroupPlan>,
    /// The own group of sessions and presence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<GroupPlan>,
    /// Where it is, where somebody else runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalPlan>,
}

impl EnvironmentPlan {
    /// The groups, each by the role that it is named after.
    pub fn groups(&self) -> impl Iterator<Item = (Role, &GroupPlan)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.own(role)?)))
    }

    /// The group in which a role lives: its own, or the main one.
    pub fn home(&self, role: Role) -> (Role, &GroupPlan) {
        self.own(role).map_or((Role::Main, &self.main), |own| (role, own))
    }

    fn own(&self, role: Role) -> Option<&GroupPlan> {
        match role {
            Role::Main => Some(&self.main),
            Role::Cache => self.cache.as_ref(),
            Role::Sessions => self.sessions.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_lives_in_its_own_group_or_in_the_main_one() {
        let plan = EnvironmentPlan {
            backend: "processes".to_owned(),
            image: None,
            main: GroupPlan::example(),
            cache: Some(GroupPlan::example_of_one()),
            sessions: None,
            external: None,
        };
        let named: Vec<Role> = plan.groups().map(|(role, _)| role).collect();
        assert_eq!(named, [Role::Main, Role::Cache]);
        assert_eq!(plan.home(Role::Cache).0, Role::Cache);
        assert_eq!(plan.home(Role::Sessions), (Role::Main, &plan.main));
        assert_eq!((plan.main.nodes(), plan.home(Role::Cache).1.nodes()), (3, 1));
        let text = toml::to_string(&plan).unwrap();
        assert!(text.contains("[cache]\ntopology = \"standalone\""), "{text}");
        assert_eq!(toml::from_str::<EnvironmentPlan>(&text).unwrap(), plan);
        let wrong = format!("zzz = 1\n{text}");
        assert!(toml::from_str::<EnvironmentPlan>(&wrong).is_err(), "a key that nobody reads");
    }
}
