//! Whether the Sentinels know the group by the plan's name and numbers, and by its proxies: a
//! service goes where they send it, and no fault would act on one that is sent around the proxies.

use super::{Complaints, address};
use crate::environment::Group;
use crate::environment::admin::Admin;
use crate::environment::member::Member;
use crate::environment::ready::ANSWER_WITHIN;
use anyhow::{Context, Result};
use redis::{Cmd, cmd};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Notes what is wrong.
pub(super) async fn check(group: &Group, complaints: &mut Complaints) {
    let announced: Vec<SocketAddr> = group.nodes.iter().map(|node| node.announced).collect();
    for sentinel in &group.sentinels {
        let view = Seen { group, announced: &announced, admin: Admin::new(sentinel.door()) };
        match view.complaints(sentinel).await {
            Ok(found) => complaints.extend(found),
            Err(error) => complaints.push(format!("{}: {error:#}", sentinel.name)),
        }
    }
}

/// The group as one Sentinel sees it.
struct Seen<'a> {
    group: &'a Group,
    announced: &'a [SocketAddr],
    admin: Admin,
}

impl Seen<'_> {
    async fn complaints(mut self, sentinel: &Member) -> Result<Complaints> {
        let (name, known_as, plan) = (&sentinel.name, &self.group.known_as, &self.group.plan);
        let mut complaints = Complaints::new();
        let master: Result<BTreeMap<String, String>> =
            self.admin.ask(&self.about("MASTER"), ANSWER_WITHIN).await;
        let Ok(master) = master else {
            let known: Vec<BTreeMap<String, String>> =
                self.admin.ask(cmd("SENTINEL").arg("MASTERS"), ANSWER_WITHIN).await?;
            let known: Vec<String> =
                known.into_iter().filter_map(|mut master| master.remove("name")).collect();
            return Ok(vec![format!(
                "{name} does not know a master {known_as}; it knows {}: write master_name in \
                 [environment.external]",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )]);
        };
        for (key, field, planned) in [
            ("quorum", "quorum", u128::from(plan.quorum)),
            ("down_after", "down-after-milliseconds", plan.down_after.as_millis()),
            ("failover_timeout", "failover-timeout", plan.failover_timeout.as_millis()),
        ] {
            let found = master.get(field).map_or("nothing", String::as_str);
            if found != planned.to_string() {
                let value =
                    if key == "quorum" { found.to_owned() } else { format!("\"{found}ms\"") };
                complaints.push(format!(
                    "{name} has {field} {found} for {known_as}, and the plan {planned}: write \
                     {key} = {value} in [environment]"
                ));
            }
        }
        let replicas: Vec<BTreeMap<String, String>> =
            self.admin.ask(&self.about("REPLICAS"), ANSWER_WITHIN).await?;
        for node in [master].iter().chain(&replicas) {
            let (place, address) = place(node).await?;
            if !self.announced.contains(&address) {
                complaints.push(format!(
                    "{name} sends clients to {place}, which is the address of no proxy before a \
                     node: let each node announce its proxy (replica-announce-ip and -port), and \
                     the Sentinels monitor the master by its proxy (SENTINEL MONITOR)"
                ));
            }
        }
        Ok(complaints)
    }

    fn about(&self, what: &str) -> Cmd {
        cmd("SENTINEL").arg(what).arg(&self.group.known_as).to_owned()
    }
}

/// Where a node is, as the Sentinel writes it and as it is here.
async fn place(node: &BTreeMap<String, String>) -> Result<(String, SocketAddr)> {
    let part = |name: &str| node.get(name).with_context(|| format!("a node without its {name}"));
    let place = format!("{}:{}", part("ip")?, part("port")?);
    let address = address::one(&place).await?;
    Ok((place, address))
}
