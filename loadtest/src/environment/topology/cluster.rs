//! Cluster: masters that each hold a part of the slots, and replicas of each.
//!
//! Nodes announce their proxies, that of the bus on which they talk to each other too, so that they
//! can be cut apart. They are introduced one by one here: `redis-cli --cluster create` would need a
//! program that is not everywhere. Ready is: every node finds the cluster well and every slot
//! served, sees all the others in their roles, and the replication links are up.

use super::{Size, Sizes, Topology};
use crate::environment::admin::{ask, info_fields};
use crate::environment::group::{Ground, Group};
use crate::environment::member::{Member, Part};
use crate::environment::ready::{ANSWER_WITHIN, View, wait_until};
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};
use redis::{Cmd, cmd};
use std::collections::BTreeMap;

/// The slots of a cluster (Redis' `cluster.h`).
const SLOTS: u32 = 16_384;

pub(super) struct Cluster;

impl Topology for Cluster {
    fn name(&self) -> &'static str {
        "cluster"
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            // With fewer than three no majority is left to agree that one is down.
            masters: Size { least: 3, most: 5, default: 3 },
            replicas: Size { least: 1, most: 2, default: 1 },
            sentinels: Size::only(0),
        }
    }

    fn has_bus(&self) -> bool {
        true
    }

    fn start<'a>(&self, group: &'a mut Group, ground: &'a Ground<'_>) -> BoxFuture<'a, Result<()>> {
        start(group, ground).boxed()
    }

    fn missing<'a>(&self, view: &'a mut View) -> BoxFuture<'a, Vec<String>> {
        missing(view).boxed()
    }
}

/// The first nodes are masters; the others are their replicas, by turns.
async fn start(group: &mut Group, ground: &Ground<'_>) -> Result<()> {
    ground.start_all(&mut group.nodes, Part::Node(&group.plan, None)).await?;
    let masters = group.first_masters();
    let share = |index: usize| {
        let bound = |index: usize| SLOTS * u32::try_from(index).unwrap_or(0) / masters.len() as u32;
        (bound(index), bound(index + 1) - 1)
    };
    try_join_all(masters.iter().enumerate().map(async |(index, master)| {
        let (first, last) = share(index);
        tell(master, cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last)).await?;
        // Each an epoch of its own: nodes that share one would have to settle that first.
        tell(master, cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(index + 1)).await
    }))
    .await?;
    wait_until(&mut [group.view()], async |view| introduce(view).await).await?;
    let replicas = group.nodes.iter().skip(masters.len()).zip(masters.iter().cycle());
    try_join_all(replicas.map(async |(replica, master)| {
        let id: String = ask(master.direct, cmd("CLUSTER").arg("MYID"), ANSWER_WITHIN).await?;
        tell(replica, cmd("CLUSTER").arg("REPLICATE").arg(id)).await
    }))
    .await
    .map(drop)
}

async fn tell(node: &Member, command: &Cmd) -> Result<()> {
    let answer: String = ask(node.direct, command, ANSWER_WITHIN).await?;
    ensure!(answer == "OK", "{} answered {answer}", node.name);
    Ok(())
}

/// Has the first node meet those that it does not list, again where a busy machine let a handshake
/// lapse. Returns the nodes that do not know all others yet.
async fn introduce(view: &mut View) -> Vec<String> {
    let (name, first) = &mut view.nodes[0];
    let listed = first.ask::<String>(cmd("CLUSTER").arg("NODES"), ANSWER_WITHIN).await;
    for (announced, bus) in &view.peers {
        let Ok(listed) = &listed else { return vec![format!("{name} does not list its peers")] };
        if listed.contains(&format!(" {announced}@")) {
            continue;
        }
        let mut meet = cmd("CLUSTER");
        meet.arg("MEET").arg(announced.ip().to_string()).arg(announced.port()).arg(bus.port());
        if let Err(error) = first.ask::<String>(&meet, ANSWER_WITHIN).await {
            return vec![format!("{name} does not meet {announced}: {error:#}")];
        }
    }
    let all = view.nodes.len();
    each(view, |seen| {
        let known = seen.iter().filter(|node| node.is_linked).count();
        (known != all).then(|| format!("reaches {known} of {all} nodes"))
    })
    .await
}

async fn missing(view: &mut View) -> Vec<String> {
    let (masters, all) = (usize::from(view.masters), view.nodes.len());
    let mut missing = view.missing_links().await.missing;
    for (name, node) in &mut view.nodes {
        let info = node.ask::<String>(cmd("CLUSTER").arg("INFO"), ANSWER_WITHIN).await;
        match info.map(|info| not_well(&info)) {
            Ok(None) => {}
            Ok(Some(what)) => missing.push(format!("{name} {what}")),
            Err(error) => missing.push(format!("{name}: {error:#}")),
        }
    }
    missing.extend(
        each(view, |seen| {
            let well = seen.iter().filter(|node| node.is_linked).count();
            let owners = seen.iter().filter(|node| node.is_master && node.has_slots).count();
            let replicas = seen.iter().filter(|node| !node.is_master).count();
            let as_planned = (well, owners, replicas) == (all, masters, all - masters);
            (!as_planned || seen.len() != all).then(|| {
                format!("sees {well} nodes, {owners} masters with slots, {replicas} replicas")
            })
        })
        .await,
    );
    missing
}

/// What each node makes of its peers, itself among them, put to a question.
async fn each(view: &mut View, wrong: impl Fn(&[Seen]) -> Option<String>) -> Vec<String> {
    let mut all = Vec::new();
    for (name, node) in &mut view.nodes {
        match node.ask::<String>(cmd("CLUSTER").arg("NODES"), ANSWER_WITHIN).await {
            Ok(nodes) => all.extend(wrong(&seen(&nodes)).map(|what| format!("{name} {what}"))),
            Err(error) => all.push(format!("{name}: {error:#}")),
        }
    }
    all
}

/// Why a node does not find its cluster well, by its `CLUSTER INFO`.
fn not_well(info: &str) -> Option<String> {
    let fields: BTreeMap<&str, &str> = info_fields(info);
    let served = SLOTS.to_string();
    let wanted = [("cluster_state", "ok"), ("cluster_slots_ok", served.as_str())];
    let wrong = wanted.into_iter().find(|(name, value)| fields.get(name) != Some(value));
    wrong.map(|(name, _)| format!("says {name}:{}", fields.get(name).unwrap_or(&"")))
}

/// A node as another sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    is_master: bool,
    is_linked: bool,
    has_slots: bool,
}

/// Reads an answer to `CLUSTER NODES`.
fn seen(nodes: &str) -> Vec<Seen> {
    let read = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, flags, _, _, _, _, link, slots @ ..] = &words[..] else { return None };
        let is = |flag: &str| flags.split(',').any(|each| each == flag);
        let is_doubted = ["fail", "fail?", "handshake", "noaddr"].into_iter().any(is);
        Some(Seen {
            is_master: is("master"),
            is_linked: *link == "connected" && !is_doubted,
            has_slots: !slots.is_empty(),
        })
    };
    nodes.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_tells_how_it_sees_its_peers() {
        let told = "aa 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-8191\n\
                    bb 127.0.0.1:3@4 master,fail? - 0 0 2 connected 8192-16383\n\
                    cc 127.0.0.1:5@6 slave aa 0 0 1 connected\n\
                    dd 127.0.0.1:7@8 handshake - 0 0 0 disconnected\n\n";
        let node = |is_master, is_linked, has_slots| Seen { is_master, is_linked, has_slots };
        let expected = [
            node(true, true, true),
            node(true, false, true),
            node(false, true, false),
            node(false, false, false),
        ];
        assert_eq!(seen(told), expected);
    }

    #[test]
    fn a_cluster_is_well_when_it_serves_every_slot() {
        let info = "cluster_state:ok\r\ncluster_slots_ok:16384\r\n";
        assert_eq!(not_well(info), None);
        let holes = info.replace("16384", "10923");
        assert_eq!(not_well(&holes).as_deref(), Some("says cluster_slots_ok:10923"));
        assert_eq!(not_well("").as_deref(), Some("says cluster_state:"));
    }
}
