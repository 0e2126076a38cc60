//! Plans: what is written, strictly read; what is run, every default written out.

mod capacity;
mod catalogue;
mod chaos;
mod draw;
mod effects;
mod environment;
mod example;
mod external;
mod fault;
mod file;
mod gate;
mod image;
mod keys;
mod kind;
mod load;
#[cfg(test)]
mod meetings;
mod memory;
mod met;
#[cfg(test)]
mod mutations;
mod name;
mod needs;
mod objectives;
mod overlap;
mod paper;
mod picture;
mod place;
mod range;
#[cfg(test)]
mod refusals;
mod resolve;
mod schema;
mod settings;
mod shape;
mod takes;
mod target;
mod words;

pub(crate) use catalogue::catalogue;
pub(crate) use example::example;
pub(crate) use gate::tolerate;
pub use keys::{Given, KEYS, Key};
pub(crate) use load::{RATE_LEAST, RATE_MOST};
pub(crate) use picture::picture;
pub(crate) use schema::schema;

use crate::exit::unusable;
use crate::input;
use anyhow::Result;
use redrill_history::{ResolvedPlan, RunKind};
use redrill_scenarios::target::TargetFile;
use std::path::PathBuf;
use toml::de::DeTable;

/// The plans that come with redrill: name and text, in the order in which they are listed. The
/// first is the default drill.
pub const PLANS: &[(&str, &str)] = &[
    ("sentinel-failover", include_str!("../../../scenarios/plans/sentinel-failover.toml")),
    ("split-brain", include_str!("../../../scenarios/plans/split-brain.toml")),
    ("split-brain-naive", include_str!("../../../scenarios/plans/split-brain-naive.toml")),
    ("frozen-master", include_str!("../../../scenarios/plans/frozen-master.toml")),
    ("flapping-master", include_str!("../../../scenarios/plans/flapping-master.toml")),
    ("double-failure", include_str!("../../../scenarios/plans/double-failure.toml")),
    ("replica-lag", include_str!("../../../scenarios/plans/replica-lag.toml")),
    ("slow-redis", include_str!("../../../scenarios/plans/slow-redis.toml")),
    ("redis-away", include_str!("../../../scenarios/plans/redis-away.toml")),
    ("lost-replies", include_str!("../../../scenarios/plans/lost-replies.toml")),
    ("connection-storm", include_str!("../../../scenarios/plans/connection-storm.toml")),
    ("script-flush", include_str!("../../../scenarios/plans/script-flush.toml")),
    ("sentinels-partitioned", include_str!("../../../scenarios/plans/sentinels-partitioned.toml")),
    ("cache-cold", include_str!("../../../scenarios/plans/cache-cold.toml")),
    ("cache-memory-squeeze", include_str!("../../../scenarios/plans/cache-memory-squeeze.toml")),
    ("rolling-restart", include_str!("../../../scenarios/plans/rolling-restart.toml")),
    ("instance-crash", include_str!("../../../scenarios/plans/instance-crash.toml")),
    ("model-api-outage", include_str!("../../../scenarios/plans/model-api-outage.toml")),
    ("cluster-node-loss", include_str!("../../../scenarios/plans/cluster-node-loss.toml")),
    ("chaos", include_str!("../../../scenarios/plans/chaos.toml")),
    ("capacity", include_str!("../../../scenarios/plans/capacity.toml")),
    ("gate", include_str!("../../../scenarios/plans/gate.toml")),
    ("steady", include_str!("../../../scenarios/plans/steady.toml")),
];

/// The targets that come with redrill: name and text.
pub const TARGETS: &[(&str, &str)] =
    &[("reference", include_str!("../../../scenarios/targets/reference.toml"))];

/// A plan that was read and checked, with the target it names.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Every default written out.
    pub resolved: ResolvedPlan,
    /// The service under test.
    pub target: TargetFile,
}

/// What the command line changes in a plan.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The command that runs it; without one, the plan says for which it is.
    pub kind: Option<RunKind>,
    /// The seed.
    pub seed: Option<u64>,
    /// The image in whose containers nodes and Sentinels run, whatever the plan's backend.
    pub image: Option<String>,
    /// Thresholds besides the plan's.
    pub fail_if: Vec<String>,
    /// The rate that a capacity search must reach.
    pub at_least: Option<f64>,
    /// The file whose `[environment]` takes the place of the plan's.
    pub environment: Option<PathBuf>,
}

impl Plan {
    /// Reads the plan of that name, or the plan file at that path.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`], with the place in the file where there is one.
    pub fn load(name_or_path: &str, overrides: &Overrides) -> Result<Self> {
        let (label, text) = input::named(name_or_path, PLANS, "plan").map_err(unusable)?;
        Self::parse(&label, &text, overrides)
    }

    /// Reads a plan from its text; `label` is what messages call it.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`], with the place in the file where there is one.
    pub fn parse(label: &str, text: &str, overrides: &Overrides) -> Result<Self> {
        let source = place::Source { label, text };
        let table = DeTable::parse(text).map_err(|error| source.toml(&error))?.into_inner();
        if table.is_empty() {
            // Everything has a default; a plan of nothing is a file that was not written yet.
            let message = "the plan is empty; write at least its name and a [load] section \
                           ('redrill plan new' prints one to start from)";
            return Err(source.at(&(0..0), message));
        }
        shape::check(&table, &source)?;
        let file = toml::from_str::<file::PlanFile>(text).map_err(|error| source.toml(&error))?;
        let target = match &file.target.name {
            Some(name) => read_target(name.get_ref(), |message| source.at(&name.span(), &message))?,
            None => load_target(TARGETS[0].0)?,
        };
        let resolved = resolve::resolve(file, &target, overrides, &source)?;
        Ok(Self { resolved, target })
    }
}

/// The target of that name, or the target file at that path.
///
/// # Errors
/// [`crate::exit::Unusable`], with the place in the file where there is one.
pub(crate) fn load_target(name_or_path: &str) -> Result<TargetFile> {
    read_target(name_or_path, unusable)
}

/// The same; `refuse` says that there is no such file.
fn read_target(
    name_or_path: &str,
    refuse: impl FnOnce(String) -> anyhow::Error,
) -> Result<TargetFile> {
    let (label, text) = input::named(name_or_path, TARGETS, "target").map_err(refuse)?;
    let source = place::Source { label: &label, text: &text };
    TargetFile::parse(&text).map_err(|error| source.toml(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_that_comes_with_redrill_is_good_and_is_called_what_it_says() {
        for (name, _) in PLANS {
            let plan = Plan::load(name, &Overrides::default()).unwrap();
            assert_eq!(plan.resolved.name, *name);
        }
    }

    #[test]
    fn a_resolved_plan_is_a_plan_and_resolves_to_itself() {
        for (name, _) in PLANS {
            let plan =
                Plan::load(name, &Overrides { seed: Some(7), ..Overrides::default() }).unwrap();
            let text = plan.resolved.to_toml().unwrap();
            let again = Plan::parse("again", &text, &Overrides::default()).unwrap();
            assert_eq!(again.resolved, plan.resolved, "{text}");
        }
    }
}
