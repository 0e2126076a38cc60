//! The facts of one node.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::metrics::field_of;

/// What a node was found to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) address: String,
    /// The roles that live here.
    pub(super) roles: Vec<&'static str>,
    /// What `replicas:N` demands of the node that has the queues.
    pub(super) replicas_wanted: u32,
    /// How long each `PING` took, shortest first.
    pub(super) pings: Vec<Duration>,
    pub(super) info: String,
    /// Nothing where `CONFIG` is not permitted.
    pub(super) config: Option<BTreeMap<String, String>>,
    /// Nothing where `SLOWLOG` is not permitted.
    pub(super) slow: Option<Vec<Slow>>,
    pub(super) keys: Keys,
}

/// An entry of the slow log.
#[derive(Debug, Clone)]
pub(super) struct Slow {
    pub(super) age: Duration,
    pub(super) took: Duration,
    /// The command's name and its first argument.
    pub(super) command: String,
}

/// What a walk through the keys has seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    pub(super) seen: u64,
    /// All of them were seen.
    pub(super) complete: bool,
    /// The largest key and its bytes.
    pub(super) largest: Option<(String, u64)>,
    /// Why there is nothing to say.
    pub(super) failed: Option<String>,
}

impl Node {
    /// A field of `INFO` as text; empty where it is not there.
    pub(super) fn text(&self, field: &str) -> &str {
        field_of(&self.info, field).unwrap_or_default()
    }

    /// A field of `INFO` as a number.
    pub(super) fn number(&self, field: &str) -> Option<u64> {
        self.text(field).parse().ok()
    }

    /// A setting of the node.
    pub(super) fn set(&self, name: &str) -> Option<&str> {
        self.config.as_ref()?.get(name).map(String::as_str)
    }

    /// Do jobs, limits or sessions live here, which nothing can make again?
    pub(super) fn is_store(&self) -> bool {
        self.roles.iter().any(|role| *role != "cache")
    }
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
