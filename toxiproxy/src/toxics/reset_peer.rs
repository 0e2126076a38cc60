//! Reset peer: a while after the first chunk or the close, both peers get a TCP RST.

use tokio::time::Instant;

use super::{Attribute, Context, End, Input, Kind, Removal, Runs, Stage, Step};

const TIMEOUT: Attribute =
    Attribute::millis("timeout", "time from the first chunk until the reset, in ms");

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "reset_peer",
    struct_name: "toxics.ResetToxic",
    attributes: &[TIMEOUT],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(ResetPeer { began: None })),
    removal: Removal::Flush,
};

/// When the first chunk, or the end, was seen.
struct ResetPeer {
    began: Option<Instant>,
}

impl Stage for ResetPeer {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        if input.is_empty() && input.ended().is_none() {
            return Step::Wait(None);
        }
        let due = *self.began.get_or_insert(context.now) + context.millis(&TIMEOUT);
        if context.now < due { Step::Wait(Some(due)) } else { Step::End(End::Reset) }
    }
}
