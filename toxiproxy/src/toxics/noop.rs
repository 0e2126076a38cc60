//! Noop: everything passes. Measures what the chain of toxics costs.

use super::{Context, Input, Kind, Removal, Runs, Stage, Step};

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "noop",
    struct_name: "toxics.NoopToxic",
    attributes: &[],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(Noop)),
    removal: Removal::Flush,
};

struct Noop;

impl Stage for Noop {
    fn pull(&mut self, input: &mut Input, _: &mut Context<'_>) -> Step {
        input.pass()
    }
}
