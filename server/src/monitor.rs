//! What Redis says of itself, collected from time to time for the metrics.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::{Instrument as _, field};

use crate::app::App;
use crate::health::precise;
use crate::metrics::field_of;
use crate::redis::{Failure, Link, Repeat};

/// How soon it is tried again while a cluster's nodes are not known yet.
const SOON: Duration = Duration::from_millis(500);

/// Collects `every` so often, for as long as the process runs.
pub(crate) fn start(app: &Arc<App>, every: Duration) {
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let Some(app) = app.upgrade() else { return };
            let is_unknown = app.redis.roles().iter().any(|(_, link)| link.nodes().is_empty());
            collect(&app).await;
            if is_unknown {
                tick.reset_after(SOON.min(every));
            }
        }
    });
}

/// Asks every role for its `INFO`, the queues for their depths and presence for its users. What
/// cannot be asked keeps the values it had; `redis_info_collections_total` says so.
async fn collect(app: &App) {
    for (role, link) in app.redis.roles() {
        for (index, node) in link.nodes().iter().enumerate() {
            let outcome = match info(role, node).await {
                Ok(info) => {
                    app.metrics.info.set(role, &index.to_string(), &info);
                    "ok"
                }
                Err(failure) => {
                    tracing::debug!(role, %failure, "cannot collect INFO");
                    "error"
                }
            };
            app.metrics.collections.add(&[role, outcome]);
        }
    }
    if let Ok(queues) = app.queues.counts().await {
        for (queue, states) in queues {
            for (state, count) in states {
                app.metrics.jobs.set(&[queue, state], precise(count));
            }
        }
    }
    if let Ok(users) = app.presence.online().await {
        app.metrics.online.set(&[], precise(users));
    }
}

async fn info(role: &str, link: &Link) -> Result<String, Failure> {
    let span = tracing::debug_span!(
        "redis.monitor.collect_metrics",
        redis.client = role,
        redis.connected_clients = field::Empty,
        redis.used_memory = field::Empty,
        redis.commands_processed = field::Empty,
    );
    let cmd = redis::cmd("INFO");
    let info = link.call::<String>(&cmd, Repeat::Safe).instrument(span.clone()).await?.value;
    for (attribute, name) in [
        ("redis.connected_clients", "connected_clients"),
        ("redis.used_memory", "used_memory"),
        ("redis.commands_processed", "total_commands_processed"),
    ] {
        if let Some(number) = field_of(&info, name).and_then(|value| value.parse::<u64>().ok()) {
            span.record(attribute, number);
        }
    }
    Ok(info)
}
