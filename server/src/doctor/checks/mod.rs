//! The checks: one file each, listed here once.

mod clients;
mod connectivity;
mod eviction;
mod keys;
mod latency;
mod memory;
mod persistence;
mod replication;
mod slow_log;

use super::Opinion;
#[cfg(test)]
use super::State;
use super::node::Node;

/// Something that a node must be.
pub(super) trait Check: Sync {
    /// What it is called in the report.
    fn name(&self) -> &'static str;
    /// How the node is in that respect.
    fn examine(&self, node: &Node) -> Opinion;
}

/// Every check, in the order of the report.
pub(super) const CHECKS: &[&dyn Check] = &[
    &connectivity::Connectivity,
    &latency::Latency,
    &slow_log::SlowLog,
    &keys::Keys,
    &replication::Replication,
    &eviction::Eviction,
    &persistence::Persistence,
    &clients::Clients,
    &memory::Memory,
];

/// What to say where `CONFIG` may not be used.
fn no_config() -> Opinion {
    Opinion::unknown(
        "CONFIG GET is not permitted",
        "permit it to this user (`ACL SETUSER … +config|get`), or look at the provider's console",
    )
}
