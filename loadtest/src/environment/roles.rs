//! Which node has which role now, and so what a target's name means now.

use super::admin::ask;
use super::target::{Target, Which};
use super::{Environment, Group, Member};
use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use redis::cmd;
use redrill_history::clock::instant_now;
use redrill_history::{NodeRole, Role, process_kind};
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
            let found = match target {
                Target::Server(_) | Target::Model | Target::Mail => vec![target.to_string()],
                Target::Servers => self.servers(),
                Target::Redis(role, which) => {
                    let group = self.home(role);
                    let found = self.members_that_are(group, which).await;
                    let found = found.with_context(|| format!("nothing is {target} now"))?;
                    found.into_iter().map(|member| member.name.clone()).collect()
                }
            };
            ensure!(!found.is_empty(), "nothing is {target} now");
            names
                .extend(found.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        Ok(names)
    }

    async fn members_that_are<'a>(
        &self,
        group: &'a Group,
        which: Which,
    ) -> Result<Vec<&'a Member>> {
        let at = |members: Vec<&'a Member>, index: u8| {
            let found = members.into_iter().nth(usize::from(index));
            found.map(|member| vec![member]).context("there are not so many")
        };
        match which {
            Which::All => Ok(group.nodes.iter().collect()),
            Which::Master => Ok(vec![self.master_of(group).await?]),
            Which::MasterAt(index) => at(self.nodes_that_are(group, NodeRole::Master), index),
            Which::Replicas => Ok(self.nodes_that_are(group, NodeRole::Replica)),
            Which::Replica(index) => at(self.nodes_that_are(group, NodeRole::Replica), index),
            Which::Node(index) => at(group.nodes.iter().collect(), index),
            Which::Sentinel(index) => at(group.sentinels.iter().collect(), index),
            Which::Sentinels => Ok(group.sentinels.iter().collect()),
        }
    }

    /// The main group's master; see [`Environment::master_of`].
    ///
    /// # Errors
    /// No node is.
    pub async fn master(&self) -> Result<&Member> {
        self.master_of(self.home(Role::Main)).await
    }

    /// The node that is master now; where several say so, the one that most Sentinels name. Waits a
    /// while for one.
    ///
    /// # Errors
    /// No node is.
    pub async fn master_of<'a>(&self, group: &'a Group) -> Result<&'a Member> {
        let deadline = instant_now() + MASTER_WITHIN;
        let mut masters = self.nodes_that_are(group, NodeRole::Master);
        while masters.is_empty() {
            ensure!(instant_now() < deadline, "no node is master now");
            sleep(Duration::from_millis(20)).await;
            masters = self.nodes_that_are(group, NodeRole::Master);
        }
        if let [master] = masters[..] {
            return Ok(master);
        }
        let named = named_masters(group).await;
        let votes = |port: u16| named.iter().filter(|named| **named == port).count();
        let best = masters.into_iter().max_by_key(|node| votes(node.announced.port()));
        best.context("no node is master now")
    }

    /// The role in which the observer saw each node of the main group last, by number.
    pub fn roles(&self) -> Vec<NodeRole> {
        self.roles_of(self.home(Role::Main))
    }

    /// The role in which the observer saw each node of a group last, by number.
    pub fn roles_of(&self, group: &Group) -> Vec<NodeRole> {
        group.nodes.iter().map(|node| self.observer.role(node)).collect()
    }

    fn nodes_that_are<'a>(&self, group: &'a Group, role: NodeRole) -> Vec<&'a Member> {
        group.nodes.iter().filter(|node| self.observer.role(node) == role).collect()
    }

    /// The instances of the target that were started.
    pub(crate) fn servers(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for process in self.processes.facts() {
            if process_kind(&process.name) == "server" && !names.contains(&process.name) {
                names.push(process.name);
            }
        }
        names
    }
}

/// The port that each answering Sentinel names as the master's.
async fn named_masters(group: &Group) -> Vec<u16> {
    let name = &group.known_as;
    let command = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name).to_owned();
    let asked = group
        .sentinels
        .iter()
        .map(|sentinel| ask::<(String, u16)>(sentinel.door(), &command, ANSWER_WITHIN));
    join_all(asked).await.into_iter().flatten().map(|(_, port)| port).collect()
}
