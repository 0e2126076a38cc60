//! Timeout: no data gets through; the connection closes when none came for the time, if one is set.

use tokio::time::Instant;

use super::{Attribute, Context, End, Input, Kind, Removal, Runs, Stage, Step};

const TIMEOUT: Attribute = Attribute::millis(
    "timeout",
    "time after the last dropped chunk until the connection closes, in ms; 0 means never",
);

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "timeout",
    struct_name: "toxics.TimeoutToxic",
    attributes: &[TIMEOUT],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(Timeout { quiet_since: None })),
    removal: Removal::Close,
};

/// When the last chunk was dropped, or when the toxic began.
struct Timeout {
    quiet_since: Option<Instant>,
}

impl Stage for Timeout {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        if input.discard() {
            self.quiet_since = Some(context.now);
        }
        if input.ended().is_some() {
            return input.pass();
        }
        let quiet_since = *self.quiet_since.get_or_insert(context.now);
        let timeout = context.millis(&TIMEOUT);
        if timeout.is_zero() {
            return Step::Wait(None);
        }
        let due = quiet_since + timeout;
        if context.now < due { Step::Wait(Some(due)) } else { Step::End(End::Close) }
    }
}
