//! A cluster on real parts: its nodes know each other by their proxies, replace a master that is
//! killed or cut off, and serve the other shards meanwhile.

use crate::environment::{Stage, ask, eventually, tell};
use crate::faults::{HARNESS, SECOND, planned, windows};
use redrill::environment::Member;
use redrill_history::{EnvironmentPlan, GroupPlan, NodeRole, PlannedFault, ResolvedPlan};
use std::future::pending;

/// Three masters, each with a replica.
pub(crate) fn cluster() -> EnvironmentPlan {
    let shape = GroupPlan { masters: 3, replicas: 1, ..GroupPlan::example_of_one() };
    let main = GroupPlan { topology: "cluster".to_owned(), ..shape };
    EnvironmentPlan { main, ..ResolvedPlan::example().environment }
}

/// Sets a key in the shard of a node, through its proxy.
async fn set_on(node: &Member) -> Option<String> {
    for number in 0..100 {
        let key = format!("key{number}");
        let answer = tell(HARNESS, node.announced, &format!("SET {key} value"), SECOND).await?;
        if answer == "+OK\r\n" {
            return Some(key);
        }
        assert!(answer.starts_with("-MOVED"), "{} answered {answer}", node.name);
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_replaces_a_lost_master_and_serves_the_other_shards() {
    let stage = Stage::of(&cluster()).await;
    let environment = &stage.environment;
    let nodes = environment.nodes();
    let [master, replica] = [NodeRole::Master, NodeRole::Replica];
    assert_eq!(environment.roles(), [master, master, master, replica, replica, replica]);
    let told = ask(&nodes[4], "CLUSTER NODES").await;
    for node in nodes {
        assert!(told.contains(&format!(" {}@", node.announced)), "{}: {told}", node.name);
        assert!(!told.contains(&format!(" {}@", node.direct)), "{}: {told}", node.name);
    }
    let key = set_on(&nodes[0]).await.expect("a key of the first shard");
    let is = |node: usize, role| environment.roles()[node] == role;
    eventually("the replica has the key", 5 * SECOND, async || {
        ask(&nodes[3], "DBSIZE").await.starts_with(":1")
    })
    .await;

    let kill = [planned("kill", &["main.master[0]"], Some(6 * SECOND))];
    let watched = async {
        eventually("a dead master", 10 * SECOND, async || is(0, NodeRole::Down)).await;
        while !is(0, replica) {
            for node in &nodes[1..3] {
                assert!(set_on(node).await.is_some(), "{} does not take writes", node.name);
            }
        }
    };
    tokio::join!(stage.play(&kill, pending()), watched);
    assert!(is(3, master) && is(0, replica));
    let value = ask(&nodes[3], &format!("GET {key}")).await;
    assert_eq!(value, "$5\r\nvalue\r\n", "what was replicated is kept");

    let others = ["node[0]", "node[2]", "node[3]", "node[4]", "node[5]"].map(str::to_owned);
    let cut = planned("cut", &["node[1]"], Some(8 * SECOND));
    let cut = [PlannedFault { from: others.into(), ..cut }];
    let promoted = eventually("a replica takes over", 20 * SECOND, async || is(4, master));
    tokio::join!(stage.play(&cut, pending()), promoted);
    eventually("the old master gives in", 20 * SECOND, async || is(1, replica)).await;

    let failover = [planned("failover", &["node[2]"], None)];
    stage.play(&failover, pending()).await;
    eventually("the commanded failover", 20 * SECOND, async || is(5, master) && is(2, replica))
        .await;
    let windows = windows(&stage.strike().await);
    let proofs = ["a connection was refused", "10 of 10 links", "node[5] answered OK"];
    for (window, proof) in windows.iter().zip(proofs) {
        assert!(window.proof.as_ref().unwrap().contains(proof), "{proof} is not in {window:?}");
    }
}
