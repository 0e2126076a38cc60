//! Reset peer: connections break with a TCP reset.

use super::probe::Probe;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const AFTER: Setting = Setting {
    name: "timeout",
    doc: "from the first answer to the reset; 0 by default",
    form: Form::Duration { default: Some(Duration::ZERO) },
};

pub(super) const RESET_PEER: Toxic = Toxic {
    name: "reset_peer",
    doc: "resets the connections to a node or Sentinel as soon as it answers on them",
    heals: "answers again",
    settings: &[AFTER, STREAM, TOXICITY],
    make: |planned| {
        let after = AFTER.duration(planned)?;
        let toxic = NewToxic::reset_peer(after).on(stream(planned)?);
        Ok((toxic, Sign::of(Probe::ping(), Shows::Closed(after))))
    },
};
