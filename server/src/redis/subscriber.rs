//! A dedicated connection for messages: subscribed again whenever the master changes.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{Msg, RedisError};
use tokio::sync::mpsc;

use super::address::Address;
use super::link::Link;
use super::wire::Plan;

/// What a subscriber hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Subscribed, perhaps again: whatever was said before may have been missed.
    Subscribed,
    /// A message on the channel.
    Message(Vec<u8>),
}

const PAUSE: Duration = Duration::from_millis(50);
/// A subscribed connection is asked for a sign of life this often.
const PING: Duration = Duration::from_secs(1);

/// Listens to `channel` at the same node that `link`, which goes to one, uses, for as long as
/// anyone receives.
pub(crate) fn subscribe(link: &Link, channel: String) -> mpsc::Receiver<Heard> {
    let (sender, receiver) = mpsc::channel(4096);
    let link = link.clone();
    tokio::spawn(async move {
        while !sender.is_closed() {
            if let Err(error) = listen(&link, &channel, &sender).await {
                tracing::debug!(channel, %error, "lost a subscription");
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    receiver
}

async fn listen(link: &Link, channel: &str, heard: &mpsc::Sender<Heard>) -> Result<(), RedisError> {
    let plan = &link.plan;
    let deadline = crate::clock::now() + plan.dialer.timeout;
    let Some(live) = link.live(deadline).await else { return Ok(()) };
    let connecting = connect(plan, &live.address, channel);
    let pubsub =
        tokio::time::timeout(plan.dialer.timeout, connecting).await.map_err(|_| lost())??;
    let (mut sink, mut messages) = pubsub.split();
    if heard.send(Heard::Subscribed).await.is_err() {
        return Ok(());
    }
    let mut ping = tokio::time::interval(PING);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                let payload = Msg::get_payload_bytes(&message).to_vec();
                if heard.send(Heard::Message(payload)).await.is_err() {
                    return Ok(());
                }
            }
            // The commands' connection knows sooner than this one that the master is another.
            () = live.retired() => return Ok(()),
            _ = ping.tick() => {
                let ping = sink.ping::<redis::Value>();
                let answered = tokio::time::timeout(plan.command_timeout, ping);
                answered.await.map_err(|_| lost())??;
            }
        }
    }
}

async fn connect(plan: &Plan, address: &Address, channel: &str) -> Result<PubSub, RedisError> {
    let stream = plan.dialer.dial(address).await?;
    let mut pubsub = PubSub::new(&plan.login.info(), stream).await?;
    pubsub.subscribe(channel).await?;
    Ok(pubsub)
}

fn lost() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
