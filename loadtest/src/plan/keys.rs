//! The keys of a plan, as `redrill list` and the README tell them; tests hold them to what is read.

/// Whether a key must be written, and what it is where it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It must be written.
    Required,
    /// A value, as TOML writes it.
    Or(&'static str),
    /// What follows from something else, in words.
    Else(&'static str),
}

/// A key of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its sections and its name; `X` stands for a capability.
    pub name: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// What it is where nothing is written.
    pub given: Given,
}

impl Key {
    /// What it says, and what it is by default.
    pub fn words(&self) -> String {
        match self.given {
            Given::Required => format!("{}; required", self.doc),
            Given::Or(value) => format!("{}; {value} by default", self.doc),
            Given::Else(words) => format!("{}; {words}", self.doc),
        }
    }
}

const fn key(name: &'static str, given: Given, doc: &'static str) -> Key {
    Key { name, doc, given }
}

use Given::{Else, Or, Required};

/// Every key, in the order of a plan.
pub const KEYS: &[Key] = &[
    key("name", Or("\"unnamed\""), "part of the run folder's name: letters, digits, - _ ."),
    key(
        "question",
        Else("one that the command answers by default"),
        "what the run answers, in a line",
    ),
    key("seed", Or("1"), "where every random choice comes from"),
    key("redrill", Else("any by default"), "the version that the plan is for"),
    key(
        "kind",
        Else("drill by default, or what [capacity] or [gate] says"),
        "the command that runs it: drill, load, capacity or gate",
    ),
    key("fail_if", Or("[]"), "thresholds, such as \"p99 > 50ms for sessions.read\""),
    key("load.duration", Or("\"30s\""), "how long arrivals come, 1s to 7d"),
    key("load.client_timeout", Or("\"2s\""), "when a virtual user gives an answer up"),
    key("load.drain", Or("\"8s\""), "time after the load to finish what was acknowledged"),
    key("load.capabilities", Else("all five by default"), "what is exercised: a table for each"),
    key("load.capabilities.X.model", Or("\"constant\""), "the arrival schedule"),
    key("load.capabilities.X.rate_per_s", Else("by capability"), "arrivals a second"),
    key("load.capabilities.X.vus", Else("as many as are needed"), "virtual users"),
    key("load.capabilities.X.keys", Else("by capability"), "different prompts or clients"),
    key("target.name", Or("\"reference\""), "a target of redrill, or the path of a target file"),
    key("target.instances", Or("2"), "instances to start, 1 to 16"),
    key(
        "target.variables",
        Else("none by default"),
        "the instances' variables, beside or in place of the target file's; no place for a secret",
    ),
    key(
        "target.addresses",
        Else("instances are started by default"),
        "those that run already, a list of \"host:port\"",
    ),
    key("target.promises.command_timeout", Or("\"1s\""), "longest wait for Redis"),
    key("target.promises.cache_ttl", Or("\"5s\""), "how long a cached response may be served"),
    key("target.promises.session_ttl", Or("\"8s\""), "how long a session lives after its last use"),
    key("target.promises.job_lease", Or("\"2s\""), "how long a silent worker owns its job"),
    key("target.promises.job_attempts", Or("3"), "how often a job is tried, 1 to 100"),
    key("target.promises.presence_ttl", Or("\"3s\""), "how long a silent user may be shown"),
    key("target.promises.limits", Else("three policies by default"), "a list of limits"),
    key("target.promises.limits.policy", Required, "whose limit: general, llm or burst"),
    key("target.promises.limits.limit", Required, "hits of a client in a window, 1 or more"),
    key("target.promises.limits.window", Required, "the window's length"),
    key("effects.model_takes", Or("\"20ms\""), "how long the model API thinks for the cache"),
    key("effects.job_takes", Or("\"5ms\""), "how long a call for a job takes"),
    key("effects.long_job_one_in", Or("0"), "one job in so many outlasts its lease; 0 for none"),
    key("effects.at_once", Else("no bound by default"), "calls that are worked on at once"),
    key(
        "effects.listen",
        Else("a free port of the loopback by default"),
        "where the APIs are that redrill plays",
    ),
    key("environment.backend", Or("\"processes\""), "where Redis comes from: see Backends"),
    key("environment.image", Else("\"redis:7\" with docker"), "the image of Redis or Valkey"),
    key("environment.topology", Or("\"sentinel\""), "sentinel, standalone or cluster"),
    key(
        "environment.masters",
        Else("1, in a cluster 3, by default"),
        "masters at first, 1 or 3 to 5",
    ),
    key("environment.replicas", Else("2, in a cluster 1, by default"), "replicas of each master"),
    key("environment.sentinels", Or("3"), "Sentinels, 3 to 7"),
    key("environment.quorum", Else("most of them by default"), "Sentinels that must agree"),
    key("environment.down_after", Or("\"1s\""), "silence after which a node is taken for down"),
    key("environment.failover_timeout", Or("\"3s\""), "Sentinel's failover-timeout"),
    key("environment.maxmemory", Else("no bound by default"), "how much a node may use: \"64mb\""),
    key("environment.maxmemory_policy", Or("\"noeviction\""), "what goes when that much is used"),
    key("environment.cache", Else("the main one by default"), "a Redis of its own: the keys above"),
    key("environment.sessions", Else("the main one by default"), "the same for sessions"),
    key(
        "environment.external.toxiproxy",
        Else("required there"),
        "host:port of the API of the Toxiproxy before all nodes and Sentinels",
    ),
    key(
        "environment.external.proxy",
        Else("toxiproxy by default"),
        "what it is: toxiproxy (Shopify's), or redrill, which knows Redis' commands, too",
    ),
    key(
        "environment.external.prefix",
        Else("redrill: by default, and no other keys may be there"),
        "what the service's keys begin with, beside keys of others, which stay as they are",
    ),
    key(
        "environment.external.nodes",
        Else("required there"),
        "host:port of each node itself, around the proxies; a list",
    ),
    key(
        "environment.external.sentinels",
        Else("none by default"),
        "host:port of each Sentinel itself, around the proxies; a list",
    ),
    key(
        "environment.external.master_name",
        Else("mymaster by default"),
        "the name by which the Sentinels know the master",
    ),
    key("environment.external.username", Else("the default user"), "the user on the nodes"),
    key(
        "environment.external.password_variable",
        Else("no password by default"),
        "the environment variable that holds the nodes' password",
    ),
    key(
        "environment.external.sentinel_password_variable",
        Else("no password by default"),
        "the environment variable that holds the Sentinels' password",
    ),
    key(
        "environment.external.cache",
        Else("the main one by default"),
        "where the cache's own Redis is: nodes and the keys below it",
    ),
    key("environment.external.sessions", Else("the main one by default"), "the same for sessions"),
    key("fault.kind", Required, "what is done: see Faults"),
    key("fault.at", Required, "when, from the start of the load"),
    key("fault.for", Else("required of what must be healed"), "how long it lasts"),
    key("fault.target", Required, "a list of what it hits"),
    key(
        "fault.from",
        Else("required of a cut"),
        "a cut's other side, or whose links a toxic is on; a list",
    ),
    key("fault.with", Else("nothing by default"), "settings of the fault"),
    key(
        "fault.otherwise",
        Else("none by default"),
        "what takes its place where the backend cannot do it",
    ),
    key("fault.instead_of", Else("a run writes it"), "the kind whose place it took"),
    key(
        "chaos.faults",
        Else("all that heal by default, but for packet_loss"),
        "kinds of fault that are drawn, a list",
    ),
    key("chaos.targets", Else("all that there is by default"), "what they may hit, a list"),
    key("chaos.every", Else("10s by default"), "from one drawn fault to the next, at the mean"),
    key("chaos.lasts", Else("2s to 8s by default"), "the shortest and the longest, a list"),
    key("objectives", Else("none by default"), "bounds on what the checks find, by their names"),
    key("capacity.from_per_s", Or("100.0"), "arrivals a second in the first step"),
    key("capacity.most_per_s", Or("50000.0"), "the highest rate that is tried"),
    key("capacity.at_least_per_s", Else("none by default"), "the rate that must be carried"),
    key("capacity.precision", Or("0.05"), "the gap at which the search ends, as a share"),
    key("capacity.step", Or("\"6s\""), "length of a step; low rates take longer"),
    key("capacity.discard", Or("\"1s\""), "its first part, which is not measured"),
    key("capacity.within", Or("\"3m 30s\""), "no step begins after this time"),
    key("gate.base", Else("the command line says it"), "what the candidate is compared with"),
    key("gate.candidate", Else("the command line says it"), "what must not be worse"),
    key("gate.pairs", Or("12"), "pairs of blocks, 5 to 200"),
    key("gate.fresh_every", Or("1"), "pairs after which all processes are started anew"),
    key("gate.discard", Or("\"1s\""), "the first part of a block, which is not measured"),
    key("gate.tolerated", Else("every metric by default"), "what may be worse, by metric"),
    key("gate.baseline", Else("a run writes it"), "saved blocks that stand for the base"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};
    use redrill_history::RunKind;
    use std::collections::BTreeSet;

    fn refusal(text: &str) -> String {
        Plan::parse("my.toml", text, &Overrides::default()).unwrap_err().to_string()
    }

    /// The keys of a section that an unknown one is refused with.
    fn read(header: &str) -> BTreeSet<String> {
        let told = refusal(&format!("{header}\nzzz = 1\n"));
        let line = told.lines().next().unwrap();
        let (_, known) = line.split_once("what there is: ").expect(line);
        known.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn every_key_that_is_read_is_told_and_no_other() {
        for (section, header) in [
            ("", ""),
            ("load.", "[load]"),
            ("load.capabilities.X.", "[load.capabilities.queue]"),
            ("target.", "[target]"),
            ("target.promises.", "[target.promises]"),
            ("target.promises.limits.", "[[target.promises.limits]]"),
            ("effects.", "[effects]"),
            ("environment.", "[environment]"),
            ("environment.external.", "[environment.external]"),
            ("fault.", "[[fault]]"),
            ("chaos.", "[chaos]"),
            ("capacity.", "[capacity]"),
            ("gate.", "[gate]"),
        ] {
            let told: BTreeSet<String> = KEYS
                .iter()
                .filter_map(|key| key.name.strip_prefix(section))
                .map(|rest| rest.split('.').next().unwrap().to_owned())
                .collect();
            assert_eq!(read(header), told, "{section}");
        }
    }

    #[test]
    fn every_default_is_what_a_plan_without_the_key_resolves_to() {
        let resolved = |kind| {
            let text = format!("kind = \"{}\"\n", RunKind::name(kind));
            let plan = Plan::parse("my.toml", &text, &Overrides::default()).unwrap();
            toml::from_str::<toml::Value>(&plan.resolved.to_toml().unwrap()).unwrap()
        };
        for key in KEYS {
            let Given::Or(expected) = key.given else { continue };
            let kind = match key.name.split('.').next() {
                Some("capacity") => RunKind::Capacity,
                Some("gate") => RunKind::Gate,
                _ => RunKind::Drill,
            };
            let mut value = &resolved(kind);
            for part in key.name.replace('X', "queue").split('.') {
                value = value.get(part).expect(key.name);
            }
            assert_eq!(value.to_string(), expected, "{}", key.name);
        }
    }

    #[test]
    fn exactly_what_is_required_must_be_written() {
        let fault = [
            ("kind", "\"cut\""),
            ("at", "\"1s\""),
            ("for", "\"1s\""),
            ("target", "[\"main.master\"]"),
            ("from", "[\"sentinels\"]"),
        ];
        let limit = [("policy", "\"llm\""), ("limit", "1"), ("window", "\"1s\"")];
        for (section, header, values) in [
            ("fault.", "[[fault]]", &fault[..]),
            ("target.promises.limits.", "[[target.promises.limits]]", &limit[..]),
        ] {
            let without = |left_out: &str| -> String {
                let kept = values.iter().filter(|(name, _)| *name != left_out);
                let lines = kept.map(|(name, value)| format!("{name} = {value}\n"));
                format!("{header}\n{}", lines.collect::<String>())
            };
            Plan::parse("my.toml", &without(""), &Overrides::default()).unwrap();
            for key in KEYS.iter().filter(|key| key.given == Given::Required) {
                let Some(name) = key.name.strip_prefix(section) else { continue };
                let told = refusal(&without(name));
                assert!(told.contains(name) && told.contains("my.toml:"), "{name}: {told}");
            }
        }
        let sections = ["fault.", "target.promises.limits."];
        let required = KEYS.iter().filter(|key| key.given == Given::Required);
        for key in required {
            assert!(sections.iter().any(|known| key.name.starts_with(known)), "{}", key.name);
        }
    }
}
