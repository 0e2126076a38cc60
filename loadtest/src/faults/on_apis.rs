//! What the faults share that disturb the service's other dependencies, which the harness plays.

use super::injected::Parts;
use super::misfit::Misfit;
use super::{Fault, Hits, Injected, Injection, Setting};
use crate::effects::{Dependency, Disturbance, Effects};
use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::PlannedFault;
use redrill_history::clock::instant_now;
use std::time::Duration;

/// Probes of a dependency that fails on a share of its calls, at most.
const TRIES: u32 = 1500;

/// A kind of fault that disturbs each of its targets.
pub(super) struct OnApis {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) heals: &'static str,
    pub(super) hits: Hits,
    pub(super) settings: &'static [Setting],
    /// What a plan means.
    pub(super) make: fn(&PlannedFault) -> Result<Disturbance>,
}

impl Fault for OnApis {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn heals(&self) -> Option<&'static str> {
        Some(self.heals)
    }

    fn hits(&self) -> Hits {
        self.hits
    }

    fn settings(&self) -> &'static [Setting] {
        self.settings
    }

    fn agrees(&self, planned: &PlannedFault) -> Result<(), Misfit> {
        Ok((self.make)(planned).map(drop)?)
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        disturb_each(self.make, injection).boxed()
    }
}

type Make = fn(&PlannedFault) -> Result<Disturbance>;

async fn disturb_each(make: Make, injection: Injection<'_>) -> Result<Injected<'_>> {
    let effects = injection.effects.context("the harness plays no dependencies here")?;
    let mut parts = Parts::default();
    for name in &injection.targets {
        let dependency = Dependency::find(name);
        let dependency = dependency.with_context(|| format!("{name} is no dependency"))?;
        let disturbance = make(injection.planned)?;
        parts.add(disturb(effects, dependency, disturbance).await).await?;
    }
    Ok(parts.all())
}

/// The disturbance lives in the harness and ends with it: there is nothing to journal.
async fn disturb(
    effects: &Effects,
    dependency: Dependency,
    disturbance: Disturbance,
) -> Result<Injected<'_>> {
    let id = effects.disturbances().begin(dependency, disturbance);
    let seen = prove(effects, dependency, disturbance).await;
    let told = seen.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    let name = dependency.name();
    let injected = Injected::new(format!("{name}: {told}"), async move {
        effects.disturbances().end(id);
        if !effects.disturbances().disturb(dependency) {
            let seen = look(effects, dependency).await?;
            ensure!(seen.is_well(), "{name} is not well again: {}", seen.told());
        }
        Ok(())
    });
    injected.if_proven(seen.is_ok(), "the disturbance does not act").await
}

async fn prove(
    effects: &Effects,
    dependency: Dependency,
    disturbance: Disturbance,
) -> Result<String> {
    let tries = if matches!(disturbance, Disturbance::Failing(..)) { TRIES } else { 1 };
    let mut told = String::new();
    for _ in 0..tries {
        let seen = look(effects, dependency).await?;
        told = seen.told();
        let acts = match disturbance {
            Disturbance::Slow(later) => seen.after >= later,
            Disturbance::Failing(status, _) => seen.status == status.as_u16(),
            Disturbance::Wrong => !seen.is_answer,
        };
        if acts {
            return Ok(told);
        }
    }
    anyhow::bail!("{told}")
}

/// What a probe of a dependency met.
struct Seen {
    after: Duration,
    status: u16,
    is_answer: bool,
}

impl Seen {
    fn is_well(&self) -> bool {
        self.status == 200 && self.is_answer
    }

    fn told(&self) -> String {
        let what = if self.is_answer { "" } else { " without an answer" };
        format!("a call got {}{what} after {} ms", self.status, self.after.as_millis())
    }
}

async fn look(effects: &Effects, dependency: Dependency) -> Result<Seen> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let began = instant_now();
    let got = http.get(effects.probe_url(dependency)).send().await?;
    let status = got.status().as_u16();
    let is_answer = got.text().await?.contains("response");
    Ok(Seen { after: began.elapsed(), status, is_answer })
}
