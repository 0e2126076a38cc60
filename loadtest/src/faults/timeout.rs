//! Timeout: connections stay open and nothing comes through.

use super::injected::each;
use super::probe::{SILENCE, Seen};
use super::setting::TOXICITY;
use super::{Fault, Form, Hits, Injected, Injection, Setting, toxic};
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const TIMEOUT: Setting = Setting {
    name: "timeout",
    doc: "silence after which the connection is closed; 0, the default, means never",
    form: Form::Duration { default: Some(Duration::ZERO) },
};

pub(super) struct Timeout;

impl Fault for Timeout {
    fn name(&self) -> &'static str {
        "timeout"
    }

    fn doc(&self) -> &'static str {
        "drops everything that a node or Sentinel sends to those that connected to it"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("answers again, on new connections")
    }

    fn hits(&self) -> Hits {
        Hits::Proxied
    }

    fn settings(&self) -> &'static [Setting] {
        &[TIMEOUT, TOXICITY]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, silence).boxed()
    }
}

async fn silence<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let toxic = NewToxic::timeout(TIMEOUT.duration(injection.planned)?);
    let acts = |seen| matches!(seen, Seen::Silence(_) | Seen::Closed);
    toxic::inject(injection, name, toxic, SILENCE, acts).await
}
