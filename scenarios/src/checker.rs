//! What a checker is, and running all of them.

use redrill_history::{Finding, RunView};

/// A pure function of a run: one statement that must hold, and what was found of it.
pub trait Checker: Sync {
    /// `<capability>.<name>`; objectives in plans name it.
    fn id(&self) -> &'static str;
    /// What must hold, in plain words.
    fn statement(&self) -> &'static str;
    /// Examines the run. The verdict is set by the caller from the plan's objective, unless the
    /// checker itself says that its evidence is worthless.
    fn check(&self, run: &RunView) -> Finding;
}
