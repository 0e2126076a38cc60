//! Sentinel: a master, its replicas, and Sentinels that promote one of them when it is gone.
//!
//! Ready is: CKQUORUM on every Sentinel, every Sentinel lists all its peers and replicas, and the
//! replication links are up. CKQUORUM alone says OK too early.

use super::{Size, Sizes, Topology};
use crate::environment::admin::Admin;
use crate::environment::group::{Ground, Group};
use crate::environment::member::Part;
use crate::environment::ready::{ANSWER_WITHIN, Links, View, count, replication, wait_until};
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::cmd;
use std::collections::BTreeMap;

pub(super) struct Sentinel;

impl Topology for Sentinel {
    fn name(&self) -> &'static str {
        "sentinel"
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            masters: Size::only(1),
            replicas: Size { least: 1, most: 5, default: 2 },
            sentinels: Size { least: 3, most: 7, default: 3 },
        }
    }

    fn start<'a>(&self, group: &'a mut Group, ground: &'a Ground<'_>) -> BoxFuture<'a, Result<()>> {
        start(group, ground).boxed()
    }

    fn missing<'a>(&self, view: &'a mut View) -> BoxFuture<'a, Vec<String>> {
        missing(view).boxed()
    }
}

async fn start(group: &mut Group, ground: &Ground<'_>) -> Result<()> {
    let master = group.nodes[0].announced;
    let (first, replicas) = group.nodes.split_at_mut(1);
    ground.start_all(first, Part::Node(&group.plan, None)).await?;
    ground.start_all(replicas, Part::Node(&group.plan, Some(master))).await?;
    wait_until(&mut [group.view()], async |view| missing_replicas(view).await).await?;
    let part = Part::Sentinel(&group.plan, &group.known_as, master);
    ground.start_all(&mut group.sentinels, part).await
}

async fn missing(view: &mut View) -> Vec<String> {
    let Links { down, mut missing } = view.missing_links().await;
    let (replicas, peers) = (view.nodes.len() - 1, view.sentinels.len().saturating_sub(1));
    let planned = Planned { replicas, down, peers };
    for (name, sentinel) in &mut view.sentinels {
        let sees = sees(sentinel, &view.known_as, &planned).await;
        missing.extend(sees.into_iter().map(|what| format!("{name} {what}")));
    }
    missing
}

/// What a Sentinel is to know.
struct Planned {
    replicas: usize,
    /// How many of the replicas are known not to be linked.
    down: usize,
    peers: usize,
}

/// Waited for before a Sentinel first asks, for it asks again only after 10 s: the first node lists
/// the others as its replicas, in whatever state.
async fn missing_replicas(view: &mut View) -> Vec<String> {
    let replicas = view.nodes.len() - 1;
    let (name, first) = &mut view.nodes[0];
    match replication(first).await.map(|fields| count(&fields, "ip=")) {
        Ok(listed) if listed == replicas => Vec::new(),
        Ok(listed) => vec![format!("{name} lists {listed} of {replicas} replicas")],
        Err(error) => vec![format!("{name}: {error:#}")],
    }
}

/// What is missing in one Sentinel's view, but for what follows from what is missing elsewhere.
async fn sees(sentinel: &mut Admin, group: &str, planned: &Planned) -> Vec<String> {
    let Planned { replicas, down, peers } = *planned;
    let mut missing = Vec::new();
    for (list, what, wanted, down) in
        [("SENTINELS", "other Sentinels", peers, 0), ("REPLICAS", "replicas", replicas, down)]
    {
        let command = cmd("SENTINEL").arg(list).arg(group).to_owned();
        let answer = sentinel.ask::<Vec<BTreeMap<String, String>>>(&command, ANSWER_WITHIN).await;
        match answer {
            Ok(entries) => {
                let (good, all) =
                    (entries.iter().filter(|it| is_reached(it)).count(), entries.len());
                if good + down < wanted || all != wanted {
                    let plan = format!("and the plan has {wanted}");
                    missing.push(format!("knows {all} {what}, reaches {good} of them, {plan}"));
                }
            }
            Err(error) => return vec![format!("does not list its {what}: {error:#}")],
        }
        // Without its peers it has no quorum.
        if missing.is_empty() && list == "SENTINELS" {
            let quorum = cmd("SENTINEL").arg("CKQUORUM").arg(group).to_owned();
            if let Err(error) = sentinel.ask::<String>(&quorum, ANSWER_WITHIN).await {
                missing.push(format!("has no quorum: {}", error.root_cause()));
            }
        }
    }
    missing
}

/// Whether a Sentinel reaches what it lists, and a replica its master.
fn is_reached(entry: &BTreeMap<String, String>) -> bool {
    let flags = entry.get("flags").map_or("", String::as_str);
    let is_down = ["s_down", "o_down", "disconnected"].iter().any(|flag| flags.contains(flag));
    !is_down && entry.get("master-link-status").is_none_or(|status| status == "ok")
}
