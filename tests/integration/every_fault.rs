//! Every kind of fault on real parts: it acts, and however early it is stopped, the state after it
//! is the state before. A new kind is covered by being registered.

use crate::environment::{Stage, ask, eventually, settles};
use crate::faults::planned;
use redrill::faults::{FAULTS, Fault, Form, Hits};
use redrill_history::{EventKind, NodeRole, PlannedFault, Window};
use redrill_toxiproxy::client::{Client, Proxy};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;
use toml::Value;

/// Faults that cannot be ended early last so long: less than what makes Sentinel act.
const SHORT: Duration = Duration::from_millis(700);
/// All others would last so long, if they were not stopped.
const LONG: Duration = Duration::from_secs(60);

/// A plain plan of a kind, on a target that it can hit.
fn plain(fault: &dyn Fault) -> PlannedFault {
    let lasts = fault.heals().map(|_| if fault.longest().is_some() { SHORT } else { LONG });
    let target = match fault.hits() {
        Hits::Master | Hits::Nodes | Hits::Writable => "main.master",
        Hits::Replicas => "replicas",
        Hits::Apis | Hits::Model => "model",
        _ => "node[1]",
    };
    let mut plain = planned(fault.name(), &[target], lasts);
    if fault.hits() == Hits::Pairs {
        plain.from = vec!["node[2]".to_owned()];
    }
    for setting in fault.settings().iter().filter(|setting| setting.is_required()) {
        let value = match setting.form {
            Form::Duration { .. } => Value::String("120ms".to_owned()),
            _ => Value::Integer(16),
        };
        plain.with.insert(setting.name.to_owned(), value);
    }
    plain
}

/// Every way to plan a kind that the test plays: plain, each word where it has a choice, and, where
/// it can be, on the links with one peer and on those of a Sentinel.
fn ways(fault: &dyn Fault) -> Vec<PlannedFault> {
    let mut ways = vec![plain(fault)];
    for setting in fault.settings() {
        if let Form::Choice(words) = setting.form {
            for word in &words[1..] {
                let mut chosen = plain(fault);
                chosen.with.insert(setting.name.to_owned(), Value::String((*word).to_owned()));
                ways.push(chosen);
            }
        }
    }
    if fault.hits() == Hits::Links {
        ways.push(PlannedFault { from: vec!["sentinel[0]".to_owned()], ..plain(fault) });
        // A Sentinel does not answer all that a node does.
        ways.push(PlannedFault { target: vec!["sentinel[2]".to_owned()], ..plain(fault) });
    }
    ways
}

/// What a fault may change and must give back.
#[derive(Debug, PartialEq)]
struct State {
    processes: BTreeSet<String>,
    proxies: BTreeMap<String, Proxy>,
    cuts: Vec<String>,
    configurations: Vec<BTreeMap<String, String>>,
    saves: Vec<bool>,
}

impl State {
    async fn of(stage: &Stage) -> Self {
        let environment = &stage.environment;
        let facts = environment.facts().processes;
        let address = facts.iter().find(|process| process.name == "proxy").unwrap();
        let client = Client::new(address.address.parse::<SocketAddr>().unwrap());
        let proxies = client.proxies().await.unwrap();
        let mut cuts = Vec::new();
        for name in proxies.keys() {
            let cut = client.cut_of(name).await.unwrap();
            cuts.extend((!cut.peers.is_empty()).then(|| format!("{name}: {cut:?}")));
        }
        let (mut configurations, mut saves) = (Vec::new(), Vec::new());
        for node in environment.nodes() {
            let told = ask(node, "CONFIG GET *").await;
            let words: Vec<&str> = told.split("\r\n").skip(2).step_by(2).collect();
            let pairs = words.chunks_exact(2);
            let mut pairs: BTreeMap<String, String> =
                pairs.map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect();
            assert!(pairs.len() > 100, "{told}");
            // Whom it follows is a matter of roles.
            pairs.retain(|name, _| !["replicaof", "slaveof"].contains(&name.as_str()));
            configurations.push(pairs);
            let info = ask(node, "INFO persistence").await;
            saves.push(info.contains("rdb_last_bgsave_status:ok"));
        }
        let running = facts.into_iter().map(|process| process.name);
        let running = running.filter(|name| environment.is_running(name)).collect();
        Self { processes: running, proxies, cuts, configurations, saves }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_acts_and_a_stop_heals_it_to_the_state_before() {
    let stage = Stage::set().await;
    let environment = &stage.environment;
    let before = State::of(&stage).await;
    let count = |wanted: fn(&EventKind) -> bool| {
        stage.events().iter().filter(|event| wanted(&event.kind)).count()
    };
    for (played, planned) in FAULTS.iter().flat_map(|fault| ways(*fault)).enumerate() {
        let masters = async || {
            let roles = environment.roles();
            roles.iter().filter(|role| **role == NodeRole::Master).count() == 1
        };
        eventually("one master", Duration::from_secs(20), masters).await;
        let master = environment.master().await.unwrap();
        for command in ["SET key value", "SET brief value EX 1000"] {
            assert_eq!(ask(master, command).await, "+OK\r\n");
        }
        let acted = async || {
            count(|kind| {
                matches!(kind, EventKind::FaultInjected { .. } | EventKind::FaultFailed { .. })
            }) > played
        };
        let acts = eventually("an injected fault", Duration::from_secs(20), acted);
        stage.play(std::slice::from_ref(&planned), acts).await;
        let failed = stage.events().into_iter().rev().take(3);
        let failed: Vec<_> =
            failed.filter(|event| matches!(event.kind, EventKind::FaultFailed { .. })).collect();
        assert!(failed.is_empty(), "{planned:?}: {failed:?}");
        settles(environment, Duration::from_secs(25)).await;
        assert_eq!(State::of(&stage).await, before, "after {planned:?}");
        let kept = if planned.kind == "flushall" { "$-1\r\n" } else { "$5\r\nvalue\r\n" };
        for node in environment.nodes() {
            assert_eq!(ask(node, "GET key").await, kept, "{} after {planned:?}", node.name);
        }
    }
    let windows = Window::from_events(&stage.strike().await);
    assert!(windows.iter().all(|window| window.proof.is_some()), "{windows:?}");
}
