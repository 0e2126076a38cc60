//! Which node has which role now, and so what a target's name means now.

use super::admin::ask;
use super::target::Target;
use super::{Environment, GROUP, Member};
use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use redis::cmd;
use redrill_history::NodeRole;
use redrill_history::clock::instant_now;
use std::time::Duration;
use tokio::time::sleep;

/// How long a Sentinel may take to name the master.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How long to wait for a master where there is none, in the middle of a failover.
const MASTER_WITHIN: Duration = Duration::from_secs(5);

impl Environment {
    /// The processes that these targets are now, without repetition, in order of the targets.
    ///
    /// # Errors
    /// A role that no node has now, or a process that was never started.
    pub async fn resolve(&self, targets: &[String]) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for text in targets {
            let target = Target::read(text).with_context(|| format!("no target {text}"))?;
            let found = match &target {
                Target::Node(_) | Target::Sentinel(_) | Target::Server(_) => {
                    vec![target.to_string()]
                }
                Target::Sentinels => self.sentinels.iter().map(|s| s.name.clone()).collect(),
                Target::Servers => self.servers(),
                Target::Master => vec![self.master().await?.name.clone()],
                Target::Replicas => self.replicas(),
                Target::Replica(index) => {
                    let replica = self.replicas().into_iter().nth(usize::from(*index));
                    vec![replica.with_context(|| format!("no node is {target} now"))?]
                }
            };
            ensure!(!found.is_empty(), "nothing is {target} now");
            names
                .extend(found.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        Ok(names)
    }

    /// The node that is master now; where several say so, the one that most Sentinels name. Waits a
    /// while for one.
    ///
    /// # Errors
    /// No node is.
    pub async fn master(&self) -> Result<&Member> {
        let deadline = instant_now() + MASTER_WITHIN;
        let mut masters = self.nodes_that_are(NodeRole::Master);
        while masters.is_empty() {
            ensure!(instant_now() < deadline, "no node is master now");
            sleep(Duration::from_millis(20)).await;
            masters = self.nodes_that_are(NodeRole::Master);
        }
        if let [master] = masters[..] {
            return Ok(master);
        }
        let named = self.named_masters().await;
        let votes = |port: u16| named.iter().filter(|named| **named == port).count();
        let best = masters.into_iter().max_by_key(|node| votes(node.announced.port()));
        best.context("no node is master now")
    }

    /// The role in which the observer saw each node last, by number.
    pub fn roles(&self) -> Vec<NodeRole> {
        self.observer.roles()
    }

    fn nodes_that_are(&self, role: NodeRole) -> Vec<&Member> {
        let nodes = self.nodes.iter().zip(self.roles());
        nodes.filter(|(_, seen)| *seen == role).map(|(node, _)| node).collect()
    }

    fn replicas(&self) -> Vec<String> {
        let replicas = self.nodes_that_are(NodeRole::Replica);
        replicas.into_iter().map(|node| node.name.clone()).collect()
    }

    /// The instances of the target that were started.
    pub(crate) fn servers(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for process in self.processes.facts() {
            if process.name.starts_with("server[") && !names.contains(&process.name) {
                names.push(process.name);
            }
        }
        names
    }

    /// The port that each answering Sentinel names as the master's.
    async fn named_masters(&self) -> Vec<u16> {
        let command = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(GROUP).to_owned();
        let asked = self
            .sentinels
            .iter()
            .map(|sentinel| ask::<(String, u16)>(sentinel.direct, &command, ANSWER_WITHIN));
        join_all(asked).await.into_iter().flatten().map(|(_, port)| port).collect()
    }
}
