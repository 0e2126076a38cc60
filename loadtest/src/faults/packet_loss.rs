//! Packet loss: parts of what is sent vanish.

use super::probe::Probe;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;

const LOSS_RATE: Setting = Setting {
    name: "loss_rate",
    doc: "share of what is sent at once that vanishes, from 0.01 to 1; 0.1 by default",
    form: Form::Share { default: 0.1 },
};

pub(super) const PACKET_LOSS: Toxic = Toxic {
    name: "packet_loss",
    doc: "lets parts of what a node or Sentinel sends vanish from the stream, as TCP never does: \
          answers meet other questions (for what TCP repairs, latency with jitter)",
    heals: "loses nothing any more",
    settings: &[LOSS_RATE, STREAM, TOXICITY],
    make: |planned| {
        let share = LOSS_RATE.share(planned)?;
        let toxic = NewToxic::new("packet_loss").attribute("loss_rate", share);
        let sign = Sign { share, ..Sign::of(Probe::ping(), Shows::Silent) };
        Ok((toxic.on(stream(planned)?), sign))
    },
};
