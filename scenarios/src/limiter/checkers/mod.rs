//! What must hold of the capability `limiter`.

use crate::checker::Checker;

/// The checkers, in the order in which reports show them.
pub const CHECKERS: &[&dyn Checker] = &[];
