//! The plan as it was run: every default written out. `plan.toml` of a run folder is this, and
//! reads back as a plan that runs the same again.

use crate::{Bound, Capability, EnvironmentPlan, GatePlan, GroupPlan, Threshold};
use crate::{serde_duration, serde_duration_option};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A plan with every default written out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedPlan {
    /// The plan's name, as `redrill drill NAME` takes it.
    pub name: String,
    /// What is done with it: which command runs it.
    #[serde(default)]
    pub kind: RunKind,
    /// The question that the run answers, in one sentence.
    pub question: String,
    /// Where every random choice of the run comes from.
    pub seed: u64,
    /// The version of redrill that resolved the plan.
    pub redrill: String,
    /// What must not be: in the load, or at a rate that counts as carried.
    #[serde(default)]
    pub fail_if: Vec<Threshold>,
    /// How the rate is searched, in a plan for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacityPlan>,
    /// What is asked of the service.
    pub load: LoadPlan,
    /// How the service's other dependencies are played.
    #[serde(default)]
    pub effects: EffectsPlan,
    /// The service under test and what it promises.
    pub target: TargetPlan,
    /// The Redis that the service lives on.
    pub environment: EnvironmentPlan,
    /// The timeline, in order of `at`.
    #[serde(default, rename = "fault")]
    pub faults: Vec<PlannedFault>,
    /// Bounds on findings' numbers, by finding id.
    #[serde(default)]
    pub objectives: BTreeMap<String, Bound>,
    /// How two sides are compared; absent in a run that compares none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GatePlan>,
}

/// What is done with a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// One load while faults act.
    #[default]
    Drill,
    /// One load without faults.
    Load,
    /// Steps of rising load, to learn how much is carried.
    Capacity,
    /// Blocks of two sides by turns, to learn whether one is worse.
    Gate,
}

impl RunKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Drill, Self::Load, Self::Capacity, Self::Gate];

    /// The command that runs it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drill => "drill",
            Self::Load => "load",
            Self::Capacity => "capacity",
            Self::Gate => "gate",
        }
    }

    /// True when the run has one load, of which every promise of the service is checked.
    pub const fn is_one_load(self) -> bool {
        matches!(self, Self::Drill | Self::Load)
    }
}

/// How a capacity search goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CapacityPlan {
    /// Arrivals a second in the first step, of all capabilities together.
    pub from_per_s: f64,
    /// The highest rate that is tried.
    pub most_per_s: f64,
    /// What the service must carry, where the search is a check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least_per_s: Option<f64>,
    /// The largest gap between a rate that held and one that broke, as a share.
    pub precision: f64,
    /// Length of a step.
    #[serde(with = "serde_duration")]
    pub step: Duration,
    /// The first part of a step, in which nothing is measured.
    #[serde(with = "serde_duration")]
    pub discard: Duration,
    /// No step is begun after this time.
    #[serde(with = "serde_duration")]
    pub within: Duration,
}

impl Default for CapacityPlan {
    fn default() -> Self {
        Self {
            from_per_s: 100.0,
            most_per_s: 50_000.0,
            at_least_per_s: None,
            precision: 0.05,
            step: Duration::from_secs(6),
            discard: Duration::from_secs(1),
            within: Duration::from_secs(210),
        }
    }
}

/// How the service's other dependencies are played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EffectsPlan {
    /// How long the model API thinks about a prompt of the cache.
    #[serde(with = "serde_duration")]
    pub model_takes: Duration,
    /// How long either API takes for a job.
    #[serde(with = "serde_duration")]
    pub job_takes: Duration,
    /// One job in so many takes one and a half times its lease, so that a worker must renew it;
    /// 0 for none.
    pub long_job_one_in: u64,
    /// Calls that are worked on at once, where that is bounded; others wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// The address on which the APIs listen, where it has to be known beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
}

impl Default for EffectsPlan {
    fn default() -> Self {
        Self {
            model_takes: Duration::from_millis(20),
            job_takes: Duration::from_millis(5),
            long_job_one_in: 0,
            at_once: None,
            listen: None,
        }
    }
}

/// What is asked of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    /// How long arrivals come.
    #[serde(with = "serde_duration")]
    pub duration: Duration,
    /// When a virtual user gives an answer up.
    #[serde(with = "serde_duration")]
    pub client_timeout: Duration,
    /// How long after the load the service may take to finish what it acknowledged.
    #[serde(with = "serde_duration")]
    pub drain: Duration,
    /// The load of each capability by name; one that is absent is not exercised.
    pub capabilities: BTreeMap<Capability, CapabilityLoad>,
}

/// The load of one capability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilityLoad {
    /// The arrival schedule's name: `constant`, …
    pub model: String,
    /// Arrivals a second.
    pub rate_per_s: f64,
    /// Virtual users.
    pub vus: u32,
    /// Different keys (prompts, clients) that the operations choose from, where the scenario has a
    /// fixed set of them.
    pub keys: u32,
}

/// The service under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPlan {
    /// The target file's name.
    pub name: String,
    /// Instances to start, or that run.
    pub instances: u8,
    /// Variables of the instances, beside or in place of the target file's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Those that somebody else has started, by `host:port`; none where the harness starts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// What the target promises: told to the target where its file maps them, and what the
    /// checkers hold it to.
    pub promises: Promises,
}

impl TargetPlan {
    /// Instances that the harness starts.
    pub fn started(&self) -> u8 {
        if self.addresses.is_empty() { self.instances } else { 0 }
    }
}

/// What the service promises, and so what checkers hold it to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promises {
    /// Longest that a call to the service waits for Redis.
    #[serde(with = "serde_duration")]
    pub command_timeout: Duration,
    /// How long a cached response may be served.
    #[serde(with = "serde_duration")]
    pub cache_ttl: Duration,
    /// How long a session lives after its last use.
    #[serde(with = "serde_duration")]
    pub session_ttl: Duration,
    /// How long a worker owns a job that it does not report on.
    #[serde(with = "serde_duration")]
    pub job_lease: Duration,
    /// How often a job is tried before it has failed.
    pub job_attempts: u32,
    /// How long a user may be shown after the last sign of life.
    #[serde(with = "serde_duration")]
    pub presence_ttl: Duration,
    /// Limits by policy, in the order of the policy numbers in [`crate::Action::limiter_key`].
    pub limits: Vec<LimitPolicy>,
}

/// One policy of the limiter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitPolicy {
    /// The policy's name: `general`, `llm`, `burst`.
    pub policy: String,
    /// Admitted hits of one client in a window.
    pub limit: u64,
    /// The window's length.
    #[serde(with = "serde_duration")]
    pub window: Duration,
}

/// A fault on the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// The kind's name in the registry of faults.
    pub kind: String,
    /// When it is injected, from the start of the load.
    #[serde(with = "serde_duration")]
    pub at: Duration,
    /// How long it lasts; absent for a fault that needs no healing.
    #[serde(rename = "for", default, with = "serde_duration_option")]
    pub lasts: Option<Duration>,
    /// What it hits: `main.master`, `sentinel[1]`, `server[0]`; a cut names two groups.
    pub target: Vec<String>,
    /// The other group of a cut; empty for other kinds.
    #[serde(default)]
    pub from: Vec<String>,
    /// The kind's own settings (a toxic's attributes).
    #[serde(default)]
    pub with: BTreeMap<String, toml::Value>,
    /// The kind of fault that takes its place where the backend cannot do this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// The kind of fault in whose place this one is, which the backend cannot do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

impl PlannedFault {
    /// A fault for tests: the master is killed at 12 s and comes back at 22 s.
    pub fn example() -> Self {
        Self {
            kind: "kill".to_owned(),
            at: Duration::from_secs(12),
            lasts: Some(Duration::from_secs(10)),
            target: vec!["main.master".to_owned()],
            from: Vec::new(),
            with: BTreeMap::new(),
            otherwise: None,
            instead_of: None,
        }
    }
}

impl ResolvedPlan {
    /// The plan as TOML.
    ///
    /// # Errors
    /// A number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// The policy with that number, if there is one.
    pub fn limit_policy(&self, number: u32) -> Option<&LimitPolicy> {
        self.target.promises.limits.get(number as usize)
    }

    /// A small plan for tests: one instance, everything at a stated round value.
    pub fn example() -> Self {
        let load = |rate_per_s| CapabilityLoad {
            model: "constant".to_owned(),
            rate_per_s,
            vus: 100,
            keys: 20,
        };
        Self {
            name: "example".to_owned(),
            question: "What does an example cost?".to_owned(),
            seed: 1,
            redrill: "0.0.0".to_owned(),
            kind: RunKind::Drill,
            fail_if: Vec::new(),
            capacity: None,
            effects: EffectsPlan::default(),
            load: LoadPlan {
                duration: Duration::from_secs(30),
                client_timeout: Duration::from_secs(2),
                drain: Duration::from_secs(10),
                capabilities: Capability::ALL.map(|capability| (capability, load(50.0))).into(),
            },
            target: TargetPlan {
                name: "reference".to_owned(),
                instances: 2,
                variables: BTreeMap::new(),
                addresses: Vec::new(),
                promises: Promises {
                    command_timeout: Duration::from_secs(1),
                    cache_ttl: Duration::from_secs(5),
                    session_ttl: Duration::from_secs(10),
                    job_lease: Duration::from_secs(2),
                    job_attempts: 3,
                    presence_ttl: Duration::from_secs(3),
                    limits: vec![LimitPolicy {
                        policy: "general".to_owned(),
                        limit: 10,
                        window: Duration::from_secs(2),
                    }],
                },
            },
            environment: EnvironmentPlan {
                backend: "processes".to_owned(),
                image: None,
                main: GroupPlan::example(),
                cache: None,
                sessions: None,
                external: None,
            },
            faults: Vec::new(),
            objectives: BTreeMap::new(),
            gate: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolved_plan_reads_back_as_itself() {
        let mut plan = ResolvedPlan::example();
        let with = BTreeMap::from([("latency".to_owned(), toml::Value::Integer(5))]);
        plan.faults.push(PlannedFault { with, ..PlannedFault::example() });
        plan.fail_if.push(Threshold::parse("p99 > 50ms for sessions.read").unwrap());
        plan.capacity =
            Some(CapacityPlan { at_least_per_s: Some(800.0), ..CapacityPlan::default() });
        plan.effects.at_once = Some(4);
        plan.environment.cache = Some(GroupPlan::example_of_one());
        plan.objectives.insert("queue.lost".to_owned(), Bound::Count(0));
        plan.objectives.insert("recovery".to_owned(), Bound::Time(Duration::from_secs(5)));
        let text = plan.to_toml().unwrap();
        assert_eq!(toml::from_str::<ResolvedPlan>(&text).unwrap(), plan, "{text}");
    }
}
