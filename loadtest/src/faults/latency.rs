//! Latency: everything comes late.

use super::misfit::{Part, require};
use super::probe::Probe;
use super::setting::LEAST_TIME;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_history::print_duration;
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
        let least = latency.saturating_sub(jitter);
        require(least >= LEAST_TIME, Part::Setting(JITTER.name.to_owned()), || {
            let (latency, jitter) = (print_duration(latency), print_duration(jitter));
            format!("jitter = {jitter} must be 1ms less than latency, {latency}: some come at once")
        })?;
        let shows = Shows::Late(least, 2 * (latency + jitter));
        let toxic = NewToxic::latency(latency, jitter).on(stream(planned)?);
        Ok((toxic, Sign::of(Probe::ping(), shows)))
    },
};
