//! Reset peer: connections break with a TCP reset.

use super::injected::each;
use super::probe::{HEALTHY, Seen};
use super::setting::TOXICITY;
use super::{Fault, Form, Hits, Injected, Injection, Setting, toxic};
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const TIMEOUT: Setting = Setting {
    name: "timeout",
    doc: "from the first answer to the reset; 0 by default",
    form: Form::Duration { default: Some(Duration::ZERO) },
};

pub(super) struct ResetPeer;

impl Fault for ResetPeer {
    fn name(&self) -> &'static str {
        "reset_peer"
    }

    fn doc(&self) -> &'static str {
        "resets the connections to a node or Sentinel as soon as it answers on them"
    }

    fn heals(&self) -> Option<&'static str> {
        Some("answers again")
    }

    fn hits(&self) -> Hits {
        Hits::Proxied
    }

    fn settings(&self) -> &'static [Setting] {
        &[TIMEOUT, TOXICITY]
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        each(injection, reset).boxed()
    }
}

async fn reset<'a>(injection: &Injection<'a>, name: &str) -> Result<Injected<'a>> {
    let timeout = TIMEOUT.duration(injection.planned)?;
    let toxic = NewToxic::reset_peer(timeout);
    let acts = |seen| seen == Seen::Closed;
    toxic::inject(injection, name, toxic, timeout + HEALTHY, acts).await
}
