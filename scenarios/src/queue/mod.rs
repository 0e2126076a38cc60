//! The capability `queue`: its scenario and its checkers.

pub mod job;
