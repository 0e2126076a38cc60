//! A plan as it is written: everything optional, nothing unknown, and where each value stands.

use super::capacity::CapacityFile;
use super::chaos::ChaosFile;
use super::effects::EffectsFile;
use super::environment::EnvironmentFile;
use super::fault::FaultFile;
use super::gate::GateFile;
use super::load::LoadFile;
use super::target::TargetSection;
use redrill_history::{Bound, RunKind, serde_duration};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PlanFile {
    pub(super) name: Option<Spanned<String>>,
    pub(super) question: Option<Spanned<String>>,
    pub(super) seed: Option<u64>,
    /// Written by a resolved plan: the version that its words are those of.
    pub(super) redrill: Option<Spanned<String>>,
    pub(super) kind: Option<Spanned<RunKind>>,
    pub(super) fail_if: Vec<Spanned<String>>,
    pub(super) capacity: Option<Spanned<CapacityFile>>,
    pub(super) chaos: Option<Spanned<ChaosFile>>,
    pub(super) effects: EffectsFile,
    pub(super) load: LoadFile,
    pub(super) target: TargetSection,
    pub(super) environment: EnvironmentFile,
    pub(super) fault: Vec<FaultFile>,
    pub(super) objectives: BTreeMap<Spanned<String>, Spanned<Bound>>,
    pub(super) gate: Option<Spanned<GateFile>>,
}

/// A file that has nothing but the environment of plans.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentOnly {
    pub(super) environment: EnvironmentFile,
}

/// A duration as it is written.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Time(#[serde(with = "serde_duration")] pub(super) Duration);
