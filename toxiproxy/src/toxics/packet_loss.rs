//! Packet loss: chunks vanish from the stream, so what arrives has gaps (a TCP stream never has:
//! for a loss that TCP repairs, use latency with jitter).

use rand::Rng;

use super::attributes::Range;
use super::{Attribute, Context, Input, Kind, Removal, Runs, Stage, Step};

const LOSS_RATE: Attribute =
    Attribute { name: "loss_rate", about: "share of chunks that vanish", range: Range::Share(0.0) };
const CORRELATION: Attribute = Attribute {
    name: "correlation",
    about: "how much each draw follows the one before, from 0 (not at all) to 1",
    range: Range::Share(0.0),
};

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "packet_loss",
    struct_name: "toxics.PacketLossToxic",
    attributes: &[LOSS_RATE, CORRELATION],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(PacketLoss { last_draw: None })),
    removal: Removal::Flush,
};

/// The last draw, which the next one follows as far as they are correlated.
struct PacketLoss {
    last_draw: Option<f64>,
}

impl Stage for PacketLoss {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        let loss_rate = context.attributes.share(&LOSS_RATE);
        let correlation = context.attributes.share(&CORRELATION);
        while !input.is_empty() {
            let fresh: f64 = context.random.random();
            let last = self.last_draw.unwrap_or(fresh);
            let draw = correlation.mul_add(last, (1.0 - correlation) * fresh);
            self.last_draw = Some(draw);
            if draw >= loss_rate {
                break;
            }
            input.pop();
        }
        input.pass()
    }
}
