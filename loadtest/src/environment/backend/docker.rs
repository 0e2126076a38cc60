//! Docker: the Redis or Valkey of an image, each node and Sentinel in a container.

use super::{Backend, Supply};
use crate::environment::docker::{DEFAULT_IMAGE, redis_in};
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::EnvironmentPlan;

pub(super) struct Docker;

impl Backend for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn doc(&self) -> &'static str {
        "the Redis or Valkey of an image, each node and Sentinel in a container on this machine's \
         network; the rest, and every fault, is as with processes"
    }

    fn find<'a>(&self, plan: &'a EnvironmentPlan) -> BoxFuture<'a, Result<Supply>> {
        find(plan).boxed()
    }
}

async fn find(plan: &EnvironmentPlan) -> Result<Supply> {
    let image = plan.image.as_deref().unwrap_or(DEFAULT_IMAGE);
    Ok(Supply::Program(redis_in(image).await?))
}
