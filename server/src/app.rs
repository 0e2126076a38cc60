//! The service as a whole: what its routes share, which routes there are, and how it runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::serve::ListenerExt as _;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::cache::Cache;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::queues::Queues;
use crate::redis::Redis;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::upstream::Upstream;
use crate::{clock, http, monitor, openapi};

/// How long a stop waits for requests: a client that never sends the rest of one must not hold it.
const LONGEST_END: Duration = Duration::from_secs(20);

/// What every route can reach.
pub(crate) struct App {
    pub(crate) instance: String,
    pub(crate) instance_header: HeaderValue,
    pub(crate) started: Instant,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tells_metrics: bool,
    pub(crate) redis: Redis,
    pub(crate) cache: Cache,
    pub(crate) sessions: Sessions,
    pub(crate) limits: Limits,
    pub(crate) queues: Queues,
    pub(crate) presence: Presence,
}

impl App {
    fn start(settings: &Settings) -> io::Result<Arc<Self>> {
        let upstream = Upstream::new(settings).map_err(io::Error::other)?;
        let metrics = Arc::new(Metrics::default());
        let redis = Redis::start(&settings.redis, &metrics);
        let app = Arc::new(Self {
            instance: settings.instance.clone(),
            instance_header: HeaderValue::from_str(&settings.instance)
                .unwrap_or(HeaderValue::from_static("unknown")),
            started: clock::now(),
            cache: Cache::start(
                &settings.cache,
                redis.cache.clone(),
                upstream.clone(),
                Arc::clone(&metrics),
            ),
            sessions: Sessions::start(&settings.sessions, settings.production, &redis.sessions),
            limits: Limits::new(&settings.limits, redis.main.clone()),
            queues: Queues::start(settings, &redis, &upstream, &metrics),
            presence: Presence::start(settings, &redis.sessions, &metrics),
            metrics,
            tells_metrics: settings.collect_every.is_some(),
            redis,
        });
        if let Some(every) = settings.collect_every {
            monitor::start(&app, every);
        }
        Ok(app)
    }

    fn router(self: Arc<Self>) -> Router {
        let routes = openapi::routes();
        #[cfg(feature = "planted-defects")]
        let routes = routes.layer(axum::middleware::from_fn(crate::defects::delay));
        routes
            .fallback(http::no_such_path)
            .method_not_allowed_fallback(http::no_such_method)
            .layer(http::Observe(Arc::clone(&self)))
            .with_state(self)
    }
}

/// Serves until `shutdown` ends; then takes no more requests and no more jobs, and waits for those
/// that are under way. `ready` is told the address once connections are accepted; Redis need not be
/// there by then.
///
/// # Errors
/// The address cannot be listened on, or the system lets no HTTP client be made.
pub async fn run(
    settings: Settings,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        let listen = settings.listen;
        io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}; set PORT"))
    })?;
    let address = listener.local_addr()?;
    let app = App::start(&settings)?;
    let service = Arc::clone(&app).router().into_make_service_with_connect_info::<SocketAddr>();
    ready(address);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let stopping = Arc::clone(&app);
    let (told, ending) = oneshot::channel::<()>();
    let shutdown = async move {
        shutdown.await;
        stopping.presence.close();
        drop(told);
    };
    let ending = async { drop(ending.await) }.shared();
    let serving = axum::serve(listener, service).with_graceful_shutdown(shutdown).into_future();
    let serving = async {
        tokio::select! {
            served = serving => served,
            () = async { ending.clone().await; tokio::time::sleep(LONGEST_END).await } => {
                tracing::warn!("left requests that took too long to finish");
                Ok(())
            }
        }
    };
    let working = async {
        ending.clone().await;
        app.queues.stop().await;
    };
    let ((), served) = tokio::join!(working, serving);
    tokio::join!(app.presence.leave(), app.cache.leave());
    served
}

#[cfg(test)]
mod tests {
    use super::LONGEST_END;
    use crate::{cache, presence, telemetry};

    /// Kubernetes and most others kill what has not ended after 30 s.
    #[test]
    fn all_waits_of_a_stop_take_no_longer_than_readme_says() {
        let said: Vec<&str> = include_str!("../../README.md").split_whitespace().collect();
        let most = LONGEST_END + presence::GOODBYE.max(cache::GOODBYE) + telemetry::PATIENCE;
        let most = most.as_secs();
        assert!(most < 30, "{most} s");
        assert!(said.join(" ").contains(&format!("A stop takes at most {most} s.")), "{most} s");
    }
}
