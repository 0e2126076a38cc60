//! Latency: everything comes late.

use super::probe::Probe;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const DELAY: Setting = Setting {
    name: "latency",
    doc: "how late each answer comes",
    form: Form::Duration { default: None },
};

const JITTER: Setting = Setting {
    name: "jitter",
    doc: "by how much the latency varies either way; 0 by default",
    form: Form::Duration { default: Some(Duration::ZERO) },
};

pub(super) const LATENCY: Toxic = Toxic {
    name: "latency",
    doc: "delays everything that a node or Sentinel sends to those that connected to it",
    heals: "answers as fast as before",
    settings: &[DELAY, JITTER, STREAM, TOXICITY],
    make: |planned| {
        let (latency, jitter) = (DELAY.duration(planned)?, JITTER.duration(planned)?);
        let shows = Shows::Late(latency.saturating_sub(jitter), 2 * (latency + jitter));
        let toxic = NewToxic::latency(latency, jitter).on(stream(planned)?);
        Ok((toxic, Sign::of(Probe::ping(), shows)))
    },
};
