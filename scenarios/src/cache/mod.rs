//! The capability `cache`: a read-through cache in front of the model API.

pub mod checkers;
mod scenario;

pub use scenario::Cache;
