//! A Redis Cluster for tests.

use crate::redis::{Node, free_port, wait_for};
use crate::security::Security;

/// Three masters and their replicas.
pub(crate) struct Cluster {
    /// The masters at the start, then the replicas in the same order.
    pub(crate) nodes: Vec<Node>,
}

const MASTERS: usize = 3;
/// The last slot of each master, and what comes before the first.
const BOUNDS: [u32; MASTERS + 1] = [0, 5461, 10923, 16384];

impl Cluster {
    /// With so many replicas a master. A master is taken for dead after `timeout` ms.
    pub(crate) fn start(replicas: usize, timeout: u32) -> Self {
        Self::guarded(None, replicas, timeout)
    }

    pub(crate) fn guarded(security: Option<&Security>, replicas: usize, timeout: u32) -> Self {
        let start = |_| {
            let bus = free_port();
            let config = format!(
                "cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout {timeout}\n\
                 repl-diskless-sync-delay 0\ncluster-allow-replica-migration no\n"
            );
            Node::guarded(security, &config, &[])
        };
        let nodes: Vec<Node> = (0..MASTERS * (1 + replicas)).map(start).collect();
        for (index, master) in nodes[..MASTERS].iter().enumerate() {
            let (first, last) = (BOUNDS[index], BOUNDS[index + 1] - 1);
            done(master, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
        }
        for (index, node) in nodes.iter().enumerate() {
            done(node, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            let (port, bus) = (nodes[0].public, bus(&nodes[0]));
            done(node, &format!("CLUSTER MEET 127.0.0.1 {port} {bus}"));
        }
        let cluster = Self { nodes };
        wait_for("the cluster to be complete", || {
            cluster.nodes.iter().all(|node| {
                let info = node.ask("CLUSTER INFO").unwrap_or_default();
                let known = format!("cluster_known_nodes:{}\r", cluster.nodes.len());
                info.contains("cluster_state:ok") && info.contains(&known)
            })
        });
        for (index, replica) in cluster.nodes.iter().enumerate().skip(MASTERS) {
            let id = cluster.nodes[index % MASTERS].ask("CLUSTER MYID").unwrap_or_default();
            done(replica, &format!("CLUSTER REPLICATE {}", id.trim()));
        }
        wait_for("the replicas to be in step and known", || {
            cluster.nodes.iter().enumerate().all(|(index, node)| {
                let info = node.ask("INFO replication").unwrap_or_default();
                let nodes = node.ask("CLUSTER NODES").unwrap_or_default();
                let slaves = nodes.matches("slave").count();
                let in_step = index < MASTERS || info.contains("master_link_status:up");
                in_step && slaves == cluster.nodes.len() - MASTERS
            })
        });
        cluster
    }

    pub(crate) fn addresses(&self) -> String {
        let address = |node: &Node| format!("127.0.0.1:{}", node.public);
        self.nodes.iter().map(address).collect::<Vec<_>>().join(",")
    }

    /// Moves the slot of `key` to the next master, as `redis-cli --cluster reshard` does, with a
    /// pause in which some of its keys are on either side.
    pub(crate) async fn move_slot_of(&self, key: &str) {
        let slot: u16 = self.tell(0, redis::cmd("CLUSTER").arg("KEYSLOT").arg(key)).await;
        let from = self.owner_of(slot).await;
        let to = (from + 1) % MASTERS;
        let ids = [self.id(from).await, self.id(to).await];
        let set = |what: &str, id: &str| {
            redis::cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(what).arg(id).to_owned()
        };
        self.tell::<()>(to, &set("IMPORTING", &ids[0])).await;
        self.tell::<()>(from, &set("MIGRATING", &ids[1])).await;
        let get = redis::cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(3).to_owned();
        loop {
            let keys: Vec<String> = self.tell(from, &get).await;
            if keys.is_empty() {
                break;
            }
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(self.nodes[to].port).arg("").arg(0).arg(5000);
            self.tell::<()>(from, migrate.arg("KEYS").arg(&keys)).await;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        for place in
            [to, from].into_iter().chain((0..MASTERS).filter(|it| ![to, from].contains(it)))
        {
            self.tell::<()>(place, &set("NODE", &ids[1])).await;
        }
    }

    async fn owner_of(&self, slot: u16) -> usize {
        let nodes: String = self.tell(0, redis::cmd("CLUSTER").arg("NODES")).await;
        let has = |line: &&str| {
            line.split(' ').skip(8).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let bounds = (first.parse::<u16>(), last.parse::<u16>());
                matches!(bounds, (Ok(first), Ok(last)) if (first..=last).contains(&slot))
            })
        };
        let line = nodes.lines().find(has).expect("each slot has an owner");
        let port = line.split([' ', '@']).nth(1).and_then(|address| address.rsplit(':').next());
        let port = port.and_then(|port| port.parse().ok());
        self.nodes.iter().position(|node| Some(node.port) == port).expect("one of these")
    }

    async fn id(&self, place: usize) -> String {
        self.tell(place, redis::cmd("CLUSTER").arg("MYID")).await
    }

    async fn tell<T: redis::FromRedisValue>(&self, place: usize, cmd: &redis::Cmd) -> T {
        let url = format!("redis://127.0.0.1:{}/", self.nodes[place].port);
        let client = redis::Client::open(url).expect("a good URL");
        let mut connection =
            client.get_multiplexed_async_connection().await.expect("a node answers");
        cmd.query_async(&mut connection).await.expect("a good answer")
    }
}

fn bus(node: &Node) -> String {
    let nodes = node.ask("CLUSTER NODES").unwrap_or_default();
    let bus = nodes.split('@').nth(1).and_then(|rest| rest.split([' ', ',']).next());
    bus.expect("a node knows its bus port").to_owned()
}

fn done(node: &Node, command: &str) {
    assert_eq!(node.ask(command).as_deref(), Some("+OK\r\n"), "{command}");
}
