//! A fault-injecting TCP proxy with Toxiproxy's HTTP API, and a typed client for it.
//!
//! [`serve`] runs the server on a listener, [`run`] does so from command-line [`Args`], and
//! [`client::Client`] drives this server and Shopify's alike. The data path is one task for each
//! connection; the toxics between its sockets are given the time and never wait, so no call of the
//! API waits for traffic.

#[cfg(test)]
mod tests;

mod api;
mod args;
pub mod client;
mod clock;
mod collection;
mod cut;
mod manual;
mod proxy;
mod random;
mod redis;
mod scope;
mod server;
mod toxic;
mod toxics;

pub use args::{Args, run, with_two_dashes};
pub use cut::{Cut, Mode};
pub use manual::with_manual;
pub use server::{Options, serve};
