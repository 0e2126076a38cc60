//! A Redis for each role: the service keeps in it what is of that role, and faults hit it by name.

use crate::environment::{MACHINE, eventually, tell};
use redrill_history::EnvironmentFacts;
use redrill_tests::redrill;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const HARNESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const APART: &str = r#"
[load]
duration = "6s"
drain = "1s"

[load.capabilities.cache]
rate_per_s = 40

[load.capabilities.sessions]
rate_per_s = 40

[target]
instances = 1

[environment]
topology = "standalone"

[environment.cache]
topology = "standalone"
maxmemory = "64mb"
maxmemory_policy = "allkeys-lru"

[[fault]]
kind = "pause"
at = "4s"
for = "1s"
target = ["cache"]
"#;

/// A harness that does not outlive its test.
struct Harness(Child);

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a process of a run listens; none before the run has told.
fn address(run: &Path, name: &str) -> Option<SocketAddr> {
    let text = fs::read(run.join("environment.json")).ok()?;
    let facts: EnvironmentFacts = serde_json::from_slice(&text).ok()?;
    let process = facts.processes.into_iter().find(|process| process.name == name)?;
    process.address.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_kept_in_its_own_redis_and_paused_there() {
    let _turn = MACHINE.read().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("apart.toml"), APART).unwrap();
    let mut command = Command::new(redrill());
    command.args(["drill", "apart.toml"]).current_dir(folder.path());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut harness = Harness(child);
    let run = folder.path().join("runs/latest");
    let told = async || address(&run, "server[0]").is_some();
    eventually("a service", Duration::from_secs(30), told).await;
    let main = address(&run, "node[0]").unwrap();
    let cache = address(&run, "cache.node[0]").unwrap();
    let ask = async |node, command| {
        tell(HARNESS, node, command, Duration::from_secs(2)).await.unwrap_or_default()
    };
    eventually("responses and sessions", Duration::from_secs(10), async || {
        let (cached, kept) = (ask(cache, "INFO keyspace").await, ask(main, "INFO keyspace").await);
        assert!(!cached.contains("db2:") && !kept.contains("db1:"), "{cached}{kept}");
        cached.contains("db1:keys=") && kept.contains("db2:keys=")
    })
    .await;
    let policy = ask(cache, "CONFIG GET maxmemory*").await;
    assert!(policy.contains("67108864") && policy.contains("allkeys-lru"), "{policy}");
    let unbounded = ask(main, "CONFIG GET maxmemory*").await;
    assert!(unbounded.contains("noeviction") && !unbounded.contains("67108864"), "{unbounded}");
    harness.0.wait().unwrap();
    let events = fs::read_to_string(run.join("events.ndjson")).unwrap();
    let proof = "cache.node[0]: process ";
    assert!(events.lines().any(|line| line.contains("fault-injected") && line.contains(proof)));
    assert!(events.contains("fault-healed"), "{events}");
}
