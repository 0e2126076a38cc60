//! When groups are ready: what each topology asks for is so on every node and Sentinel.

use super::admin::{Admin, info_fields};
use super::group::Group;
use super::member::Member;
use super::topology::Topology;
use anyhow::{Result, bail};
use redis::cmd;
use redrill_history::Role;
use redrill_history::clock::instant_now;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

/// When to give up. It takes 2.5 s on an idle machine of 2 cores; this is for a busy one.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(30);
/// How long one answer may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A group as it is looked at from around the proxies.
pub struct View {
    pub(super) role: Role,
    pub(super) known_as: String,
    pub(super) masters: u8,
    pub(super) nodes: Vec<(String, Admin)>,
    pub(super) sentinels: Vec<(String, Admin)>,
    /// Where the nodes of a cluster are to each other, and their buses.
    pub(super) peers: Vec<(SocketAddr, SocketAddr)>,
    topology: &'static dyn Topology,
}

/// Waits until all groups are ready.
///
/// # Errors
/// Says what was missing when the time was up.
pub(super) async fn wait(groups: &[Group]) -> Result<()> {
    let mut views: Vec<View> = groups.iter().map(Group::view).collect();
    wait_until(&mut views, async |view| view.missing().await).await
}

/// Waits until nothing is missing in any of the groups.
pub(super) async fn wait_until(
    views: &mut [View],
    missing: impl AsyncFn(&mut View) -> Vec<String>,
) -> Result<()> {
    let deadline = instant_now() + READY_WITHIN;
    loop {
        let mut all = Vec::new();
        for view in views.iter_mut() {
            all.extend(missing(view).await);
        }
        if all.is_empty() {
            return Ok(());
        }
        if instant_now() >= deadline {
            bail!(
                "the environment was not ready after 20 s: {}; see the run's logs folder",
                all.join("; ")
            );
        }
        sleep(POLL).await;
    }
}

impl View {
    pub(super) fn new(group: &Group) -> Self {
        let admins = |members: &[Member]| {
            members.iter().map(|it| (it.name.clone(), Admin::new(it.door()))).collect()
        };
        let peer = |node: &Member| Some((node.announced, node.bus.as_ref()?.announced));
        Self {
            role: group.role,
            known_as: group.known_as.clone(),
            peers: group.nodes.iter().filter_map(peer).collect(),
            masters: group.plan.masters,
            nodes: admins(&group.nodes),
            sentinels: admins(&group.sentinels),
            topology: group.topology,
        }
    }

    /// What is missing for the group to be ready.
    pub(super) async fn missing(&mut self) -> Vec<String> {
        self.topology.missing(self).await
    }

    /// The replicas whose link is not up, as the replica and its master see it, and masters that
    /// are too many or too few.
    pub(super) async fn missing_links(&mut self) -> Links {
        let mut links = Links::default();
        let (mut masters, mut known, mut online) = (Vec::new(), 0, 0);
        for (name, node) in &mut self.nodes {
            match replication(node).await {
                Ok(fields) if fields.get("role").is_some_and(|role| role == "master") => {
                    masters.push(name.clone());
                    known += count(&fields, "ip=");
                    online += count(&fields, "state=online");
                }
                Ok(fields) => {
                    if fields.get("master_link_status").is_none_or(|status| status != "up") {
                        links.down += 1;
                        links.missing.push(format!("{name} has no link to its master"));
                    }
                }
                Err(error) => {
                    links.down += 1;
                    links.missing.push(format!("{name}: {error:#}"));
                }
            }
        }
        let (role, wanted) = (self.role, usize::from(self.masters));
        let replicas = self.nodes.len() - wanted;
        if masters.len() != wanted {
            let who = if masters.is_empty() { "none".to_owned() } else { masters.join(", ") };
            links.missing.push(format!(
                "the masters among {role}'s nodes are {who} (INFO replication), and the plan has \
                 {wanted}"
            ));
        // That a master misses those that are down follows.
        } else if online > replicas || online + links.down < replicas {
            links.missing.push(format!(
                "{} knows {known} replicas, {online} of them online (INFO replication), and the \
                 plan has {replicas}",
                masters.join(", ")
            ));
        }
        links
    }
}

/// The links of a group's nodes.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// How many are without one, which their master and the Sentinels see, too.
    pub(super) down: usize,
    /// What is missing.
    pub(super) missing: Vec<String>,
}

/// A node's `INFO replication`.
pub(super) async fn replication(node: &mut Admin) -> Result<BTreeMap<String, String>> {
    let info: String = node.ask(cmd("INFO").arg("replication"), ANSWER_WITHIN).await?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(info_fields(&info).into_iter().map(owned).collect())
}

/// The `slave0`, `slave1`, … with this in their value.
pub(super) fn count(fields: &BTreeMap<String, String>, part: &str) -> usize {
    let replicas = fields.iter().filter(|(name, _)| {
        name.strip_prefix("slave").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
    });
    replicas.filter(|(_, value)| value.contains(part)).count()
}
