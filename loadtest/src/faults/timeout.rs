//! Timeout: connections stay open and nothing comes through.

use super::probe::Probe;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const SILENCE: Setting = Setting {
    name: "timeout",
    doc: "silence after which the connection is closed; 0, the default, means never",
    form: Form::Duration { default: Some(Duration::ZERO) },
};

pub(super) const TIMEOUT: Toxic = Toxic {
    name: "timeout",
    doc: "drops everything that a node or Sentinel sends to those that connected to it",
    heals: "answers again, on new connections",
    settings: &[SILENCE, STREAM, TOXICITY],
    make: |planned| {
        let toxic = NewToxic::timeout(SILENCE.duration(planned)?).on(stream(planned)?);
        Ok((toxic, Sign::of(Probe::ping(), Shows::SilentOrClosed)))
    },
};
