//! Processes: Redis or Valkey of this machine, as children of the harness.

use super::{Backend, Supply};
use crate::environment::RedisBinary;
use crate::exit::unusable;
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::EnvironmentPlan;

pub(super) struct Processes;

impl Backend for Processes {
    fn name(&self) -> &'static str {
        "processes"
    }

    fn doc(&self) -> &'static str {
        "redis-server or valkey-server from the PATH as child processes, which redrill starts \
         behind its own proxies and ends"
    }

    fn find<'a>(&self, _: &'a EnvironmentPlan) -> BoxFuture<'a, Result<Supply>> {
        find().boxed()
    }
}

async fn find() -> Result<Supply> {
    let redis = RedisBinary::find(&std::env::var_os("PATH").unwrap_or_default());
    Ok(Supply::Program(redis.map_err(|error| unusable(error.to_string()))?))
}
