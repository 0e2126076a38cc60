//! What must hold of the service as a whole.

mod availability;
mod detection;
mod recovery;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] =
    &[&availability::Availability, &detection::Detection, &recovery::Recovery];
