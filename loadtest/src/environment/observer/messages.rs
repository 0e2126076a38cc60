//! What each Sentinel publishes.

use super::Sink;
use crate::environment::member::Member;
use anyhow::Result;
use futures_util::StreamExt;
use redrill_history::EventKind;
use std::time::Duration;
use tokio::time::sleep;

/// The pause before a broken subscription is made again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Records every message of the Sentinel, for as long as the task lives.
pub(super) async fn follow(sentinel: Member, sink: Sink) {
    loop {
        // It ends, well or not, when the Sentinel does; it may come back.
        let _ = subscription(&sentinel, &sink).await;
        sleep(AGAIN_AFTER).await;
    }
}

async fn subscription(sentinel: &Member, sink: &Sink) -> Result<()> {
    let mut subscription = sentinel.door().client()?.get_async_pubsub().await?;
    subscription.psubscribe("*").await?;
    let mut messages = subscription.on_message();
    while let Some(message) = messages.next().await {
        sink.event(EventKind::Sentinel {
            sentinel: sentinel.name.clone(),
            channel: message.get_channel_name().to_owned(),
            message: message.get_payload().unwrap_or_default(),
        });
    }
    Ok(())
}
