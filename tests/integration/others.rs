//! Others on what a run works on: what is theirs stays, and what they undo of a fault is told.

use crate::byhand::ByHand;
use crate::environment::{MACHINE, eventually};
use crate::external::{drill, events, run_folder};
use crate::faults::SECOND;
use redrill_history::{EnvironmentFacts, Event, EventKind};
use redrill_tests::redrill;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

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
    let _turn = MACHINE.read().await;
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

const LONG: &str = r#"
name = "undone"

[load]
duration = "14s"
drain = "3s"

[load.capabilities.sessions]
rate_per_s = 20

[target]
instances = 1
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_somebody_else_undoes_did_not_act_as_planned() {
    let _turn = MACHINE.read().await;
    let there = ByHand::start(false).await;
    let before = there.state().await;
    let mut plan = LONG.to_owned();
    for (kind, target, with) in [
        ("down", "node[1]", ""),
        ("latency", "node[2]", "latency = \"100ms\""),
        ("memory-squeeze", "main.master", "policy = \"allkeys-random\""),
        ("client-pause", "node[2]", "mode = \"write\""),
    ] {
        plan += &format!(
            "[[fault]]\nkind = \"{kind}\"\nat = \"2s\"\nfor = \"10s\"\n\
             target = [\"{target}\"]\nwith = {{ {with} }}\n"
        );
    }
    let mut command = drill(&there, &plan);
    let mut harness = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let run = run_folder(&there);
    eventually("four faults", 60 * SECOND, async || acting(&run) == 4).await;
    there.client.reset().await.unwrap();
    // One of the two settings.
    let had = &before.1[0]["maxmemory"];
    there.ask(there.nodes[0], &format!("CONFIG SET maxmemory {had}")).await;
    there.ask(there.nodes[2], "CLIENT UNPAUSE").await;
    // Sessions that were evicted are lost.
    assert!(matches!(harness.wait().unwrap().code(), Some(1 | 3)));
    let told = failures(&run);
    assert_eq!(told.len(), 4, "{told:?}");
    for sign in ["redis 1 listens", "redis 2 has no toxic", "maxmemory of", "what waited after"] {
        let is_told = |told: &String| told.contains("somebody else") && told.contains(sign);
        assert!(told.iter().any(is_told), "{sign}: {told:?}");
    }
    assert_eq!(there.changed(&before).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_somebody_else_lets_go_on_was_not_paused_as_planned() {
    let _turn = MACHINE.read().await;
    let folder = tempfile::tempdir().unwrap();
    let fault = |kind: &str, target: &str, with: &str| {
        format!(
            "[[fault]]\nkind = \"{kind}\"\nat = \"2s\"\nfor = \"8s\"\n\
             target = [\"{target}\"]\nwith = {{ {with} }}\n"
        )
    };
    let flaps = fault("flap", "sentinel[1]", "how = \"pause\", down = \"7s\"");
    let plan = LONG.to_owned() + &fault("pause", "sentinel[0]", "") + &flaps;
    fs::write(folder.path().join("plan.toml"), plan).unwrap();
    let mut command = Command::new(redrill());
    command.args(["drill", "plan.toml"]).current_dir(&folder);
    let mut harness = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let run = folder.path().join("runs/latest");
    eventually("two pauses", 60 * SECOND, async || acting(&run) == 2).await;
    let facts = fs::read(run.join("environment.json")).unwrap();
    let facts: EnvironmentFacts = serde_json::from_slice(&facts).unwrap();
    let is_paused = |name: &str| ["sentinel[0]", "sentinel[1]"].contains(&name);
    let paused = facts.processes.iter().filter(|process| is_paused(&process.name));
    let pids: Vec<String> = paused.map(|process| process.pid.to_string()).collect();
    assert!(Command::new("kill").arg("-CONT").args(&pids).status().unwrap().success());
    assert_eq!(harness.wait().unwrap().code(), Some(3));
    let told = failures(&run);
    assert_eq!((told.len(), pids.len()), (2, 2), "{told:?}");
    for pid in pids {
        let goes_on = format!("process {pid} goes on");
        assert!(told.iter().any(|told| told.contains(&goes_on)), "{pid}: {told:?}");
    }
}
