//! Latency: every answer comes late.

use super::injected::each;
use super::probe::{HEALTHY, Seen};
use super::setting::TOXICITY;
use super::{Fault, Form, Hits, Injected, Injection, Setting, toxic};
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const LATENCY: Setting = Setting {
    name: "latency",
    doc: "how late each answer comes",
    form: Form::Duration { default: None },
};

const JITTER: Setting = Setting {
    name: "jitter",
    doc: "by how much the latency varies either way; 0 by default",
    form: Form::Duration { default: Some(Duration::ZERO) },
};

pub(super) struct Latency;

impl Fault for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn doc(&self) -> &'static str {
        "delays everything that a node or Sentinel sends to those that connected to it"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("answers as fast as before")
    }

    fn hits(&self) -> Hits {
        Hits::Proxied
    }

    fn settings(&self) -> &'static [Setting] {
        &[LATENCY, JITTER, TOXICITY]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, delay).boxed()
    }
}

async fn delay<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let latency = LATENCY.duration(injection.planned)?;
    let jitter = JITTER.duration(injection.planned)?;
    let least = latency.saturating_sub(jitter);
    let acts = |seen| matches!(seen, Seen::Answer(after) if after >= least);
    let toxic = NewToxic::latency(latency, jitter);
    toxic::inject(injection, name, toxic, latency + jitter + HEALTHY, acts).await
}
