//! redrill's reference server: response cache, sessions, rate limits, job queues and presence on
//! Redis, the way that survives a failover. It knows nothing of redrill and is spoken to over HTTP.

mod app;
mod cache;
mod clock;
#[cfg(feature = "planted-defects")]
mod defects;
mod error;
mod health;
mod hex;
mod http;
mod limits;
mod metrics;
mod openapi;
mod presence;
mod queues;
mod random;
mod redis;
mod sessions;
mod settings;
mod upstream;

pub use app::run;
pub use settings::{Args, Settings};
