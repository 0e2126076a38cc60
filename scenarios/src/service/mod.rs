//! What must hold of every service: availability, recovery, and that the evidence can be trusted.

pub mod checkers;
pub(crate) mod rates;
pub mod trust;
