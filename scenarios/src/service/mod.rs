//! What must hold of every service: availability, recovery, and that the evidence can be trusted.

pub mod checkers;
mod rates;
pub mod trust;

pub(crate) use rates::rates_hold;
