//! Limit data: connections break after so much.

use super::probe::Probe;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const BYTES: Setting = Setting {
    name: "bytes",
    doc: "what passes on each connection until it is closed",
    form: Form::Whole { default: None, least: 0, most: 10_000_000 },
};

pub(super) const LIMIT_DATA: Toxic = Toxic {
    name: "limit_data",
    doc: "closes each connection to a node or Sentinel after so many bytes of its answers",
    heals: "answers as much as it is asked",
    settings: &[BYTES, STREAM, TOXICITY],
    make: |planned| {
        let bytes = BYTES.whole(planned)?;
        let toxic = NewToxic::new("limit_data").attribute("bytes", bytes);
        let probe = Probe::ping_of(usize::try_from(bytes)? + 64);
        let sign = Sign::of(probe, Shows::Closed(Duration::ZERO));
        Ok((toxic.on(stream(planned)?), sign))
    },
};
