//! The capability `sessions`: what a user's session remembers.

pub mod checkers;
mod scenario;

pub use scenario::Sessions;
