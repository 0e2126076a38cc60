//! Requests to the cache and the model calls behind it, by prompt.

use redrill_history::{Action, Capability, Flags, Operation, RunView};
use std::collections::BTreeMap;

/// The requests for one prompt and the model calls for it, each in order of their start.
#[derive(Debug, Default)]
pub(super) struct Prompt<'a> {
    pub(super) requests: Vec<&'a Operation>,
    pub(super) calls: Vec<&'a Operation>,
}

/// Every prompt that was asked for or called for.
pub(super) fn prompts(run: &RunView) -> BTreeMap<u64, Prompt<'_>> {
    let mut prompts: BTreeMap<u64, Prompt<'_>> = BTreeMap::new();
    for op in run.operations.iter().filter(|op| op.action == Action::Generate) {
        prompts.entry(op.key).or_default().requests.push(op);
    }
    for call in model_calls(run) {
        prompts.entry(call.key).or_default().calls.push(call);
    }
    for prompt in prompts.values_mut() {
        prompt.requests.sort_by_key(|op| (op.started_ns, op.seq));
    }
    prompts
}

/// The calls that the cache's misses made, in order of their start.
pub(super) fn model_calls(run: &RunView) -> impl Iterator<Item = &Operation> {
    run.effects.iter().filter(|effect| {
        effect.capability == Capability::Cache && effect.action == Action::ModelCall
    })
}

/// True for an answer that says that it came from the cache.
pub(super) fn is_hit(op: &Operation) -> bool {
    op.is_ok() && op.flags.has(Flags::HIT)
}
