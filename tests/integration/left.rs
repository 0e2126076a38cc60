//! What a run leaves on a Redis that somebody else runs, when its harness was killed while the
//! roles had changed.

use crate::byhand::{ByHand, VARIABLE};
use crate::environment::{MACHINE, eventually, group};
use crate::external::{NOTHING, drill, events, heal, run_folder, servers};
use crate::faults::SECOND;
use redrill_history::clock::instant_now;
use redrill_history::{Event, EventKind};
use redrill_tests::redrill;
use redrill_toxiproxy::client::NewProxy;
use std::fs;
use std::process::{Child, Command, Stdio};

const MASTER_DOWN: &str = r#"
name = "master-down"

[load]
duration = "90s"

[load.capabilities.sessions]
rate_per_s = 20

[target]
instances = 1

[[fault]]
kind = "down"
at = "2s"
for = "60s"
target = ["main.master"]
"#;

/// What shows that a run has an environment for itself.
const CLAIM: &str = "claimed-by-a-run-of-redrill";

/// Starts a drill, and waits until its fault acts.
async fn amid_fault(there: &ByHand, plan: &str) -> Child {
    let _ = fs::remove_dir_all(there.folder.path().join("runs"));
    let mut command = drill(there, plan);
    let harness = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let acts = async || {
        let is_acting = |event: &Event| matches!(event.kind, EventKind::FaultInjected { .. });
        events(&run_folder(there)).iter().any(is_acting)
    };
    eventually("a fault that acts", 60 * SECOND, acts).await;
    harness
}

/// Kills a harness and its guardian.
fn kill_both(there: &ByHand, mut harness: Child) {
    let guardian = group(servers(&run_folder(there))[0]);
    for pid in [guardian, harness.id().to_string()] {
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    }
    harness.wait().unwrap();
}

/// Starts a drill, and waits until another node than the first is master and holds keys.
async fn amid_failover(there: &ByHand) -> Child {
    let harness = amid_fault(there, MASTER_DOWN).await;
    let promoted = async || {
        let mut promoted = 0;
        for node in &there.nodes[1..] {
            let is_master = there.ask(*node, "INFO replication").await.contains("role:master");
            let holds = there.ask(*node, "INFO keyspace").await.contains("keys=");
            promoted += usize::from(is_master && holds);
        }
        promoted == 1
    };
    eventually("another master", 60 * SECOND, promoted).await;
    harness
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_from_the_node_that_has_become_master_by_the_guardian_and_by_heal() {
    let _turn = MACHINE.read().await;
    let there = ByHand::start(true).await;
    let mut harness = amid_failover(&there).await;
    harness.kill().unwrap();
    harness.wait().unwrap();
    let healed = async || heal(&there) == (Some(0), NOTHING.to_owned());
    eventually("the guardian heals", 120 * SECOND, healed).await;
    assert!(there.is_empty().await, "the guardian left keys");

    let there = ByHand::start(true).await;
    let harness = amid_failover(&there).await;
    kill_both(&there, harness);
    let (code, said) = heal(&there);
    assert_eq!(code, Some(0), "{said}");
    assert!(there.is_empty().await, "{said}");
    assert_eq!(heal(&there), (Some(0), NOTHING.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_claims_go_though_a_replica_stays_dead() {
    let _turn = MACHINE.read().await;
    let there = ByHand::start(false).await;
    let slow = MASTER_DOWN.replace("\"down\"", "\"latency\"");
    let slow = slow.replace("\"main.master\"]", "\"main.master\"]\nwith.latency = \"20ms\"");
    let mut harness = amid_fault(&there, &slow).await;
    let others = &there.nodes[..2];
    eventually("keys", 20 * SECOND, async || !there.are_empty(others).await).await;
    there.lose_a_node().await;
    harness.kill().unwrap();
    harness.wait().unwrap();
    let healed = async || heal(&there) == (Some(0), NOTHING.to_owned());
    eventually("the guardian heals", 120 * SECOND, healed).await;
    assert!(there.are_empty(others).await, "keys or a claim are left");
    assert!(there.client.proxy(CLAIM).await.is_err(), "the claim on the proxies is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_is_one_runs_at_a_time_whatever_their_prefixes() {
    let _turn = MACHINE.read().await;
    let there = ByHand::start(true).await;
    // What nobody sees who looks at the proxies.
    let squeezed = MASTER_DOWN.replace("\"down\"", "\"memory-squeeze\"");
    let mut first = amid_fault(&there, &squeezed).await;
    let mut second = drill(&there, "name = \"second\"\n[load]\nduration = \"2s\"\n");
    let plan = there.folder.path().join("there.toml");
    fs::write(plan, there.environment() + "prefix = \"other:\"\n").unwrap();
    // Who comes by the same proxies, and who would come by others.
    for claimed in ["the Toxiproxy at", "the Redis at"] {
        let refused = second.output().unwrap();
        let told = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains(claimed) && told.contains(&format!("'{CLAIM}'")), "{told}");
        let _ = there.client.delete(CLAIM).await;
    }
    let pid = first.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(first.wait().unwrap().code(), Some(3));
    assert!(there.is_empty().await, "the first run's keys or its claim are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_proxies_are_gone_is_told_at_once_with_how_to_make_them_again() {
    let _turn = MACHINE.read().await;
    let there = ByHand::start(true).await;
    let proxies = there.client.proxies().await.unwrap();
    let harness = amid_fault(&there, MASTER_DOWN).await;
    kill_both(&there, harness);
    // Another run has what was given free by hand.
    let own = there.client.proxy(CLAIM).await.unwrap();
    there.client.delete(CLAIM).await.unwrap();
    there.client.create(&NewProxy::new(CLAIM, "127.0.0.1:0", "another:1")).await.unwrap();
    let (code, said) = heal(&there);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("in use by the run another"), "{said}");
    assert!(!there.client.proxy("redis 0").await.unwrap().enabled, "{said}");
    there.client.delete(CLAIM).await.unwrap();
    there.client.create(&NewProxy::new(CLAIM, "127.0.0.1:0", &own.upstream)).await.unwrap();
    // Waiting sets no variable.
    let begun = instant_now();
    let mut unset = Command::new(redrill());
    let unset = unset.args(["heal", "runs/latest"]).current_dir(there.folder.path());
    let output = unset.env_remove(VARIABLE).output().unwrap();
    let (said, took) = (String::from_utf8_lossy(&output.stderr), begun.elapsed());
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(VARIABLE) && took < 20 * SECOND, "{took:?}: {said}");
    for name in proxies.keys() {
        there.client.delete(name).await.unwrap();
    }
    let linked = async || {
        let mut linked = 0;
        for node in &there.nodes {
            let info = there.ask(*node, "INFO replication").await;
            linked += usize::from(info.contains("master_link_status:up"));
        }
        linked
    };
    eventually("replicas without a way", 20 * SECOND, async || linked().await == 0).await;
    let begun = instant_now();
    let (code, said) = heal(&there);
    let took = begun.elapsed();
    assert_eq!(code, Some(2), "{said}");
    // Trying again would take 20 s for each proxy.
    assert!(took < 20 * SECOND, "{took:?}: {said}");
    assert!(!said.contains("404") && said.contains("make them again"), "{said}");
    for (name, before) in &proxies {
        let call = format!("\"name\":\"{name}\"");
        assert!(said.contains("/proxies -d '") && said.contains(&call), "{call}: {said}");
        let again = NewProxy::new(name, &before.listen, &before.upstream);
        there.client.create(&again).await.unwrap();
    }
    let (code, said) = heal(&there);
    assert_eq!(code, Some(0), "{said}");
    assert!(there.is_empty().await, "{said}");
}
