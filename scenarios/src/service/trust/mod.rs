//! Whether the run is evidence at all. These never fail: what cannot be trusted is inconclusive.

mod coverage;
mod faults;
mod generator;
mod history;
mod promotions;
mod sentinel;
mod timers;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] = &[
    &history::History,
    &coverage::Coverage,
    &timers::Timers,
    &generator::Generator,
    &sentinel::Sentinel,
    &faults::Faults,
];
