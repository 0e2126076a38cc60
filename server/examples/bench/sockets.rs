//! What idle WebSockets cost in memory.

use anyhow::{Context as _, Result};
use tokio_tungstenite::connect_async;

use crate::process::Machine;

/// Resident memory of the server, in bytes, while `count` sockets are open and nobody speaks.
pub(crate) async fn memory(machine: &Machine, count: usize) -> Result<u64> {
    let url = format!("ws://{}/ws", machine.server.address);
    let mut open = Vec::with_capacity(count);
    for number in 0..count {
        let connected = connect_async(&url).await.with_context(|| {
            format!("socket {number} was not opened; 'ulimit -n' must be above {count}")
        });
        open.push(connected?);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    machine.server.memory()
}
