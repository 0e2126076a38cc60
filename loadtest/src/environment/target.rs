//! What a fault can hit, by the names that plans use.

use crate::near;
use redrill_history::{EnvironmentPlan, GroupPlan, Role};
use std::fmt;

/// A name in a plan; roles are resolved when the fault is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Of the Redis in which a role lives: `main.master`, `cache`, `sentinel[0]`.
    Redis(Role, Which),
    /// `server[0]`: an instance of the target.
    Server(u8),
    /// `servers`: all instances.
    Servers,
    /// `model`: the model API, which the harness plays.
    Model,
    /// `mail`: the mail API, which the harness plays.
    Mail,
}

/// Which nodes or Sentinels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// `cache`: all its nodes.
    All,
    /// `main.master`: the node that is master then.
    Master,
    /// `main.master[0]`: one of the nodes of a cluster that are masters then, by their numbers.
    MasterAt(u8),
    /// `main.replica[0]`: one of the nodes that are replicas then, by the order of their numbers.
    Replica(u8),
    /// `replicas`: all nodes that are replicas then.
    Replicas,
    /// `node[0]`, whatever its role.
    Node(u8),
    /// `sentinel[0]`.
    Sentinel(u8),
    /// `sentinels`: all.
    Sentinels,
}

/// Reads a target's name, and refuses what the plan's environment does not have; `instances` are
/// those that the harness starts. Names of the same nodes are the same target.
///
/// # Errors
/// An unknown name; the message lists those that exist.
pub fn parse_target(
    text: &str,
    plan: &EnvironmentPlan,
    instances: u8,
) -> Result<Target, UnknownTarget> {
    let unknown =
        |why: String| UnknownTarget { name: text.to_owned(), why, known: known(plan, instances) };
    match Target::read(text).ok_or_else(|| unknown(String::new()))? {
        Target::Redis(role, which) => {
            let (home, group) = plan.home(role);
            if has(group, which) {
                return Ok(Target::Redis(home, which));
            }
            Err(unknown(why(plan, home, group, which)))
        }
        Target::Server(_) | Target::Servers if instances == 0 => {
            Err(unknown("; redrill ends no instances that it did not start".to_owned()))
        }
        Target::Server(index) if index >= instances => Err(unknown(String::new())),
        target => Ok(target),
    }
}

fn has(group: &GroupPlan, which: Which) -> bool {
    match which {
        Which::All => true,
        Which::Master => group.masters == 1,
        Which::MasterAt(index) => group.masters > 1 && index < group.masters,
        Which::Replicas => group.replicas > 0,
        Which::Replica(index) => index < group.nodes() - group.masters,
        Which::Node(index) => index < group.nodes(),
        Which::Sentinels => group.sentinels > 0,
        Which::Sentinel(index) => index < group.sentinels,
    }
}

/// What another topology has and this one has not; nothing where only the number is too high.
fn why(plan: &EnvironmentPlan, role: Role, group: &GroupPlan, which: Which) -> String {
    let topology = &group.topology;
    let needs = |what: &str| {
        let taken = match (what, &plan.external) {
            ("cluster", Some(_)) => ", which the backend external does not take",
            _ => "",
        };
        format!(": it needs the topology {what}{taken}, and {role} is {topology} here")
    };
    match which {
        Which::MasterAt(_) if group.masters == 1 => needs("cluster"),
        Which::Master => {
            let last = group.masters - 1;
            let names = format!("{role}.master[0] to {role}.master[{last}]");
            format!(": {role} is {topology} here, whose masters are {names}")
        }
        Which::Sentinel(_) | Which::Sentinels if group.sentinels == 0 => needs("sentinel"),
        Which::Replica(_) | Which::Replicas if group.nodes() == group.masters => {
            format!(": {role} is {topology} here, without replicas")
        }
        _ => String::new(),
    }
}

/// A name that the environment does not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no target \"{name}\"{why}; {}there are {known}", meant(.name, .why, .known))]
pub struct UnknownTarget {
    /// The name.
    pub name: String,
    why: String,
    known: String,
}

/// What is near that name, of those that exist: single ones, and from one to another. A name of
/// another topology was no slip.
fn meant(name: &str, why: &str, known: &str) -> String {
    match why {
        "" => near::hint(name, known.split(", ").flat_map(|known| known.split(" to "))),
        _ => String::new(),
    }
}

impl Target {
    /// Reads a name, whether or not the environment has what it names.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            "servers" => return Some(Self::Servers),
            "model" => return Some(Self::Model),
            "mail" => return Some(Self::Mail),
            _ => {}
        }
        if let Some(index) = indexed(text, "server") {
            return Some(Self::Server(index));
        }
        if let Some(role) = Role::from_name(text) {
            return Some(Self::Redis(role, Which::All));
        }
        let (role, part) = match text.split_once('.') {
            Some((role, part)) => (Role::from_name(role)?, part),
            // Who masters or what replica it is depends on the role, so that they are named by it.
            None if text.starts_with("master") || text.starts_with("replica[") => return None,
            None => (Role::Main, text),
        };
        Some(Self::Redis(role, which(part)?))
    }

    /// Whether it is one or all of the target's instances.
    pub(crate) fn is_server(self) -> bool {
        matches!(self, Self::Server(_) | Self::Servers)
    }

    /// Whether it is a dependency of the service that the harness plays.
    pub(crate) fn is_api(self) -> bool {
        matches!(self, Self::Model | Self::Mail)
    }

    /// Whether it is one node or several.
    pub(crate) fn is_node(self) -> bool {
        match self {
            Self::Redis(_, which) => !matches!(which, Which::Sentinel(_) | Which::Sentinels),
            _ => false,
        }
    }

    /// Whether it is one or all of a role's replicas.
    pub(crate) fn is_replica(self) -> bool {
        matches!(self, Self::Redis(_, Which::Replica(_) | Which::Replicas))
    }

    /// Whether it is a role's master.
    pub(crate) fn is_master(self) -> bool {
        matches!(self, Self::Redis(_, Which::Master | Which::MasterAt(_)))
    }
}

fn which(part: &str) -> Option<Which> {
    match part {
        "master" => return Some(Which::Master),
        "replicas" => return Some(Which::Replicas),
        "sentinels" => return Some(Which::Sentinels),
        _ => {}
    }
    indexed(part, "node")
        .map(Which::Node)
        .or_else(|| indexed(part, "master").map(Which::MasterAt))
        .or_else(|| indexed(part, "replica").map(Which::Replica))
        .or_else(|| indexed(part, "sentinel").map(Which::Sentinel))
}

/// The number in `name[number]`.
fn indexed(text: &str, name: &str) -> Option<u8> {
    let digits = text.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

fn known(plan: &EnvironmentPlan, instances: u8) -> String {
    let mut names = Vec::new();
    let mut list = |name: String, count: u8| match count {
        0 => {}
        1 => names.push(format!("{name}[0]")),
        _ => names.push(format!("{name}[0] to {name}[{}]", count - 1)),
    };
    for (role, group) in plan.groups() {
        let named = |which| Target::Redis(role, which).to_string();
        let part = |which| named(which).trim_end_matches("[0]").to_owned();
        list(part(Which::Node(0)), group.nodes());
        if group.masters > 1 {
            list(part(Which::MasterAt(0)), group.masters);
        }
        list(part(Which::Replica(0)), group.nodes() - group.masters);
        list(part(Which::Sentinel(0)), group.sentinels);
    }
    list("server".to_owned(), instances);
    for (role, group) in plan.groups() {
        let all = [Which::All, Which::Master, Which::Replicas, Which::Sentinels];
        let there = all.into_iter().filter(|which| has(group, *which));
        names.extend(there.map(|which| Target::Redis(role, which).to_string()));
    }
    names.extend((instances > 0).then(|| "servers".to_owned()));
    names.extend(["model", "mail"].map(str::to_owned));
    names.join(", ")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, which) = match self {
            Self::Server(index) => return write!(f, "server[{index}]"),
            Self::Servers => return f.write_str("servers"),
            Self::Model => return f.write_str("model"),
            Self::Mail => return f.write_str("mail"),
            Self::Redis(role, which) => (role, which),
        };
        match which {
            Which::All => return write!(f, "{role}"),
            Which::Master => return write!(f, "{role}.master"),
            Which::MasterAt(index) => return write!(f, "{role}.master[{index}]"),
            Which::Replica(index) => return write!(f, "{role}.replica[{index}]"),
            _ if *role == Role::Main => {}
            _ => write!(f, "{role}.")?,
        }
        match which {
            Which::Node(index) => write!(f, "node[{index}]"),
            Which::Sentinel(index) => write!(f, "sentinel[{index}]"),
            Which::Sentinels => f.write_str("sentinels"),
            _ => f.write_str("replicas"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::ResolvedPlan;

    fn parse_in(plan: &EnvironmentPlan, text: &str) -> Result<Target, String> {
        parse_target(text, plan, 2).map_err(|error| error.to_string())
    }

    fn shared() -> EnvironmentPlan {
        ResolvedPlan::example().environment
    }

    fn apart() -> EnvironmentPlan {
        EnvironmentPlan { cache: Some(GroupPlan::example_of_one()), ..shared() }
    }

    #[test]
    fn every_name_reads_back_as_itself() {
        for name in [
            "main",
            "main.master",
            "main.replica[1]",
            "replicas",
            "node[2]",
            "sentinel[2]",
            "sentinels",
            "cache",
            "cache.master",
            "cache.node[0]",
            "server[1]",
            "servers",
            "model",
            "mail",
        ] {
            assert_eq!(parse_in(&apart(), name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn a_role_is_where_it_lives() {
        let main = Ok(Target::Redis(Role::Main, Which::Master));
        assert_eq!(parse_in(&shared(), "cache.master"), main);
        assert_eq!(parse_in(&apart(), "sessions.master"), main);
        let own = Ok(Target::Redis(Role::Cache, Which::Master));
        assert_eq!(parse_in(&apart(), "cache.master"), own);
        assert_eq!(parse_in(&shared(), "main.node[1]"), parse_in(&shared(), "node[1]"));
    }

    #[test]
    fn a_cluster_has_masters_by_number() {
        let topology = "cluster".to_owned();
        let cluster =
            GroupPlan { topology, masters: 3, replicas: 1, ..GroupPlan::example_of_one() };
        let plan = EnvironmentPlan { main: cluster, ..shared() };
        for name in ["main.master[2]", "main.replica[2]", "node[5]"] {
            assert_eq!(parse_in(&plan, name).unwrap().to_string(), name);
        }
        assert_eq!(parse_in(&plan, "cache.master[0]"), parse_in(&plan, "main.master[0]"));
        let told = parse_in(&plan, "main.master").unwrap_err();
        let which = "main is cluster here, whose masters are main.master[0] to main.master[2]";
        assert!(told.contains(which), "{told}");
        assert!(parse_in(&plan, "main.master[3]").is_err());
        assert!(parse_in(&shared(), "main.master[0]").is_err());
    }

    #[test]
    fn what_another_topology_has_is_told_so() {
        for (name, why) in [
            ("main.master[0]", "it needs the topology cluster, and main is sentinel here; there"),
            ("cache.sentinel[0]", "it needs the topology sentinel, and cache is standalone here"),
            ("cache.replicas", "cache is standalone here, without replicas"),
        ] {
            let told = parse_in(&apart(), name).unwrap_err();
            assert!(told.starts_with(&format!("there is no target \"{name}\": {why}")), "{told}");
        }
        let told = parse_target("servers", &shared(), 0).unwrap_err().to_string();
        assert!(told.contains("redrill ends no instances that it did not start"), "{told}");
    }

    #[test]
    fn what_does_not_exist_is_refused_with_what_does() {
        for name in [
            "",
            "master",
            "replica[0]",
            "main.replica[2]",
            "node[3]",
            "sentinel[3]",
            "server[2]",
            "main.servers",
            "node[+1]",
            "cache.replicas",
            "cache.sentinel[0]",
            "cache.node[1]",
        ] {
            assert!(parse_in(&apart(), name).is_err(), "{name}");
        }
        let told = parse_in(&apart(), "cache.mastr").unwrap_err();
        assert!(told.contains("did you mean 'cache.master'? there are node[0]"), "{told}");
        assert_eq!(
            parse_in(&apart(), "node[9]").unwrap_err(),
            "there is no target \"node[9]\"; there are node[0] to node[2], main.replica[0] to \
             main.replica[1], sentinel[0] to sentinel[2], cache.node[0], server[0] to server[1], \
             main, main.master, replicas, sentinels, cache, cache.master, servers, \
             model, mail"
        );
    }
}
