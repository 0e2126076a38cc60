//! The service as a whole: what its routes share, which routes there are, and how it runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
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
use crate::{cache, clock, health, http, limits, openapi, presence, queues, sessions};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// What every route can reach.
pub(crate) struct App {
    pub(crate) instance: String,
    pub(crate) instance_header: HeaderValue,
    pub(crate) started: Instant,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) redis: Redis,
    pub(crate) cache: Cache,
    pub(crate) sessions: Sessions,
    pub(crate) limits: Limits,
    pub(crate) queues: Queues,
    pub(crate) presence: Presence,
}

impl App {
    fn start(settings: &Settings) -> Arc<Self> {
        let metrics = Arc::new(Metrics::default());
        let redis = Redis::start(&settings.redis, &metrics);
        let upstream = Upstream::new(settings);
        Arc::new(Self {
            instance: settings.instance.clone(),
            instance_header: HeaderValue::from_str(&settings.instance)
                .unwrap_or(HeaderValue::from_static("unknown")),
            started: clock::now(),
            cache: Cache::start(&settings.cache, redis.cache.clone(), upstream.clone()),
            sessions: Sessions::start(&settings.sessions, settings.production, &redis.sessions),
            limits: Limits::new(&settings.limits, redis.main.clone()),
            queues: Queues::start(settings, &redis, &upstream),
            presence: Presence::start(settings, &redis.sessions),
            metrics,
            redis,
        })
    }

    fn router(self: Arc<Self>) -> Router {
        let observe = axum::middleware::from_fn_with_state(Arc::clone(&self), http::observe);
        Router::new()
            .merge(cache::routes())
            .merge(sessions::routes())
            .merge(limits::routes())
            .merge(queues::routes())
            .merge(presence::routes())
            .merge(health::routes())
            .merge(openapi::routes())
            .fallback(http::no_such_path)
            .method_not_allowed_fallback(http::no_such_method)
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .layer(observe)
            .with_state(self)
    }
}

/// Serves until `shutdown` ends. `ready` is told the address once connections are accepted;
/// Redis need not be there by then.
///
/// # Errors
/// The address cannot be listened on.
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
    let app = App::start(&settings);
    let service = Arc::clone(&app).router().into_make_service_with_connect_info::<SocketAddr>();
    ready(address);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let stopping = Arc::clone(&app);
    let shutdown = async move {
        shutdown.await;
        stopping.presence.close();
    };
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await?;
    app.queues.stop().await;
    app.presence.leave().await;
    Ok(())
}
