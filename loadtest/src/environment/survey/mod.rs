//! An environment that somebody else runs, looked at before anything is done to it. All that is
//! wrong is told at once, but not what surely follows from something else that is told.

mod address;
mod announced;
mod complaints;
mod nodes;
mod proxies;
mod sentinels;

use super::Group;
use super::admin::{Admin, is_refusal};
use super::claim::{self, Claimed};
use super::door::{Door, Login};
use super::member::Member;
use super::outside::SETTLES_WITHIN;
use super::prefix;
use super::ready::View;
use super::topology::topology;
use crate::exit::unusable;
use announced::{NODE, SENTINEL};
use anyhow::{Context, Result, ensure};
use complaints::Complaints;
use proxies::{Found, Stand};
use redrill_history::clock::instant_now;
use redrill_history::{EnvironmentPlan, ExternalGroup, ExternalPlan, GroupPlan, Role};
use redrill_toxiproxy::client::{Client, Proxy};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

/// How long what is not ready may take to become so: a replica that was just restarted.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// What was found, and is as the plan says.
#[derive(Clone)]
pub struct Survey {
    pub(super) groups: Vec<Group>,
    pub(super) client: Client,
    /// What the service's keys begin with.
    pub(super) prefix: String,
    /// The proxies before the run.
    pub(super) proxies: BTreeMap<String, Proxy>,
    pub(super) version: String,
}

/// Looks at everything that the plan names.
///
/// # Errors
/// [`crate::exit::Unusable`]: all that is missing or otherwise than the plan says.
pub(super) async fn survey(plan: &EnvironmentPlan) -> Result<Survey> {
    let external = plan.external.as_ref().context("the plan does not say where to look")?;
    let found = Found::look(external).await?;
    let mut complaints = Complaints::default();
    let groups = adopt_all(plan, external, &found, &mut complaints).await?;
    let mut seen = nodes::Found::default();
    for group in &groups {
        check(group, &mut seen, &mut complaints).await;
    }
    let mut told = complaints.told();
    if told.is_empty() {
        told = unready(&groups, READY_WITHIN).await;
    }
    if told.is_empty() {
        for group in &groups {
            told.extend(data(group, external).await);
        }
    }
    if !told.is_empty() {
        let list = told.join("\n  ");
        return Err(unusable(format!("the external environment cannot be used:\n  {list}")));
    }
    Ok(Survey {
        groups,
        prefix: external.prefix().to_owned(),
        version: seen.versions.join(", "),
        client: found.client,
        proxies: found.proxies,
    })
}

/// Notes what is wrong with a group.
async fn check(group: &Group, seen: &mut nodes::Found, complaints: &mut Complaints) {
    let nodes = nodes::check(group, &group.nodes, seen, complaints).await;
    let sentinels = nodes::check(group, &group.sentinels, seen, complaints).await;
    nodes::check_settings(group, &nodes, complaints).await;
    if !group.sentinels.is_empty() {
        let told = sentinels::Told {
            nodes: announced::check(&NODE, &group.nodes, &nodes, complaints).await,
            sentinels: announced::check(&SENTINEL, &group.sentinels, &sentinels, complaints).await,
        };
        sentinels::check(group, &sentinels, &told, complaints).await;
    }
}

/// The section of plans that says where a role's Redis is.
fn section(role: Role) -> String {
    of_role("environment.external", role)
}

/// The section of plans that says what it is like.
fn settings(role: Role) -> String {
    of_role("environment", role)
}

fn of_role(section: &str, role: Role) -> String {
    match role {
        Role::Main => section.to_owned(),
        role => format!("{section}.{role}"),
    }
}

/// The key of that section that names the variable of a password.
fn password_key(is_of_sentinels: bool) -> &'static str {
    if is_of_sentinels { "sentinel_password_variable" } else { "password_variable" }
}

/// The groups that have nodes of their own.
async fn adopt_all(
    plan: &EnvironmentPlan,
    external: &ExternalPlan,
    found: &Found,
    complaints: &mut Complaints,
) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    for (role, group) in plan.groups() {
        let Some(outside) = external.own(role) else { continue };
        groups.push(adopt(role, group, outside, found, complaints).await?);
    }
    Ok(groups)
}

/// A group of what is there, each of which has a proxy.
async fn adopt(
    role: Role,
    plan: &GroupPlan,
    outside: &ExternalGroup,
    found: &Found,
    complaints: &mut Complaints,
) -> Result<Group> {
    let topology = topology(&plan.topology).context("a topology that does not exist")?;
    let login = |variable: &Option<String>, username: &Option<String>| {
        let variable = variable.clone()?;
        Some(Login { username: username.clone(), variable })
    };
    let mut members = async |kind: &str, addresses: &[String], login: Option<Login>| {
        if let Some(unset) = login.as_ref().filter(|login| login.password().is_err()) {
            let key = format!("{}.{}", section(role), password_key(kind == "sentinel"));
            complaints.add(key, unset_variable(&unset.variable));
        }
        let mut members = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let prefix = if role == Role::Main { String::new() } else { format!("{role}.") };
            let name = format!("{prefix}{kind}[{index}]");
            match found.before(&name, address, complaints).await {
                Ok(Stand { direct, announced, proxy }) => {
                    let door = Door { address: direct, login: login.clone() };
                    members.push(Member::adopted(name, door, announced, proxy));
                }
                Err(error) => complaints.add(name, format!("{error:#}")),
            }
        }
        members
    };
    let on_nodes = login(&outside.password_variable, &outside.username);
    let on_sentinels = login(&outside.sentinel_password_variable, &None);
    Ok(Group {
        role,
        plan: plan.clone(),
        nodes: members("node", &outside.nodes, on_nodes).await,
        sentinels: members("sentinel", &outside.sentinels, on_sentinels).await,
        known_as: outside.master_name.clone(),
        topology,
    })
}

fn unset_variable(name: &str) -> String {
    format!(
        "the variable {name}, which is to hold this password, is not set: set it where redrill \
         runs, export {name}=..., or leave the key out where no password is asked for"
    )
}

/// Waits until what the plan names is as it is before a run.
///
/// # Errors
/// It is not, after a while, or cannot be asked.
pub async fn as_planned(plan: &EnvironmentPlan) -> Result<()> {
    let external = plan.external.as_ref().context("the plan does not say where to look")?;
    let found = Found::look(external).await?;
    let mut complaints = Complaints::default();
    let groups = adopt_all(plan, external, &found, &mut complaints).await?;
    ensure!(complaints.is_empty(), "{}", complaints.told().join("; "));
    settled(&groups, SETTLES_WITHIN).await
}

/// Waits until the groups are ready again.
///
/// # Errors
/// What is missing when the time is up.
pub(super) async fn settled(groups: &[Group], within: Duration) -> Result<()> {
    let missing = unready(groups, within).await;
    let waited = within.as_secs();
    ensure!(
        missing.is_empty(),
        "the environment is not as it was {waited} s after the last fault was healed: {}",
        missing.join("; ")
    );
    Ok(())
}

/// What keeps the groups from being ready, also after a while.
async fn unready(groups: &[Group], within: Duration) -> Vec<String> {
    let mut views: Vec<View> = groups.iter().map(Group::view).collect();
    let deadline = instant_now() + within;
    loop {
        let mut missing = Vec::new();
        for view in &mut views {
            missing.extend(view.missing().await);
        }
        if missing.is_empty() || instant_now() >= deadline {
            return missing;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// What is said of a node whose user may not touch the key of the claim.
fn forbidden(node: &Member) -> String {
    let (name, key) = (&node.name, claim::KEY);
    let user = node.door().login.and_then(|login| login.username);
    let user = user.as_deref().unwrap_or("default");
    format!(
        "the user {user} may not touch '{key}' on {name}, which is there while a run has this \
         Redis for itself: ACL SETUSER {user} ~{key}"
    )
}

/// Data that would be in the way, or that a drill could cost somebody.
async fn data(group: &Group, external: &ExternalPlan) -> Option<String> {
    let prefix = external.prefix();
    // All nodes of a group hold the same: any of them answers for it.
    let node = group.nodes.first()?;
    let mut admin = Admin::new(node.door());
    match claim::holder(&mut admin).await {
        Ok(Some(mark)) => {
            let doors = group.nodes.iter().map(Member::door).collect();
            return Some(Claimed::Redis(doors).taken(&format!("the run {mark}")));
        }
        Err(error) if is_refusal(&error) => return Some(forbidden(node)),
        _ => {}
    }
    let own = prefix::own(&mut admin, prefix).await;
    let foreign = match external.prefix {
        None => prefix::foreign(&mut admin, prefix).await,
        Some(_) => Ok(None),
    };
    let name = &node.name;
    match (own, foreign) {
        (Err(error), _) | (_, Err(error)) => {
            Some(format!("{name} does not list its keys: {error:#}"))
        }
        (Ok(Some(key)), _) => Some(format!(
            "{name} holds {key}, of an earlier run or of somebody else: 'redrill heal RUN' removes \
             what a run left; else give another prefix in [environment.external]"
        )),
        (_, Ok(Some(key))) => Some(format!(
            "{name} holds {key}, which is not redrill's: give an empty Redis, or write what the \
             service's own keys are to begin with, such as prefix = \"drill:\", in \
             [environment.external]; then redrill touches those alone"
        )),
        (Ok(None), Ok(None)) => None,
    }
}
