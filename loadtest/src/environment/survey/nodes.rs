//! Whether nodes answer, are of a version that serves, and are set as the plan says.

use super::Complaints;
use crate::environment::Group;
use crate::environment::admin::{Admin, info_fields};
use crate::environment::ready::ANSWER_WITHIN;
use crate::environment::redis_binary::valkey;
use anyhow::Result;
use redis::cmd;
use std::collections::BTreeMap;

/// The oldest version that does what faults ask of it: `CLIENT UNPAUSE`.
const OLDEST: (u32, u32) = (6, 2);

/// Notes the versions, and what is wrong.
pub(super) async fn check(group: &Group, versions: &mut Vec<String>, complaints: &mut Complaints) {
    for node in group.members() {
        let mut admin = Admin::new(node.door());
        let (name, door) = (&node.name, node.door());
        let info: Result<String> = admin.ask(cmd("INFO").arg("server"), ANSWER_WITHIN).await;
        match info.as_ref().map(|info| info_fields(info)) {
            Ok(fields) => {
                let version = fields.get("redis_version").copied().unwrap_or_default();
                if parsed(version).is_none_or(|version| version < OLDEST) {
                    let (major, minor) = OLDEST;
                    complaints.push(format!(
                        "{name} ({door}) is of version {version}, and redrill needs \
                         {major}.{minor} or later"
                    ));
                }
                // Beside it a Valkey says of which Redis it knows the commands.
                let own = fields.get("valkey_version");
                let shown = own.map_or_else(|| version.to_owned(), |number| valkey(number));
                if !versions.contains(&shown) {
                    versions.push(shown);
                }
            }
            Err(error) => complaints.push(format!(
                "{name} ({door}) does not answer ({}): start it, or correct its address and \
                 password in [environment.external]",
                error.root_cause()
            )),
        }
    }
    for node in &group.nodes {
        let mut admin = Admin::new(node.door());
        let get = cmd("CONFIG").arg("GET").arg("maxmemory-policy").to_owned();
        // One that keeps its settings to itself is taken at the plan's word.
        let found = admin.ask::<BTreeMap<String, String>>(&get, ANSWER_WITHIN).await;
        let policy = found.ok().and_then(|mut found| found.remove("maxmemory-policy"));
        let planned = &group.plan.maxmemory_policy;
        if let Some(policy) = policy.filter(|policy| policy != planned) {
            complaints.push(format!(
                "{} has maxmemory-policy {policy}, and the plan says {planned}: write \
                 maxmemory_policy = \"{policy}\", or change the node's",
                node.name
            ));
        }
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
}
