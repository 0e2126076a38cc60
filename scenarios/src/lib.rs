//! Per capability: what virtual users do, and what must hold of what came back.
//!
//! A capability's folder has its goose scenario and its checkers. A checker is a pure function of a
//! run; a scenario touches the service only through the target file's mapping.

pub mod cache;
pub mod capability;
pub mod capacity;
pub mod checker;
pub mod gate;
pub mod limiter;
pub mod load;
pub mod presence;
pub mod queue;
pub mod random;
pub mod service;
pub mod sessions;
pub mod statistics;
pub mod target;
pub mod text;
pub mod visit;
