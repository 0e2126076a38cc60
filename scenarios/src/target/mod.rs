//! The service under test, as its target file describes it: which calls exercise a capability, how
//! to read the answers, and how to start an instance.

mod call;
mod template;

pub use call::{Answer, Call};
pub use template::{Values, fill, fill_variable};

use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A target file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// The target's name.
    pub name: String,
    /// One sentence: what service it is.
    pub about: String,
    /// How to start an instance.
    pub start: Start,
    /// Where every answer tells more than its call asked for.
    #[serde(default)]
    pub everywhere: Everywhere,
    /// The calls by `<capability>.<operation>`: `[call."sessions.login"]`.
    pub call: BTreeMap<String, Call>,
    /// The WebSocket of presence.
    pub socket: Option<Socket>,
}

/// How to start an instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Program and arguments; `{redrill}` is the harness's own program.
    pub command: Vec<String>,
    /// The path that answers 200 when an instance is ready.
    pub ready: String,
    /// The environment's addresses and the plan's promises as the service's variables. One that is
    /// only a placeholder without a value (Sentinels where there are none) is left out.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// What any answer may tell.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Everywhere {
    /// Where the run id of the acknowledging Redis node stands: `header:X-Redis-Node`.
    pub node: Option<String>,
    /// The mark of an answer that promises that nothing was done: `header:X-Outcome=refused`.
    pub refused: Option<String>,
    /// The mark of an answer that was made without Redis: `header:X-Degraded`.
    pub degraded: Option<String>,
}

/// The WebSocket of presence: JSON text frames.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// The path.
    pub path: String,
    /// The frame that makes a user online.
    pub online: serde_json::Value,
    /// The frame that acknowledges it, by what must stand where.
    pub acknowledged: BTreeMap<String, String>,
    /// The frame that tells of another user, by what must stand where.
    pub status: BTreeMap<String, String>,
    /// Where such a frame names the user.
    pub status_user: String,
    /// Where it says `online` or `offline`.
    pub status_value: String,
    /// Where it numbers the user's changes.
    pub status_seq: Option<String>,
}

/// A target whose instances run.
#[derive(Debug)]
pub struct Target {
    /// The file.
    pub file: TargetFile,
    bases: Vec<String>,
    timeout: Duration,
}

/// Operations that a capability needs of a target file.
pub const NEEDED: &[(&str, &[&str])] = &[
    ("cache", &["cache.generate"]),
    ("sessions", &["sessions.login", "sessions.write", "sessions.read", "sessions.logout"]),
    ("limiter", &["limiter.hit"]),
    ("queue", &["queue.submit", "queue.status"]),
    ("presence", &["presence.lookup"]),
];

impl TargetFile {
    /// Reads a target file.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The operations of a capability that the file does not map.
    pub fn missing(&self, capability: &str) -> Vec<&'static str> {
        let needed = NEEDED.iter().find(|(name, _)| *name == capability);
        let needed = needed.map_or(&[][..], |(_, operations)| *operations);
        let mut missing: Vec<_> =
            needed.iter().copied().filter(|name| !self.call.contains_key(*name)).collect();
        if capability == "presence" && self.socket.is_none() {
            missing.push("socket");
        }
        missing
    }
}

impl Target {
    /// A target with an instance at each of `addresses` (`host:port`).
    pub fn new(file: TargetFile, addresses: &[String], timeout: Duration) -> Self {
        let bases = addresses.iter().map(|address| format!("http://{address}")).collect();
        Self { file, bases, timeout }
    }

    /// Number of instances.
    pub fn instances(&self) -> usize {
        self.bases.len()
    }

    /// The URL of a path at an instance.
    pub fn url(&self, instance: u8, path: &str) -> String {
        let base = self.bases.get(usize::from(instance)).map_or("", String::as_str);
        format!("{base}{path}")
    }

    /// When a virtual user gives an answer up.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}
