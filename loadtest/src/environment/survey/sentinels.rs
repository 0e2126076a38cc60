//! Whether the Sentinels know the group by the plan's name and numbers, and by its proxies: a
//! service goes where they send it, and no fault would act on one that is sent around the proxies.

use super::address;
use super::announced::{Known, places};
use super::complaints::{Complaints, listed};
use crate::environment::Group;
use crate::environment::admin::Admin;
use crate::environment::member::Member;
use crate::environment::ready::ANSWER_WITHIN;
use anyhow::Result;
use redis::cmd;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What is told of the nodes and the Sentinels already, from which other things follow.
pub(super) struct Told {
    pub(super) nodes: Known,
    pub(super) sentinels: Known,
}

/// Notes what is wrong with what the Sentinels that answer know.
pub(super) async fn check(
    group: &Group,
    sentinels: &[&Member],
    told: &Told,
    complaints: &mut Complaints,
) {
    for sentinel in sentinels {
        let mut view =
            Seen { group, told, name: &sentinel.name, admin: Admin::new(sentinel.door()) };
        if let Err(error) = view.check(complaints).await {
            complaints.add(&sentinel.name, format!("{error:#}"));
        }
    }
}

/// The group as one Sentinel sees it.
struct Seen<'a> {
    group: &'a Group,
    told: &'a Told,
    name: &'a str,
    admin: Admin,
}

impl Seen<'_> {
    async fn check(&mut self, complaints: &mut Complaints) -> Result<()> {
        let known_as = &self.group.known_as;
        let command = cmd("SENTINEL").arg("MASTER").arg(known_as).to_owned();
        let master: Result<BTreeMap<String, String>> =
            self.admin.ask(&command, ANSWER_WITHIN).await;
        let Ok(master) = master else {
            let known: Vec<BTreeMap<String, String>> =
                self.admin.ask(cmd("SENTINEL").arg("MASTERS"), ANSWER_WITHIN).await?;
            let known: Vec<String> =
                known.into_iter().filter_map(|mut master| master.remove("name")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let what = format!(
                "does not know a master {known_as}; it knows {known}: write master_name in \
                 [{}]",
                super::section(self.group.role)
            );
            complaints.add(self.name, what);
            return Ok(());
        };
        self.numbers(&master, complaints);
        self.master(&master, complaints).await?;
        self.replicas(complaints).await?;
        self.peers(complaints).await
    }

    fn numbers(&self, master: &BTreeMap<String, String>, complaints: &mut Complaints) {
        let (known_as, plan) = (&self.group.known_as, &self.group.plan);
        for (key, field, planned) in [
            ("quorum", "quorum", u128::from(plan.quorum)),
            ("down_after", "down-after-milliseconds", plan.down_after.as_millis()),
            ("failover_timeout", "failover-timeout", plan.failover_timeout.as_millis()),
        ] {
            let found = master.get(field).map_or("nothing", String::as_str);
            if found != planned.to_string() {
                let value =
                    if key == "quorum" { found.to_owned() } else { format!("\"{found}ms\"") };
                let what = format!(
                    "{field} is {found} there for {known_as}, and {planned} in the plan: write \
                     {key} = {value} in [{}]",
                    super::settings(self.group.role)
                );
                complaints.add(self.name, what);
            }
        }
    }

    /// Where it monitors the master is its own word: no node's announcement changes it.
    async fn master(
        &self,
        master: &BTreeMap<String, String>,
        complaints: &mut Complaints,
    ) -> Result<()> {
        let (place, address) = address::place(master).await?;
        let nodes = &self.group.nodes;
        if self.told.nodes.bare.contains(&address) || is_proxy(nodes, address) {
            return Ok(());
        }
        let known_as = &self.group.known_as;
        let own = nodes.iter().find(|node| node.direct == address);
        let what = match own {
            Some(node) => format!(
                "monitors {known_as} at {}'s own address, {place}, and not at its proxy's, {}: \
                 SENTINEL REMOVE it, and SENTINEL MONITOR it there",
                node.name, node.announced
            ),
            None => format!(
                "monitors {known_as} at {place}, where no proxy of a node of the plan listens: \
                 SENTINEL REMOVE it, and SENTINEL MONITOR it at its proxy's address"
            ),
        };
        complaints.add(self.name, what);
        Ok(())
    }

    /// Replicas that the plan has no proxy of, and of which nothing is told already.
    async fn replicas(&mut self, complaints: &mut Complaints) -> Result<()> {
        let Group { known_as, nodes, .. } = self.group;
        let listed = places(&mut self.admin, "REPLICAS", known_as).await?;
        let known = &self.told.nodes;
        let what = format!(
            "and [{}] lists {} beside the master: add a node that is missing there by its own \
             address, behind a proxy that it announces, or let SENTINEL RESET {known_as} forget \
             one that is gone",
            super::section(self.group.role),
            counted(nodes.len().saturating_sub(1), "replica")
        );
        self.strangers(&listed, "replica", nodes, known, &what, complaints);
        Ok(())
    }

    /// The same for the other Sentinels.
    async fn peers(&mut self, complaints: &mut Complaints) -> Result<()> {
        let Group { known_as, sentinels, .. } = self.group;
        let listed = places(&mut self.admin, "SENTINELS", known_as).await?;
        let known = &self.told.sentinels;
        let what = format!(
            "and [{}] lists {} in all: add one that is missing there by its own address, behind \
             a proxy that it announces, or let SENTINEL RESET {known_as} forget one that is gone",
            super::section(self.group.role),
            counted(sentinels.len(), "Sentinel")
        );
        self.strangers(&listed, "other Sentinel", sentinels, known, &what, complaints);
        Ok(())
    }

    fn strangers(
        &self,
        all: &[(String, SocketAddr)],
        kind: &str,
        members: &[Member],
        known: &Known,
        what: &str,
        complaints: &mut Complaints,
    ) {
        let is_told = |address: &SocketAddr| {
            known.bare.contains(address) || known.announced.contains(address)
        };
        let strange = all.iter().filter(|(_, at)| !is_proxy(members, *at) && !is_told(at));
        let strange: Vec<String> = strange.map(|(place, _)| place.clone()).collect();
        if !strange.is_empty() {
            let there = listed(&strange);
            let count = counted(all.len(), kind);
            let what = format!("knows {count}, with {there}, no proxy's address, {what}");
            complaints.add(self.name, what);
        }
    }
}

fn is_proxy(members: &[Member], address: SocketAddr) -> bool {
    members.iter().any(|member| member.announced == address)
}

/// `1 replica`, `2 replicas`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
