//! Down: nobody listens at the announced address, though the process is well.

use super::injected::each;
use super::probe::{HARNESS, HEALTHY, Seen, ping_from_harness};
use super::{Condition, Fault, Hits, Injected, Injection, Setting, toxic};
use crate::environment::Remedy;
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::PlannedFault;

pub(super) struct Down;

impl Fault for Down {
    fn name(&self) -> &'static str {
        "down"
    }

    fn doc(&self) -> &'static str {
        "refuses new connections to a node or Sentinel and closes those that exist"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("listens again at the same address")
    }

    fn hits(&self) -> Hits {
        Hits::Proxied
    }

    fn leaves(&self, _: &PlannedFault) -> Condition {
        Condition::Unreached
    }

    fn bears(&self, left: Condition) -> bool {
        left != Condition::Unreached
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, disable).boxed()
    }
}

async fn disable<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let environment = injection.environment;
    let announced = toxic::announced(environment, name)?;
    let proxy = toxic::proxy(environment, name)?;
    ensure!(environment.proxy().proxy(&proxy).await?.enabled, "{name} is down already");
    let api = environment.proxy().base().to_owned();
    let remedy = Remedy::Enable { api, proxy: proxy.clone() };
    let journalled = environment.journal(remedy.clone()).await?;
    if let Err(error) = environment.proxy().set_enabled(&proxy, false).await {
        // It may be down all the same, where the answer alone was lost.
        let _ = environment.proxy().set_enabled(&proxy, true).await;
        return Err(error.into());
    }
    let seen = ping_from_harness(announced, HEALTHY).await;
    let name = name.to_owned();
    let injected = Injected::new(format!("{name}: {seen} on {announced}"), async move {
        environment.proxy().set_enabled(&proxy, true).await?;
        toxic::assert_healed(environment, &name, HARNESS).await?;
        environment.healed(journalled).await
    });
    injected
        .looked_at(async move { remedy.undone().await })
        .if_proven(seen == Seen::Refused, "the proxy still listens")
        .await
}
