//! What must hold of limits.

mod backwards;
mod degraded;
mod false_rejection;
mod header_truth;
mod hits;
mod over_admission;
#[cfg(test)]
mod simulation;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] = &[
    &over_admission::OverAdmission,
    &false_rejection::FalseRejection,
    &backwards::Backwards,
    &header_truth::HeaderTruth,
    &degraded::Degraded,
];
