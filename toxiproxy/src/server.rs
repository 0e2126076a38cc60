//! The server: the API on a listener, over a collection of proxies.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;

use crate::api::metrics::Metrics;
use crate::api::{self, proxies};
use crate::collection::Collection;
use crate::proxy::Server;
use crate::random;

/// How the server starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A JSON file of proxies to begin with, in the form of a populate.
    pub config: Option<PathBuf>,
    /// The seed of every random draw; two servers with one seed draw alike. None: a fresh one.
    pub seed: Option<u64>,
    /// Tell the bytes through each proxy at `/metrics`.
    pub proxy_metrics: bool,
    /// Tell the state of the runtime at `/metrics`.
    pub runtime_metrics: bool,
    /// Carry every connection in a task of its own, also where io_uring could.
    pub portable: bool,
}

/// Serves the API until `shutdown` is ready; then the proxies' connections are closed too.
///
/// # Errors
/// A configuration file that cannot be read, is wrong, or names an address that cannot be
/// listened on; a listener that fails.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let seed = options.seed.unwrap_or_else(random::fresh_seed);
    let collection = Arc::new(Collection::new(Server { seed, is_portable: options.portable }));
    if let Some(path) = &options.config {
        let place = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {place}"))?;
        populate(&collection, &bytes).await.with_context(|| format!("cannot use {place}"))?;
    }
    tracing::info!(seed, address = ?listener.local_addr(), "the proxy's API is ready");
    let Options { proxy_metrics: proxies, runtime_metrics: runtime, .. } = options;
    let router = api::router(Arc::clone(&collection), Metrics { proxies, runtime });
    let served = tokio::select! {
        served = listen(listener, router) => served,
        () = shutdown => Ok(()),
    };
    for proxy in collection.all() {
        proxy.stop().await;
    }
    served.context("the proxy's API failed")
}

async fn listen(listener: TcpListener, router: Router) -> io::Result<()> {
    axum::serve(listener, router).await
}

async fn populate(collection: &Collection, bytes: &[u8]) -> anyhow::Result<()> {
    let wanted = proxies::parse_all(bytes).map_err(|error| anyhow::anyhow!(error.message))?;
    match collection.populate(wanted).await {
        (_, Some(error)) => Err(anyhow::anyhow!(error.message)),
        (_, None) => Ok(()),
    }
}
