//! When a replica became master, and when a Sentinel first said so: asked and heard directly, not
//! through the proxies.

use crate::service::{Mode, Taken};
use anyhow::{Context, Result};
use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{Client, Value, cmd};
use redrill::environment::{Environment, Member};
use redrill_history::clock::RunClock;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// A replica is asked for its role so often.
const EVERY: Duration = Duration::from_millis(2);
/// How long after the change of role a Sentinel may say so.
const SAID_WITHIN: Duration = Duration::from_secs(10);
const MESSAGES: [&str; 2] = ["+promoted-slave", "+switch-master"];

pub(crate) struct Watch {
    changed: mpsc::Receiver<(u64, Member)>,
    said: mpsc::Receiver<u64>,
    clock: RunClock,
}

/// A replica that was promoted.
pub(crate) struct Promoted {
    pub(crate) role_ns: u64,
    pub(crate) message_ns: u64,
    pub(crate) run_id: String,
    connection: MultiplexedConnection,
}

impl Watch {
    /// Begins to watch all nodes but the master, and all Sentinels.
    pub(crate) async fn start(environment: &Environment, clock: RunClock) -> Result<Self> {
        let (change, changed) = mpsc::channel(8);
        let (say, said) = mpsc::channel(64);
        let master = environment.master().await?.name.clone();
        for node in environment.nodes().iter().filter(|node| node.name != master) {
            let mut connection = connect(node).await?;
            let (node, change) = (node.clone(), change.clone());
            tokio::spawn(async move {
                loop {
                    // A promotion closes the connection.
                    match is_master(&mut connection).await {
                        Ok(true) => break,
                        Ok(false) => {}
                        Err(_) => match connect(&node).await {
                            Ok(another) => connection = another,
                            Err(_) => return,
                        },
                    }
                    sleep(EVERY).await;
                }
                let _ = change.send((clock.now_ns(), node)).await;
            });
        }
        for sentinel in environment.sentinels() {
            let mut messages = client(sentinel)?.get_async_pubsub().await?;
            messages.subscribe(&MESSAGES).await?;
            let say = say.clone();
            tokio::spawn(async move {
                if messages.on_message().next().await.is_some() {
                    let _ = say.send(clock.now_ns()).await;
                }
            });
        }
        Ok(Self { changed, said, clock })
    }

    /// Waits for the promotion, and for a Sentinel to tell of it.
    pub(crate) async fn promotion(&mut self) -> Result<Promoted> {
        let (role_ns, node) = self.changed.recv().await.context("no replica is left")?;
        let said = timeout(SAID_WITHIN, self.said.recv()).await;
        let message_ns = said.ok().flatten().unwrap_or_else(|| self.clock.now_ns());
        let mut connection = connect(&node).await?;
        let info: String = cmd("INFO").arg("server").query_async(&mut connection).await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        let run_id = run_id.context("no run id")?.trim().to_owned();
        Ok(Promoted { role_ns, message_ns, run_id, connection })
    }

    /// Whether yet another node has become master since.
    pub(crate) fn has_changed_again(&mut self) -> bool {
        self.changed.try_recv().is_ok()
    }
}

impl Promoted {
    /// Those of these jobs that it does not have.
    pub(crate) async fn lost<'a>(&self, mode: Mode, taken: &'a [Taken]) -> Result<Vec<&'a Taken>> {
        let mut connection = self.connection.clone();
        let mut lost = Vec::new();
        for some in taken.chunks(100) {
            let mut pipeline = redis::pipe();
            for Taken { id, .. } in some {
                let key = format!("{}prompt-card:queue:{{llm-processing}}:job:{id}", mode.prefix());
                pipeline.cmd("EXISTS").arg(key);
            }
            let exist: Vec<u8> = pipeline.query_async(&mut connection).await?;
            let missing = some.iter().zip(exist).filter(|(_, exists)| *exists == 0);
            lost.extend(missing.map(|(taken, _)| taken));
        }
        Ok(lost)
    }
}

fn client(member: &Member) -> Result<Client> {
    Ok(Client::open(format!("redis://{}/", member.direct))?)
}

async fn connect(member: &Member) -> Result<MultiplexedConnection> {
    Ok(client(member)?.get_multiplexed_async_connection().await?)
}

async fn is_master(connection: &mut MultiplexedConnection) -> Result<bool> {
    let role: Value = cmd("ROLE").query_async(connection).await?;
    let Value::Array(parts) = role else { return Ok(false) };
    Ok(matches!(parts.first(), Some(Value::BulkString(name)) if name == b"master"))
}
