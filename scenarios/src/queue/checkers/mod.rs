//! What must hold of jobs.

mod accounting;
mod duplicated;
mod early;
mod ledger;
mod lost;
mod refused;
#[cfg(test)]
mod simulation;
mod stuck;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] = &[
    &accounting::Accounting,
    &lost::Lost,
    &stuck::Stuck,
    &refused::RefusedButExecuted,
    &early::Early,
    &duplicated::Duplicated,
];
