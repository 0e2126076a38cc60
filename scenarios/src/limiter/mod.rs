//! The capability `limiter`: requests a client may make in a window.

pub mod checkers;
mod scenario;

pub use scenario::Limiter;
