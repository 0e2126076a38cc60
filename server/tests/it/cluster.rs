//! A Redis Cluster for tests.

use crate::redis::{Node, free_port, wait_for};

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
        let start = |_| {
            let bus = free_port();
            Node::with(&format!(
                "cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout {timeout}\n\
                 repl-diskless-sync-delay 0\ncluster-allow-replica-migration no\n"
            ))
        };
        let nodes: Vec<Node> = (0..MASTERS * (1 + replicas)).map(start).collect();
        for (index, master) in nodes[..MASTERS].iter().enumerate() {
            let (first, last) = (BOUNDS[index], BOUNDS[index + 1] - 1);
            done(master, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
        }
        for (index, node) in nodes.iter().enumerate() {
            done(node, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            let (port, bus) = (nodes[0].port, bus(&nodes[0]));
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
        let address = |node: &Node| format!("127.0.0.1:{}", node.port);
        self.nodes.iter().map(address).collect::<Vec<_>>().join(",")
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
