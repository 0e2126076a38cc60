//! Slow close: data passes, the close of the connection comes later.

use tokio::time::Instant;

use super::{Attribute, Context, Input, Kind, Removal, Runs, Stage, Step};

const DELAY: Attribute = Attribute::millis("delay", "delay of the close, in ms");

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "slow_close",
    struct_name: "toxics.SlowCloseToxic",
    attributes: &[DELAY],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(SlowClose { ended: None })),
    removal: Removal::Flush,
};

/// When the end came.
struct SlowClose {
    ended: Option<Instant>,
}

impl Stage for SlowClose {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        if !input.is_empty() || input.ended().is_none() {
            return input.pass();
        }
        let due = *self.ended.get_or_insert(context.now) + context.millis(&DELAY);
        if context.now < due { Step::Wait(Some(due)) } else { input.pass() }
    }
}
