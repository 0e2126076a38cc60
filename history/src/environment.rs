//! What a run ran on: `environment.json`.

use serde::{Deserialize, Serialize};

/// The machine, the versions and the processes of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFacts {
    /// When the run began, RFC 3339 in UTC.
    pub began: String,
    /// Milliseconds since 1970 (UTC) at the zero of the run's clock.
    pub wall_origin_ms: u64,
    /// Logical processors.
    pub cores: u32,
    /// Kernel name and release.
    pub kernel: String,
    /// Version of the Redis server.
    pub redis: String,
    /// Every process that the harness started, in order.
    pub processes: Vec<ProcessFacts>,
    /// Every node and Sentinel that somebody else runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<FoundFacts>,
}

/// A node or Sentinel that the harness did not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFacts {
    /// `node[0]`, `sentinel[1]`.
    pub name: String,
    /// The address it listens on.
    pub address: String,
    /// The address that others use: its proxy's.
    pub announced: String,
    /// The proxy's name.
    pub proxy: String,
}

/// One process of the environment or the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// `node[0]`, `sentinel[1]`, `server[0]`, `proxy`.
    pub name: String,
    /// Process id at the start.
    pub pid: u32,
    /// The address it listens on.
    pub address: String,
    /// The address that others use: its proxy's.
    pub announced: Option<String>,
    /// The source address of its own connections.
    pub source: Option<String>,
}

/// What a process is by its name: `node` of `node[0]` and of `cache.node[0]`.
pub fn process_kind(name: &str) -> &str {
    let kind = name.split('[').next().unwrap_or_default();
    kind.rsplit('.').next().unwrap_or_default()
}
