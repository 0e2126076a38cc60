//! What must hold of sessions.

mod leak;
mod lost;
mod lost_writes;
mod overdue;
mod refused;
mod register;
mod revived;
#[cfg(test)]
mod simulation;
mod stale;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] = &[
    &lost_writes::LostWrites,
    &stale::Stale,
    &lost::Lost,
    &leak::Leak,
    &refused::RefusedButWritten,
    &revived::Revived,
    &overdue::Overdue,
];
