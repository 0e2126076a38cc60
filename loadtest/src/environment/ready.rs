//! When the environment is ready: CKQUORUM on every Sentinel, every Sentinel lists all its peers
//! and replicas, and the replication links are up. CKQUORUM alone says OK too early.

use super::admin::{Admin, info_fields};
use super::config::GROUP;
use super::member::Member;
use anyhow::{Result, bail};
use redis::cmd;
use redrill_history::clock::instant_now;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

/// When to give up. It takes 2.5 s on an idle machine of 2 cores; this is for a busy one.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(30);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Waits until the environment is ready.
///
/// # Errors
/// Says what was missing when the time was up.
pub(super) async fn wait(nodes: &[Member], sentinels: &[Member]) -> Result<()> {
    let mut state = State::new(nodes, sentinels);
    wait_until(&mut state, State::missing).await
}

/// Waits until the first node lists the others as its replicas, in whatever state: so much must be
/// so before a Sentinel first asks, for it asks again only after 10 s.
pub(super) async fn wait_for_replicas(nodes: &[Member]) -> Result<()> {
    let mut state = State::new(nodes, &[]);
    wait_until(&mut state, State::missing_replicas).await
}

async fn wait_until(
    state: &mut State,
    missing: impl AsyncFn(&mut State) -> Vec<String>,
) -> Result<()> {
    let deadline = instant_now() + READY_WITHIN;
    loop {
        let missing = missing(state).await;
        if missing.is_empty() {
            return Ok(());
        }
        if instant_now() >= deadline {
            bail!(
                "the environment was not ready after 20 s: {}; see the run's logs folder",
                missing.join("; ")
            );
        }
        sleep(POLL).await;
    }
}

struct State {
    nodes: Vec<(String, Admin)>,
    sentinels: Vec<(String, Admin)>,
}

impl State {
    fn new(nodes: &[Member], sentinels: &[Member]) -> Self {
        let admin = |member: &Member| (member.name.clone(), Admin::new(member.direct));
        Self {
            nodes: nodes.iter().map(admin).collect(),
            sentinels: sentinels.iter().map(admin).collect(),
        }
    }

    /// What is missing for the environment to be ready.
    async fn missing(&mut self) -> Vec<String> {
        let mut missing = self.missing_links().await;
        let (replicas, peers) = (self.nodes.len() - 1, self.sentinels.len().saturating_sub(1));
        for (name, sentinel) in &mut self.sentinels {
            let sees = sentinel_sees(sentinel, replicas, peers).await;
            missing.extend(sees.into_iter().map(|what| format!("{name} {what}")));
        }
        missing
    }

    /// The replicas that the first node does not list.
    async fn missing_replicas(&mut self) -> Vec<String> {
        let replicas = self.nodes.len() - 1;
        match replication(&mut self.nodes[0].1).await {
            Ok(fields) if listed(&fields) == replicas => Vec::new(),
            Ok(fields) => vec![format!("node[0] lists {} of {replicas} replicas", listed(&fields))],
            Err(error) => vec![format!("node[0]: {error:#}")],
        }
    }

    /// The replicas whose link is not up, as the replica and its master see it.
    async fn missing_links(&mut self) -> Vec<String> {
        let mut missing = Vec::new();
        let (mut masters, mut online) = (0, 0);
        for (name, node) in &mut self.nodes {
            match replication(node).await {
                Ok(fields) if fields.get("role").is_some_and(|role| role == "master") => {
                    masters += 1;
                    online += count(&fields, "state=online");
                }
                Ok(fields) => {
                    if fields.get("master_link_status").is_none_or(|status| status != "up") {
                        missing.push(format!("{name} has no link to its master"));
                    }
                }
                Err(error) => missing.push(format!("{name}: {error:#}")),
            }
        }
        let replicas = self.nodes.len() - 1;
        if masters != 1 {
            missing.push(format!("{masters} nodes are masters"));
        } else if online != replicas {
            missing.push(format!("the master has {online} of {replicas} replicas online"));
        }
        missing
    }
}

async fn replication(node: &mut Admin) -> Result<BTreeMap<String, String>> {
    let info: String = node.ask(cmd("INFO").arg("replication"), ANSWER_WITHIN).await?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(info_fields(&info).into_iter().map(owned).collect())
}

fn listed(fields: &BTreeMap<String, String>) -> usize {
    count(fields, "ip=")
}

/// The `slave0`, `slave1`, … with this in their value.
fn count(fields: &BTreeMap<String, String>, part: &str) -> usize {
    let replicas = fields.iter().filter(|(name, _)| {
        name.strip_prefix("slave").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
    });
    replicas.filter(|(_, value)| value.contains(part)).count()
}

/// What is missing in one Sentinel's view.
async fn sentinel_sees(sentinel: &mut Admin, replicas: usize, peers: usize) -> Vec<String> {
    let mut missing = Vec::new();
    let quorum = cmd("SENTINEL").arg("CKQUORUM").arg(GROUP).to_owned();
    if let Err(error) = sentinel.ask::<String>(&quorum, ANSWER_WITHIN).await {
        missing.push(format!("has no quorum: {}", error.root_cause()));
    }
    for (list, what, wanted) in
        [("SENTINELS", "other Sentinels", peers), ("REPLICAS", "replicas", replicas)]
    {
        let command = cmd("SENTINEL").arg(list).arg(GROUP).to_owned();
        let answer = sentinel.ask::<Vec<BTreeMap<String, String>>>(&command, ANSWER_WITHIN).await;
        match answer {
            Ok(entries) => {
                let good = entries.iter().filter(|entry| is_reached(entry)).count();
                if good != wanted || entries.len() != wanted {
                    missing.push(format!("reaches {good} of {wanted} {what}"));
                }
            }
            Err(error) => missing.push(format!("does not list its {what}: {error:#}")),
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
