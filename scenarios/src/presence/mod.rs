//! The capability `presence`: who is online.

pub mod checkers;
mod scenario;
mod socket;

pub use scenario::Presence;
