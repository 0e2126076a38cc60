//! redrill's reference server: response cache, sessions, rate limits, job queues and presence on
//! Redis, the way that survives a failover. It knows nothing of redrill and is spoken to over HTTP.

mod app;
mod body_limit;
mod cache;
mod clock;
#[cfg(feature = "planted-defects")]
mod defects;
mod doctor;
mod error;
mod finish;
mod health;
mod hex;
mod http;
mod json;
mod limits;
mod metrics;
mod monitor;
mod openapi;
mod presence;
mod queues;
mod random;
mod redis;
mod sessions;
mod settings;
mod telemetry;
mod upstream;

pub use app::run;
pub use doctor::{Depth, Diagnosis, State, examine};
pub use settings::{Args, Settings};
pub use telemetry::Telemetry;
