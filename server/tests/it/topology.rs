//! The three ways in which a role can have its Redis, each started once for all tests.
//!
//! Tests share them and are kept apart by the prefix of their keys and channels. What kills nodes,
//! stops them, or counts their commands has nodes of its own instead.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};

use crate::cluster::Cluster;
use crate::redis::{Group, Node};

/// Longer than any test: what is shared never fails over.
const NEVER_DEAD: u32 = 600_000;

static STANDALONE: LazyLock<Shared> = LazyLock::new(|| {
    let node = Node::start();
    let port = node.port.to_string();
    Shared::of(&["--redis-host", "127.0.0.1", "--redis-port", &port], vec![node], vec![])
});

static SENTINEL: LazyLock<Shared> = LazyLock::new(|| {
    let group = Group::with(NEVER_DEAD);
    let addresses = group.addresses();
    Shared::of(&["--redis-sentinels", &addresses], group.nodes, group.sentinels)
});

static CLUSTER: LazyLock<Shared> = LazyLock::new(|| {
    let cluster = Cluster::start(1, NEVER_DEAD);
    let addresses = cluster.addresses();
    Shared::of(&["--redis-cluster-nodes", &addresses], cluster.nodes, vec![])
});

struct Shared {
    flags: Vec<String>,
    nodes: Vec<Node>,
    _sentinels: Vec<Node>,
    _guard: Child,
}

impl Shared {
    fn of(flags: &[&str], nodes: Vec<Node>, sentinels: Vec<Node>) -> Self {
        let guard = guard(nodes.iter().chain(&sentinels));
        let flags = flags.iter().map(ToString::to_string).collect();
        Self { flags, nodes, _sentinels: sentinels, _guard: guard }
    }
}

/// Nothing drops what is static: a process that ends these nodes when this one is gone, however it
/// ends.
fn guard<'a>(nodes: impl Iterator<Item = &'a Node>) -> Child {
    let script = r#"read -r _; for each; do
        case $each in /*) rm -rf "$each";; *) kill -9 "$each";; esac; done"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "guard"]);
    for node in nodes {
        command.arg(node.id().to_string()).arg(node.folder());
    }
    let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().expect("sh is installed")
}

/// A part of a shared Redis that is one test's own.
pub(crate) struct Place {
    shared: &'static Shared,
    pub(crate) prefix: String,
}

impl Place {
    fn of(shared: &'static Shared) -> Self {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let number = TAKEN.fetch_add(1, Ordering::Relaxed);
        Self { shared, prefix: format!("test{number}:") }
    }

    pub(crate) fn standalone() -> Self {
        Self::of(&STANDALONE)
    }

    pub(crate) fn sentinel() -> Self {
        Self::of(&SENTINEL)
    }

    pub(crate) fn cluster() -> Self {
        Self::of(&CLUSTER)
    }

    /// Another part of the same Redis.
    pub(crate) fn another(&self) -> Self {
        Self::of(self.shared)
    }

    pub(crate) fn flags(&self) -> Vec<String> {
        let prefix = ["--redis-key-prefix".to_owned(), self.prefix.clone()];
        self.shared.flags.iter().cloned().chain(prefix).collect()
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.shared.flags[0] == "--redis-cluster-nodes"
    }

    /// A connection to each node, in a role's database.
    async fn connections(&self, database: u8) -> Vec<MultiplexedConnection> {
        let database = if self.is_cluster() { 0 } else { database };
        let mut all = Vec::new();
        for node in &self.shared.nodes {
            let url = format!("redis://127.0.0.1:{}/{database}", node.port);
            let client = redis::Client::open(url).expect("a good URL");
            all.push(client.get_multiplexed_async_connection().await.expect("a node answers"));
        }
        all
    }

    /// The run ids of the nodes that take writes.
    pub(crate) fn masters(&self) -> BTreeSet<String> {
        let nodes = self.shared.nodes.iter();
        let is_master =
            |node: &&Node| node.ask("INFO replication").unwrap_or_default().contains("role:master");
        nodes.filter(is_master).map(Node::run_id).collect()
    }

    /// Bytes that the nodes which take writes use.
    pub(crate) fn used_memory(&self) -> f64 {
        let mut total = 0.0;
        for node in &self.shared.nodes {
            let replication = node.ask("INFO replication").unwrap_or_default();
            let memory = node.ask("INFO memory").unwrap_or_default();
            let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
            if replication.contains("role:master") {
                total += used.and_then(|it| it.trim().parse::<f64>().ok()).unwrap_or(0.0);
            }
        }
        total
    }

    /// Sends a command to the node that has its key, in a role's database.
    pub(crate) async fn ask<T: FromRedisValue>(&self, database: u8, cmd: &Cmd) -> T {
        for mut connection in self.connections(database).await {
            match cmd.query_async(&mut connection).await {
                Err(error) if matches!(error.code(), Some("MOVED" | "READONLY")) => {}
                answer => return answer.expect("a good answer"),
            }
        }
        panic!("no node has the key of {cmd:?}");
    }

    /// Sends a command to every node.
    pub(crate) async fn tell_all(&self, cmd: &Cmd) {
        for mut connection in self.connections(0).await {
            cmd.query_async::<redis::Value>(&mut connection).await.expect("a good answer");
        }
    }

    /// All keys of a role's database that begin so.
    async fn keys_of(&self, database: u8, start: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for mut connection in self.connections(database).await {
            let role: redis::Value =
                redis::cmd("ROLE").query_async(&mut connection).await.expect("a role");
            if !format!("{role:?}").contains("master") {
                // A replica may be a little behind.
                continue;
            }
            let keys = redis::cmd("KEYS").arg(format!("{start}*")).to_owned();
            all.extend(keys.query_async::<Vec<String>>(&mut connection).await.expect("keys"));
        }
        all
    }

    /// All keys of this place in a role's database, without the prefix.
    pub(crate) async fn keys(&self, database: u8) -> BTreeSet<String> {
        let keys = self.keys_of(database, &self.prefix).await.into_iter();
        keys.map(|key| key[self.prefix.len()..].to_owned()).collect()
    }

    /// Keys that are of no place: there are none, since every test has one.
    pub(crate) async fn strangers(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for database in 0..3 {
            all.extend(self.keys_of(database, "").await);
        }
        all.retain(|key| !key.starts_with("test"));
        all
    }

    /// Deletes all of them.
    pub(crate) async fn forget(&self, database: u8) {
        for key in self.keys(database).await {
            let key = format!("{}{key}", self.prefix);
            self.ask::<()>(database, redis::cmd("UNLINK").arg(key)).await;
        }
    }
}

/// Makes of each test, which takes a [`Place`], three.
macro_rules! on_each_topology {
    ($($test:ident),+ $(,)?) => {
        on_each_topology!(@ standalone: $($test),+);
        on_each_topology!(@ sentinel: $($test),+);
        on_each_topology!(@ cluster: $($test),+);
    };
    (@ $topology:ident: $($test:ident),+) => {
        mod $topology {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::topology::Place::$topology()).await;
            })+
        }
    };
}
pub(crate) use on_each_topology;
