//! Others on what a run works on: what is theirs stays, and what they undo of a fault is told.

use crate::byhand::ByHand;
use crate::environment::ONE_AT_A_TIME;
use crate::external::{drill, events, run_folder};
use crate::faults::SECOND;
use redrill_history::{Event, EventKind};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

const CLOSING: &str = r#"
name = "closing"

[load]
duration = "6s"
drain = "3s"

[load.capabilities.sessions]
rate_per_s = 50

[target]
instances = 1

[[fault]]
kind = "error-replies"
at = "2s"
for = "2s"
target = ["main.master"]
"#;

/// A client that keeps its connection.
fn connect(address: &str) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(10 * SECOND)).unwrap();
    assert!(is_served(&client));
    client
}

fn is_served(mut client: &TcpStream) -> bool {
    let mut answer = [0; 7];
    let asked = client.write_all(b"PING\r\n").and_then(|()| client.read_exact(&mut answer));
    asked.is_ok() && answer == *b"+PONG\r\n"
}

/// What failed of faults, by the events of a run.
fn failures(run: &Path) -> Vec<String> {
    let reason = |event: Event| match event.kind {
        EventKind::FaultFailed { reason, .. } => Some(reason),
        _ => None,
    };
    events(run).into_iter().filter_map(reason).collect()
}

fn acting(run: &Path) -> usize {
    let is_acting = |event: &&Event| matches!(event.kind, EventKind::FaultInjected { .. });
    events(run).iter().filter(is_acting).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_closes_connections_closes_those_through_the_proxy_alone() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let there = ByHand::start(false).await;
    let around = connect(&there.nodes[0].to_string());
    let through = connect(&there.client.proxy("redis 0").await.unwrap().listen);
    let mut command = drill(&there, CLOSING);
    let shared = there.environment() + "prefix = \"drill:\"\n";
    fs::write(there.folder.path().join("there.toml"), shared).unwrap();
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{told}");
    let run = run_folder(&there);
    // The service met it: its connections were closed.
    assert_eq!((acting(&run), failures(&run)), (1, Vec::new()), "{told}");
    assert!(is_served(&around), "somebody's connection around the proxy was closed");
    assert!(!is_served(&through));
}
