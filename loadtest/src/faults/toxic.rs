//! What the faults that are toxics share: adding one to a proxy, proving it, removing it.

use super::probe::{HEALTHY, Seen, ping_from_harness};
use super::setting::TOXICITY;
use super::{Injected, Injection};
use crate::environment::{Environment, Remedy};
use anyhow::{Context, Result, ensure};
use redrill_toxiproxy::client::NewToxic;
use std::net::SocketAddr;
use std::time::Duration;

/// Adds the toxic to the proxy of `name`; `acts` says whether what a PING met within the time
/// shows it.
pub(super) async fn inject<'a>(
    injection: &Injection<'a>,
    name: &str,
    toxic: NewToxic,
    within: Duration,
    acts: impl Fn(Seen) -> bool,
) -> Result<Injected<'a>> {
    let environment = injection.environment;
    let announced = announced(environment, name)?;
    let share = TOXICITY.share(injection.planned)?;
    let label = format!("fault-{}", injection.index);
    let toxic = toxic.named(&label).toxicity(share);
    let journalled = environment.journal(Remedy::EndWithGroup).await?;
    let added = environment.proxy().add_toxic(name, &toxic).await?;
    let seen = ping_from_harness(announced, within).await;
    // On a share of the connections the probe's may be left out, and shows nothing.
    let is_proven = acts(seen) || share < 1.0;
    let listed = format!("{} on {share} of the connections", added.kind);
    let name = name.to_owned();
    let injected =
        Injected::new(format!("{name}: {listed}; {seen} through the proxy"), async move {
            environment.proxy().remove_toxic(&name, &label).await?;
            assert_healed(environment, &name).await?;
            environment.healed(journalled).await
        });
    if is_proven {
        return Ok(injected);
    }
    let proof = injected.proof().to_owned();
    injected.heal().await?;
    anyhow::bail!("the toxic does not act: {proof}")
}

/// The address of the proxy of a process.
pub(super) fn announced(environment: &Environment, name: &str) -> Result<SocketAddr> {
    let announced = environment.spec(name)?.announced;
    announced.with_context(|| format!("{name} has no proxy"))
}

/// A process that answers must be reached through its proxy, unless another fault is on it.
pub(super) async fn assert_healed(environment: &Environment, name: &str) -> Result<()> {
    let spec = environment.spec(name)?;
    let proxy = environment.proxy().proxy(name).await?;
    let is_disturbed = !proxy.enabled || !proxy.toxics.is_empty();
    if is_disturbed || !ping_from_harness(spec.address, HEALTHY).await.is_answer() {
        return Ok(());
    }
    let seen = ping_from_harness(announced(environment, name)?, HEALTHY).await;
    ensure!(seen.is_answer(), "{name} answers, but through its proxy {seen}");
    Ok(())
}
