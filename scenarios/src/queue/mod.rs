//! The capability `queue`: jobs that must run.

pub mod checkers;
pub mod job;
mod scenario;

pub use scenario::Queue;
