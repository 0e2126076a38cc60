//! Whether nodes and Sentinels answer, are what the plan takes them for, of a version that serves,
//! and are set as the plan says.

use super::complaints::Complaints;
use crate::environment::Group;
use crate::environment::admin::{Admin, info_fields, is_refusal};
use crate::environment::member::Member;
use crate::environment::ready::ANSWER_WITHIN;
use crate::environment::redis_binary::valkey;
use anyhow::Result;
use redis::cmd;
use redrill_history::process_kind;
use std::collections::BTreeMap;

/// The oldest version that does what faults ask of it: `CLIENT UNPAUSE`.
const OLDEST: (u32, u32) = (6, 2);

/// What was found of all groups.
#[derive(Default)]
pub(super) struct Found {
    /// The versions, each once.
    pub(super) versions: Vec<String>,
    /// Who runs in which process.
    processes: BTreeMap<String, String>,
}

/// Notes what is wrong, and returns those of whom more can be asked.
pub(super) async fn check<'a>(
    group: &Group,
    members: &'a [Member],
    found: &mut Found,
    complaints: &mut Complaints,
) -> Vec<&'a Member> {
    let mut serving = Vec::new();
    for member in members {
        let door = member.door();
        if door.login.as_ref().is_some_and(|login| login.password().is_err()) {
            // That is told already.
            continue;
        }
        let mut admin = Admin::new(member.door());
        let info: Result<String> = admin.ask(cmd("INFO").arg("server"), ANSWER_WITHIN).await;
        match info {
            Ok(info) if serves(group, member, &info_fields(&info), found, complaints) => {
                serving.push(member);
            }
            Ok(_) => {}
            Err(error) => complaints.add(&member.name, silent(group, member, &error)),
        }
    }
    serving
}

/// Why one does not answer, and what to do.
fn silent(group: &Group, member: &Member, error: &anyhow::Error) -> String {
    let (cause, door) = (error.root_cause().to_string(), member.door());
    let section = super::section(group.role);
    let key = super::password_key(is_sentinel(member));
    if !is_refusal(error) {
        return format!(
            "{door} does not answer ({cause}): start it, or correct its address in [{section}]"
        );
    }
    match door.login {
        Some(login) => format!(
            "the password in the variable {} is refused ({cause}): set that which it takes, or \
             correct {key} and the username in [{section}]",
            login.variable
        ),
        None => format!(
            "it asks for a password ({cause}): write the name of the variable that holds it, \
             {key} = \"NAME\", in [{section}]"
        ),
    }
}

/// Whether it is what the plan takes it for.
fn serves(
    group: &Group,
    member: &Member,
    info: &BTreeMap<&str, &str>,
    found: &mut Found,
    complaints: &mut Complaints,
) -> bool {
    let (name, door) = (&member.name, member.door());
    let said = |field: &str| info.get(field).copied().unwrap_or_default();
    let section = super::section(group.role);
    let mode = said("redis_mode");
    let elsewhere = match (mode, is_sentinel(member)) {
        ("cluster", _) => Some("and the backend external takes no cluster: list another Redis"),
        ("sentinel", false) => Some("and so no node: list it under sentinels"),
        ("standalone", true) => Some("and so no Sentinel: list it under nodes"),
        _ => None,
    };
    if let Some(advice) = elsewhere {
        let what = format!("INFO says redis_mode:{mode} at {door}, {advice} in [{section}]");
        complaints.add(name, what);
        return false;
    }
    // Sentinels may watch several groups.
    let scope = if is_sentinel(member) { group.role.name() } else { "" };
    let process = format!("{scope} {}", said("run_id"));
    if let Some(other) = found.processes.insert(process, name.clone()) {
        let what = format!(
            "{door} is {other} by another address (its run_id is the same): list each once in \
             [{section}]"
        );
        complaints.add(name, what);
        return false;
    }
    let version = said("redis_version");
    if parsed(version).is_none_or(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        let what = format!("is of version {version}, and redrill needs {major}.{minor} or later");
        complaints.add(name, what);
    }
    let shown = shown(info);
    if !found.versions.contains(&shown) {
        found.versions.push(shown);
    }
    true
}

/// Notes what settings of nodes are not the plan's.
pub(super) async fn check_settings(group: &Group, nodes: &[&Member], complaints: &mut Complaints) {
    for node in nodes {
        let mut admin = Admin::new(node.door());
        let get = cmd("CONFIG").arg("GET").arg("maxmemory-policy").to_owned();
        // One that keeps its settings to itself is taken at the plan's word.
        let found = admin.ask::<BTreeMap<String, String>>(&get, ANSWER_WITHIN).await;
        let policy = found.ok().and_then(|mut found| found.remove("maxmemory-policy"));
        let planned = &group.plan.maxmemory_policy;
        if let Some(policy) = policy.filter(|policy| policy != planned) {
            let what = format!(
                "maxmemory-policy is {policy} there, and {planned} in the plan: write \
                 maxmemory_policy = \"{policy}\" in [{}], or change the node's",
                super::settings(group.role)
            );
            complaints.add(&node.name, what);
        }
    }
}

fn is_sentinel(member: &Member) -> bool {
    process_kind(&member.name) == "sentinel"
}

/// The version as it is told. Beside its own a Valkey says of which Redis it knows the commands.
fn shown(info: &BTreeMap<&str, &str>) -> String {
    match info.get("valkey_version") {
        Some(number) => valkey(number),
        None => info.get("redis_version").copied().unwrap_or_default().to_owned(),
    }
}

fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(parsed("7.0.15") > Some(OLDEST) && parsed("10.0.0") > Some(OLDEST));
        assert!(parsed("6.2.14") >= Some(OLDEST) && parsed("6.0.20") < Some(OLDEST));
        assert_eq!(parsed("unstable"), None);
    }

    #[test]
    fn a_valkey_is_told_from_the_redis_whose_commands_it_knows() {
        let told = |info: &str| shown(&info_fields(info));
        assert_eq!(told("redis_version:7.2.4\r\n"), "7.2.4");
        let valkey = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n";
        assert_eq!(told(valkey), "8.0.1 (Valkey)");
    }
}
