//! What the value of a key can be, for the example plan and the schema. The kind follows from the
//! default where there is one; the rest stands here, and tests hold it to what is read.

use super::external::PROXIES;
use super::keys::{Given, KEYS, Key};
use crate::environment::{backend_names, topology_names};
use crate::faults::POLICIES;
use crate::{faults, load::pacer};
use redrill_history::{RunKind, parse_duration};

/// What the value of a key is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    /// A text.
    Text,
    /// Letters, digits and little else.
    Name,
    /// A duration as text.
    Time,
    /// Two durations.
    Times,
    /// A whole number between these.
    Whole(i64, i64),
    /// A number between these.
    Number(f64, f64),
    /// One of these names.
    OneOf(fn() -> Vec<&'static str>),
    /// A list of texts.
    Texts,
    /// A list of some of these names.
    SomeOf(fn() -> Vec<&'static str>),
    /// A section, whose keys are listed below it.
    Section,
    /// A Redis of its own, with the keys of the main one.
    Group,
    /// Where a Redis of its own is, with the keys of the main one.
    Outside,
    /// A bound by checker.
    Objectives,
    /// What is tolerated, by metric.
    Tolerances,
    /// Texts by the names of variables.
    Variables,
    /// Values by the settings of the kind of fault.
    Settings,
    /// What only a run writes.
    Written,
}

/// Sections that are lists.
pub(super) const LISTS: &[&str] = &["fault", "target.promises.limits"];

/// Where nothing else bounds a count.
const MANY: i64 = u32::MAX as i64;
const RATES: Takes = Takes::Number(0.001, 100_000.0);

/// What cannot be told from a default.
const VALUES: &[(&str, Takes)] = &[
    ("name", Takes::Name),
    ("question", Takes::Text),
    ("seed", Takes::Whole(0, i64::MAX)),
    ("redrill", Takes::Text),
    ("kind", Takes::OneOf(kinds)),
    ("load.capabilities", Takes::Section),
    ("load.capabilities.X.model", Takes::OneOf(pacer::names)),
    ("load.capabilities.X.rate_per_s", RATES),
    ("load.capabilities.X.vus", Takes::Whole(1, 200_000)),
    ("load.capabilities.X.keys", Takes::Whole(1, MANY)),
    ("target.instances", Takes::Whole(1, 16)),
    ("target.variables", Takes::Variables),
    ("target.addresses", Takes::Texts),
    ("target.promises.job_attempts", Takes::Whole(1, 100)),
    ("target.promises.limits", Takes::Section),
    ("target.promises.limits.policy", Takes::Name),
    ("target.promises.limits.limit", Takes::Whole(1, MANY)),
    ("target.promises.limits.window", Takes::Time),
    ("effects.at_once", Takes::Whole(1, MANY)),
    ("effects.listen", Takes::Text),
    ("environment.topology", Takes::OneOf(topology_names)),
    ("environment.masters", Takes::Whole(0, 255)),
    ("environment.replicas", Takes::Whole(0, 255)),
    ("environment.maxmemory", Takes::Text),
    ("environment.maxmemory_policy", Takes::OneOf(|| POLICIES.to_vec())),
    ("environment.cache", Takes::Group),
    ("environment.sessions", Takes::Group),
    ("environment.backend", Takes::OneOf(backend_names)),
    ("environment.image", Takes::Text),
    ("environment.quorum", Takes::Whole(0, 7)),
    ("environment.external.toxiproxy", Takes::Text),
    ("environment.external.proxy", Takes::OneOf(|| PROXIES.to_vec())),
    ("environment.external.prefix", Takes::Text),
    ("environment.external.nodes", Takes::Texts),
    ("environment.external.sentinels", Takes::Texts),
    ("environment.external.master_name", Takes::Text),
    ("environment.external.username", Takes::Text),
    ("environment.external.password_variable", Takes::Text),
    ("environment.external.sentinel_password_variable", Takes::Text),
    ("environment.external.cache", Takes::Outside),
    ("environment.external.sessions", Takes::Outside),
    ("fault.kind", Takes::OneOf(faults::names)),
    ("fault.at", Takes::Time),
    ("fault.for", Takes::Time),
    ("fault.target", Takes::Texts),
    ("fault.from", Takes::Texts),
    ("fault.with", Takes::Settings),
    ("fault.otherwise", Takes::OneOf(faults::names)),
    ("fault.instead_of", Takes::Text),
    ("chaos.faults", Takes::SomeOf(faults::names)),
    ("chaos.targets", Takes::Texts),
    ("chaos.every", Takes::Time),
    ("chaos.lasts", Takes::Times),
    ("objectives", Takes::Objectives),
    ("capacity.from_per_s", RATES),
    ("capacity.most_per_s", RATES),
    ("capacity.at_least_per_s", RATES),
    ("capacity.precision", Takes::Number(0.01, 1.0)),
    ("gate.base", Takes::Text),
    ("gate.candidate", Takes::Text),
    ("gate.pairs", Takes::Whole(5, 200)),
    ("gate.fresh_every", Takes::Whole(1, 200)),
    ("gate.tolerated", Takes::Tolerances),
    ("gate.baseline", Takes::Written),
];

/// What a key without a default might be given.
const EXAMPLES: &[(&str, &str)] = &[
    ("target.variables", "{ QUEUE_DURABILITY = \"replicas:1\" }"),
    ("target.addresses", "[\"10.0.0.8:3001\", \"10.0.0.9:3001\"]"),
    ("effects.at_once", "64"),
    ("effects.listen", "\"0.0.0.0:8100\""),
    ("environment.image", "\"redis:7.2\""),
    ("environment.maxmemory", "\"64mb\""),
    ("environment.cache", "{ topology = \"standalone\" }"),
    ("environment.sessions", "{ topology = \"standalone\" }"),
    ("environment.external.toxiproxy", "\"127.0.0.1:8474\""),
    ("environment.external.proxy", "\"toxiproxy\""),
    ("environment.external.prefix", "\"drill:\""),
    ("environment.external.nodes", "[\"10.0.0.1:6379\", \"10.0.0.2:6379\"]"),
    (
        "environment.external.sentinels",
        "[\"10.0.0.1:26379\", \"10.0.0.2:26379\", \"10.0.0.3:26379\"]",
    ),
    ("environment.external.master_name", "\"mymaster\""),
    ("environment.external.username", "\"redrill\""),
    ("environment.external.password_variable", "\"REDIS_PASSWORD\""),
    ("environment.external.sentinel_password_variable", "\"SENTINEL_PASSWORD\""),
    ("environment.external.cache", "{ nodes = [\"10.0.0.4:6379\"] }"),
    ("environment.external.sessions", "{ nodes = [\"10.0.0.5:6379\"] }"),
    ("chaos.faults", "[\"kill\", \"pause\", \"cut\"]"),
    ("chaos.targets", "[\"main.master\", \"sentinel[0]\", \"server[1]\"]"),
    ("chaos.every", "\"10s\""),
    ("chaos.lasts", "[\"2s\", \"8s\"]"),
    ("capacity.at_least_per_s", "800.0"),
    ("gate.base", "\"target/main/redrill\""),
    ("gate.candidate", "\"target/release/redrill\""),
];

impl Key {
    /// What its value is.
    ///
    /// # Panics
    /// A key without a default that stands in no table here, which a test finds.
    pub(super) fn takes(&self) -> Takes {
        let told = VALUES.iter().find(|(name, _)| *name == self.name).map(|(_, takes)| *takes);
        told.or_else(|| self.default().map(|default| of(&default))).unwrap_or(Takes::Text)
    }

    /// Its default, where that is always the same.
    pub(super) fn default(&self) -> Option<toml::Value> {
        let Given::Or(text) = self.given else { return None };
        value(text)
    }

    /// A value for a key that has no default.
    pub(super) fn example(&self) -> Option<toml::Value> {
        let (_, text) = EXAMPLES.iter().find(|(name, _)| *name == self.name)?;
        value(text)
    }
}

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

fn value(text: &str) -> Option<toml::Value> {
    toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?.remove("value")
}

/// The kind of a value.
fn of(default: &toml::Value) -> Takes {
    match default {
        toml::Value::String(text) if parse_duration(text).is_ok() => Takes::Time,
        toml::Value::Integer(_) => Takes::Whole(0, i64::MAX),
        toml::Value::Float(_) => Takes::Number(f64::MIN, f64::MAX),
        toml::Value::Array(_) => Takes::Texts,
        _ => Takes::Text,
    }
}

fn kinds() -> Vec<&'static str> {
    RunKind::ALL.map(RunKind::name).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};

    #[test]
    fn every_key_has_a_kind_and_nothing_else_is_told() {
        for key in KEYS {
            let is_told = VALUES.iter().any(|(name, _)| *name == key.name);
            assert!(is_told || key.default().is_some(), "what does {} take?", key.name);
        }
        for (name, _) in VALUES {
            assert!(find(name).is_some(), "there is no key {name}");
        }
        for (name, _) in EXAMPLES {
            assert!(find(name).is_some_and(|key| key.example().is_some()), "{name}");
        }
        for name in LISTS {
            let section = format!("{name}.");
            assert!(KEYS.iter().any(|key| key.name.starts_with(&section)), "{name}");
        }
    }

    /// A plan of that line, in its section.
    fn written(key: &Key, value: &str) -> Option<String> {
        let name = key.name.replace('X', "queue");
        let (section, name) = name.rsplit_once('.')?;
        let kind = section.split('.').next()?;
        let kind = if ["capacity", "gate"].contains(&kind) { kind } else { "drill" };
        Some(format!("kind = \"{kind}\"\n[{section}]\n{name} = {value}\n"))
    }

    #[test]
    fn numbers_are_bounded_as_they_are_read() {
        let mut seen = 0;
        for key in KEYS.iter().filter(|key| !LISTS.iter().any(|list| key.name.starts_with(list))) {
            let (inside, outside) = match key.takes() {
                // Without Sentinels there may be none of them, and with them none too many.
                Takes::Whole(0, _) => continue,
                Takes::Whole(least, most) => (
                    [least, most].map(|n| n.to_string()),
                    [least - 1, most + 1].map(|n| n.to_string()),
                ),
                Takes::Number(least, most) => (
                    [least, most].map(|n| n.to_string()),
                    [least * 0.99, most * 1.01].map(|n| n.to_string()),
                ),
                _ => continue,
            };
            let Some(_) = written(key, "0") else { continue };
            let read = |value: &String| {
                let overrides = Overrides { kind: Some(kind_of(key)), ..Overrides::default() };
                Plan::parse("my.toml", &written(key, value).unwrap(), &overrides)
            };
            for value in &inside {
                let told = read(value).err().map(|error| error.to_string()).unwrap_or_default();
                assert!(!told.contains("must be from"), "{} = {value}: {told}", key.name);
            }
            for value in &outside {
                let told = read(value).unwrap_err().to_string();
                assert!(told.contains("must be from"), "{} = {value}: {told}", key.name);
            }
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
    }

    fn kind_of(key: &Key) -> RunKind {
        match key.name.split('.').next() {
            Some("capacity") => RunKind::Capacity,
            Some("gate") => RunKind::Gate,
            _ => RunKind::Drill,
        }
    }
}
