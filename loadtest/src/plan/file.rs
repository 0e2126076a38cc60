//! A plan as it is written: everything optional, nothing unknown.

use super::gate::GateFile;
use redrill_history::{
    Bound, Capability, CapacityPlan, EffectsPlan, LimitPolicy, RunKind, serde_duration_option,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PlanFile {
    pub(super) name: Option<String>,
    pub(super) question: Option<String>,
    pub(super) seed: Option<u64>,
    /// Written by a resolved plan; says nothing to a new run.
    #[serde(rename = "redrill")]
    pub(super) _redrill: Option<String>,
    pub(super) kind: Option<Spanned<RunKind>>,
    pub(super) fail_if: Vec<Spanned<String>>,
    pub(super) capacity: Option<Spanned<CapacityPlan>>,
    pub(super) effects: Option<Spanned<EffectsPlan>>,
    pub(super) load: Option<LoadFile>,
    pub(super) target: Option<TargetSection>,
    pub(super) environment: Option<EnvironmentFile>,
    pub(super) fault: Vec<FaultFile>,
    pub(super) objectives: BTreeMap<Spanned<String>, Bound>,
    pub(super) gate: Option<GateFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LoadFile {
    #[serde(with = "serde_duration_option")]
    pub(super) duration: Option<Duration>,
    #[serde(with = "serde_duration_option")]
    pub(super) client_timeout: Option<Duration>,
    #[serde(with = "serde_duration_option")]
    pub(super) drain: Option<Duration>,
    pub(super) capabilities: Option<BTreeMap<Capability, CapabilityFile>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CapabilityFile {
    pub(super) model: Option<Spanned<String>>,
    pub(super) rate_per_s: Option<Spanned<f64>>,
    pub(super) vus: Option<Spanned<u32>>,
    pub(super) keys: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TargetSection {
    pub(super) name: Option<String>,
    pub(super) instances: Option<Spanned<u8>>,
    pub(super) promises: Option<PromisesFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PromisesFile {
    #[serde(with = "serde_duration_option")]
    pub(super) command_timeout: Option<Duration>,
    #[serde(with = "serde_duration_option")]
    pub(super) cache_ttl: Option<Duration>,
    #[serde(with = "serde_duration_option")]
    pub(super) session_ttl: Option<Duration>,
    #[serde(with = "serde_duration_option")]
    pub(super) job_lease: Option<Duration>,
    pub(super) job_attempts: Option<u32>,
    #[serde(with = "serde_duration_option")]
    pub(super) presence_ttl: Option<Duration>,
    pub(super) limits: Option<Vec<LimitPolicy>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EnvironmentFile {
    pub(super) backend: Option<Spanned<String>>,
    pub(super) topology: Option<Spanned<String>>,
    pub(super) replicas: Option<Spanned<u8>>,
    pub(super) sentinels: Option<Spanned<u8>>,
    pub(super) quorum: Option<Spanned<u8>>,
    #[serde(with = "serde_duration_option")]
    pub(super) down_after: Option<Duration>,
    #[serde(with = "serde_duration_option")]
    pub(super) failover_timeout: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultFile {
    pub(super) kind: Spanned<String>,
    pub(super) at: Spanned<String>,
    #[serde(rename = "for")]
    pub(super) lasts: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) target: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) from: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) with: BTreeMap<String, toml::Value>,
}
