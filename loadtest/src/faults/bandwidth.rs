//! Bandwidth: a link that carries little.

use super::probe::Probe;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const RATE: Setting = Setting {
    name: "rate",
    doc: "what passes on each connection in a second, in KB of 1,000 bytes",
    form: Form::Whole { default: None, least: 1, most: 10_000 },
};

/// How long the probe takes, by the rate.
const PROBED: Duration = Duration::from_millis(200);

pub(super) const BANDWIDTH: Toxic = Toxic {
    name: "bandwidth",
    doc: "lets no more than a rate pass on each connection to a node or Sentinel",
    heals: "sends as fast as before",
    settings: &[RATE, STREAM, TOXICITY],
    make: |planned| {
        let bytes_per_ms = RATE.whole(planned)?;
        let bytes = bytes_per_ms.saturating_mul(PROBED.as_millis() as u64);
        let toxic = NewToxic::new("bandwidth").attribute("rate", bytes_per_ms);
        let probe = Probe::ping_of(usize::try_from(bytes)?);
        // The last of it may be under way when the first is counted.
        let shows = Shows::Late(PROBED / 2, 2 * PROBED);
        Ok((toxic.on(stream(planned)?), Sign::of(probe, shows)))
    },
};
