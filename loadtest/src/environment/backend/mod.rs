//! Where the nodes of an environment come from: one file a backend.

mod docker;
mod external;
mod need;
mod processes;

pub use need::Need;

use super::redis_binary::RedisBinary;
use super::survey::Survey;
use anyhow::{Result, bail};
use futures_util::future::BoxFuture;
use redrill_history::{EnvironmentPlan, PlannedFault};

/// Every backend, the first the default.
pub const BACKENDS: &[&dyn Backend] =
    &[&processes::Processes, &docker::Docker, &external::External];

/// A way to have the nodes, Sentinels and proxies of a plan.
pub trait Backend: Sync {
    /// Its name in plans.
    fn name(&self) -> &'static str;
    /// What it is, in a sentence.
    fn doc(&self) -> &'static str;
    /// Why it does not have what a fault needs, and what can be done instead; none where it has.
    fn lacks(
        &self,
        _need: Need,
        _planned: &PlannedFault,
        _plan: &EnvironmentPlan,
    ) -> Option<String> {
        None
    }
    /// Looks for what the environment is to be made of, before anything is begun.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`]: what is missing, and what to do.
    fn find<'a>(&self, plan: &'a EnvironmentPlan) -> BoxFuture<'a, Result<Supply>>;
}

/// What an environment is made of.
#[derive(Clone)]
pub enum Supply {
    /// A program that is started for each node and Sentinel.
    Program(RedisBinary),
    /// Nodes, Sentinels and proxies that are there.
    Adopted(Box<Survey>),
}

impl Supply {
    /// The version of Redis.
    pub fn version(&self) -> &str {
        match self {
            Self::Program(redis) => &redis.version,
            Self::Adopted(survey) => &survey.version,
        }
    }
}

/// The backend of that name.
///
/// # Errors
/// There is none; the message lists those that there are.
pub fn backend(name: &str) -> Result<&'static dyn Backend> {
    let Some(found) = BACKENDS.iter().find(|backend| backend.name() == name) else {
        bail!("there is no backend \"{name}\"; there are {}", backend_names().join(", "))
    };
    Ok(*found)
}

/// The names of all backends.
pub fn backend_names() -> Vec<&'static str> {
    BACKENDS.iter().map(|backend| backend.name()).collect()
}
