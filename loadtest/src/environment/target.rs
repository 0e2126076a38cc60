//! What a fault can hit, by the names that plans use.

use redrill_history::EnvironmentPlan;
use std::fmt;

/// A name in a plan; roles are resolved when the fault is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `main.master`: the node that is master then.
    Master,
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
    /// `server[0]`: an instance of the target.
    Server(u8),
    /// `servers`: all instances.
    Servers,
}

/// The roles; on one Sentinel group they are the same nodes.
const ROLES: [&str; 3] = ["main", "cache", "sessions"];

/// Reads a target's name, and refuses what the plan's environment does not have.
///
/// # Errors
/// An unknown name; the message lists those that exist.
pub fn parse_target(
    text: &str,
    plan: &EnvironmentPlan,
    instances: u8,
) -> Result<Target, UnknownTarget> {
    let unknown = || UnknownTarget { name: text.to_owned(), known: known(plan, instances) };
    let target = read(text).ok_or_else(unknown)?;
    let exists = match target {
        Target::Master | Target::Sentinels | Target::Servers => true,
        Target::Replicas => plan.replicas > 0,
        Target::Replica(index) => index < plan.replicas,
        Target::Node(index) => index <= plan.replicas,
        Target::Sentinel(index) => index < plan.sentinels,
        Target::Server(index) => index < instances,
    };
    if exists { Ok(target) } else { Err(unknown()) }
}

/// A name that the environment does not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no target \"{name}\"; there are {known}")]
pub struct UnknownTarget {
    /// The name.
    pub name: String,
    known: String,
}

impl Target {
    /// Reads a name, whether or not the environment has what it names.
    pub(crate) fn read(text: &str) -> Option<Self> {
        read(text)
    }
}

fn read(text: &str) -> Option<Target> {
    match text {
        "replicas" => return Some(Target::Replicas),
        "sentinels" => return Some(Target::Sentinels),
        "servers" => return Some(Target::Servers),
        _ => {}
    }
    if let Some((role, place)) = text.split_once('.') {
        return match (ROLES.contains(&role), place) {
            (true, "master") => Some(Target::Master),
            (true, place) => indexed(place, "replica").map(Target::Replica),
            (false, _) => None,
        };
    }
    indexed(text, "node")
        .map(Target::Node)
        .or_else(|| indexed(text, "sentinel").map(Target::Sentinel))
        .or_else(|| indexed(text, "server").map(Target::Server))
}

/// The number in `name[number]`.
fn indexed(text: &str, name: &str) -> Option<u8> {
    let digits = text.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

fn known(plan: &EnvironmentPlan, instances: u8) -> String {
    let mut names = vec!["main.master".to_owned()];
    let mut list = |name: &str, count: u8| match count {
        0 => {}
        1 => names.push(format!("{name}[0]")),
        _ => names.push(format!("{name}[0] to {name}[{}]", count - 1)),
    };
    list("main.replica", plan.replicas);
    list("node", plan.replicas.saturating_add(1));
    list("sentinel", plan.sentinels);
    list("server", instances);
    names.extend(["replicas", "sentinels", "servers"].map(str::to_owned));
    names.join(", ")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => f.write_str("main.master"),
            Self::Replica(index) => write!(f, "main.replica[{index}]"),
            Self::Replicas => f.write_str("replicas"),
            Self::Node(index) => write!(f, "node[{index}]"),
            Self::Sentinel(index) => write!(f, "sentinel[{index}]"),
            Self::Sentinels => f.write_str("sentinels"),
            Self::Server(index) => write!(f, "server[{index}]"),
            Self::Servers => f.write_str("servers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrill_history::ResolvedPlan;

    fn parse(text: &str) -> Result<Target, String> {
        let plan = ResolvedPlan::example().environment;
        parse_target(text, &plan, 2).map_err(|error| error.to_string())
    }

    #[test]
    fn every_name_reads_back_as_itself() {
        for name in [
            "main.master",
            "main.replica[1]",
            "replicas",
            "node[2]",
            "sentinel[2]",
            "sentinels",
            "server[1]",
            "servers",
        ] {
            assert_eq!(parse(name).unwrap().to_string(), name);
        }
        assert_eq!(parse("cache.master"), Ok(Target::Master));
    }

    #[test]
    fn what_does_not_exist_is_refused_with_what_does() {
        for name in
            ["", "master", "main.replica[2]", "node[3]", "sentinel[3]", "server[2]", "node[+1]"]
        {
            assert!(parse(name).is_err(), "{name}");
        }
        assert_eq!(
            parse("node[9]").unwrap_err(),
            "there is no target \"node[9]\"; there are main.master, main.replica[0] to \
             main.replica[1], node[0] to node[2], sentinel[0] to sentinel[2], server[0] to \
             server[1], replicas, sentinels, servers"
        );
    }
}
