//! Limit data: so many bytes pass, then the connection closes.

use super::attributes::{MOST_BYTES, Range};
use super::{Attribute, Context, End, Input, Kind, Removal, Runs, Stage, Step};

const BYTES: Attribute = Attribute {
    name: "bytes",
    about: "bytes that pass on a connection before it closes",
    range: Range::Whole(0..=MOST_BYTES, "int64"),
};

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "limit_data",
    struct_name: "toxics.LimitDataToxic",
    attributes: &[BYTES],
    check: |_| Ok(()),
    runs: Runs::OnBytes(|| Box::new(LimitData { passed: 0, triggered: false })),
    removal: Removal::Flush,
};

struct LimitData {
    /// Bytes that have passed; the count goes on when the limit is changed.
    passed: u64,
    /// A chunk was seen: a limit of nothing closes only then.
    triggered: bool,
}

impl Stage for LimitData {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        self.triggered |= !input.is_empty();
        let left = context.attributes.whole(&BYTES).saturating_sub(self.passed);
        if left == 0 && self.triggered {
            return Step::End(End::Close);
        }
        let Some(length) = input.front().map(|chunk| chunk.data.len()) else { return input.pass() };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(length);
        self.passed += u64::try_from(most).unwrap_or(u64::MAX);
        input.split(most)
    }
}
