//! Which node has which role now, and so what a target's name means now.

use super::admin::{Admin, ask};
use super::target::Target;
use super::{Environment, GROUP, Member};
use anyhow::{Context, Result, bail, ensure};
use futures_util::future::join_all;
use redis::{Value, cmd, from_redis_value_ref};
use redrill_history::NodeRole;
use std::time::Duration;

/// How long a node or a Sentinel may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// A node's role, by its own account.
///
/// # Errors
/// It does not answer, or not as a node does.
pub(super) async fn role(node: &mut Admin, within: Duration) -> Result<NodeRole> {
    let answer: Vec<Value> = node.ask(&cmd("ROLE"), within).await?;
    let name: String = from_redis_value_ref(answer.first().context("ROLE answered nothing")?)?;
    match name.as_str() {
        "master" => Ok(NodeRole::Master),
        "slave" => Ok(NodeRole::Replica),
        other => bail!("ROLE answered {other}"),
    }
}

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
                Target::Replicas => self.replicas().await,
                Target::Replica(index) => {
                    let replica = self.replicas().await.into_iter().nth(usize::from(*index));
                    vec![replica.with_context(|| format!("no node is {target} now"))?]
                }
            };
            ensure!(!found.is_empty(), "nothing is {target} now");
            names
                .extend(found.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        Ok(names)
    }

    /// The node that is master now; where several say so, the one that most Sentinels name.
    ///
    /// # Errors
    /// No node is.
    pub async fn master(&self) -> Result<&Member> {
        let roles = self.roles().await;
        let masters = self.nodes.iter().zip(&roles);
        let masters: Vec<&Member> =
            masters.filter(|(_, role)| **role == NodeRole::Master).map(|(node, _)| node).collect();
        if let [master] = masters[..] {
            return Ok(master);
        }
        let named = self.named_masters().await;
        let votes = |port: u16| named.iter().filter(|named| **named == port).count();
        let best = masters.into_iter().max_by_key(|node| votes(node.announced.port()));
        best.context("no node is master now")
    }

    /// The role of every node, by number.
    pub async fn roles(&self) -> Vec<NodeRole> {
        let ask = async |node: &Member| {
            let role = role(&mut Admin::new(node.direct), ANSWER_WITHIN).await;
            role.unwrap_or(NodeRole::Down)
        };
        join_all(self.nodes.iter().map(ask)).await
    }

    async fn replicas(&self) -> Vec<String> {
        let roles = self.roles().await;
        let replicas = self.nodes.iter().zip(roles);
        let replicas = replicas.filter(|(_, role)| *role == NodeRole::Replica);
        replicas.map(|(node, _)| node.name.clone()).collect()
    }

    /// The instances of the target that were started.
    fn servers(&self) -> Vec<String> {
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
