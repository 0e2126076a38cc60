//! The command line: Toxiproxy's flags.

use std::ffi::OsString;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::server::{Options, serve};

/// The flags of `redrill toxiproxy`, named as Toxiproxy's.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Host for the API to listen on
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// Port for the API to listen on; 0 picks a free one
    #[arg(long, default_value_t = 8474)]
    pub port: u16,
    /// JSON file of proxies to create on startup
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Seed for everything that toxics draw at random
    #[arg(long)]
    pub seed: Option<u64>,
    /// Tell the bytes through each proxy at /metrics
    #[arg(long)]
    pub proxy_metrics: bool,
    /// Tell the state of the runtime at /metrics
    #[arg(long)]
    pub runtime_metrics: bool,
    /// Never use io_uring, which carries connections without toxics where the kernel allows it
    #[arg(long)]
    pub portable: bool,
}

/// Flags with one dash, as Toxiproxy's server takes them, turned into flags with two. What is no
/// flag of [`Args`] stays as it is.
pub fn with_two_dashes(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const FLAGS: &[&str] = &[
        "host",
        "port",
        "config",
        "seed",
        "proxy-metrics",
        "runtime-metrics",
        "portable",
        "version",
    ];
    let double = |argument: OsString| {
        let flag = argument.to_str().and_then(|text| text.strip_prefix('-'));
        let name = flag.map(|flag| flag.split_once('=').map_or(flag, |(name, _)| name));
        match (flag, name) {
            (Some(flag), Some(name)) if FLAGS.contains(&name) => format!("--{flag}").into(),
            _ => argument,
        }
    };
    arguments.into_iter().map(double).collect()
}

/// Listens, tells the bound address through `ready`, and serves until `shutdown` is ready.
///
/// # Errors
/// An address that cannot be listened on, and those of [`serve`].
pub async fn run(
    args: Args,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let Args { host, port, config, seed, proxy_metrics, runtime_metrics, portable } = args;
    let listener = TcpListener::bind((host.as_str(), port)).await.with_context(|| {
        format!("cannot listen on {host}:{port}; choose another --port (0 picks a free one)")
    })?;
    ready(listener.local_addr().context("cannot tell the address of the API")?);
    let options = Options { config, seed, proxy_metrics, runtime_metrics, portable };
    serve(listener, options, shutdown).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_becomes_two() {
        let given = ["redrill", "toxiproxy", "-host", "::1", "-port=0", "--seed", "-1", "-h"];
        let wanted = ["redrill", "toxiproxy", "--host", "::1", "--port=0", "--seed", "-1", "-h"];
        assert_eq!(with_two_dashes(given.map(OsString::from)), wanted.map(OsString::from));
    }
}
