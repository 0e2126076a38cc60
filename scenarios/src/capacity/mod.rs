//! How much the service carries: what a capacity search is judged by.

mod rate;

use crate::checker::Checker;

/// The checkers, in the order of reports.
pub const CHECKERS: &[&dyn Checker] = &[&rate::Rate];
