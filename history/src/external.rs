//! Nodes, Sentinels and proxies that somebody else runs.

use crate::Role;
use serde::{Deserialize, Serialize};

/// Where an environment is that the harness did not start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalPlan {
    /// `host:port` of the API of the Toxiproxy that stands before all nodes and Sentinels.
    pub toxiproxy: String,
    /// `toxiproxy`, or `redrill` for a proxy that does more: redrill's own.
    pub proxy: String,
    /// What the service's keys begin with, where the plan says it: nodes that hold other keys are
    /// used only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The main group.
    #[serde(flatten)]
    pub main: ExternalGroup,
    /// The cache's own group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<ExternalGroup>,
    /// The own group of sessions and presence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<ExternalGroup>,
}

/// A group of nodes, and the Sentinels that watch them. Passwords are never here: only the names of
/// the environment variables that hold them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExternalGroup {
    /// `host:port` of each node itself, around the proxies.
    pub nodes: Vec<String>,
    /// `host:port` of each Sentinel itself, around the proxies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentinels: Vec<String>,
    /// The name by which the Sentinels know the group.
    pub master_name: String,
    /// The user on the nodes; the default user where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The variable that holds the nodes' password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_variable: Option<String>,
    /// The variable that holds the Sentinels' password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentinel_password_variable: Option<String>,
}

impl ExternalPlan {
    /// What the keys begin with where the plan does not say.
    pub const PREFIX: &str = "redrill:";

    /// What the service's keys begin with.
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(Self::PREFIX)
    }

    /// The group of its own that a role has.
    pub fn own(&self, role: Role) -> Option<&ExternalGroup> {
        match role {
            Role::Main => Some(&self.main),
            Role::Cache => self.cache.as_ref(),
            Role::Sessions => self.sessions.as_ref(),
        }
    }
}
