//! What must hold of every service: availability, recovery, and that the evidence can be trusted.

pub mod checkers;
pub(crate) mod rates;
pub(crate) mod thresholds;
pub mod trust;
