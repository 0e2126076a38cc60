//! Every kind of fault on real parts: it acts, and however early it is stopped, the state after it
//! is the state before. A new kind is covered by being registered.

use crate::cluster::cluster;
use crate::environment::{Stage, ask, eventually, settles};
use crate::faults::planned;
use redrill::environment::Member;
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

/// Which nodes are masters where the kinds are played.
#[derive(Clone, Copy)]
struct Masters(&'static [&'static str]);

const ONE: Masters = Masters(&["main.master"]);
/// Each owns other slots than the next, and what a command to one of them does is its own.
const OF_A_CLUSTER: Masters = Masters(&["main.master[0]", "main.master[1]", "main.master[2]"]);

/// A plain plan of a kind, on targets that it can hit.
fn plain(fault: &dyn Fault, Masters(masters): Masters) -> PlannedFault {
    let lasts = fault.heals().map(|_| if fault.longest().is_some() { SHORT } else { LONG });
    let is_cluster = masters.len() > 1;
    let target = match fault.hits() {
        Hits::Master | Hits::Nodes | Hits::Writable => masters,
        Hits::Replicas => &["replicas"],
        Hits::Apis | Hits::Model => &["model"],
        _ if is_cluster => masters,
        _ => &["node[1]"],
    };
    let mut plain = planned(fault.name(), target, lasts);
    if fault.hits() == Hits::Pairs {
        plain.from = vec![if is_cluster { "replicas" } else { "node[2]" }.to_owned()];
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
    let mut ways = vec![plain(fault, ONE)];
    for setting in fault.settings() {
        if let Form::Choice(words) = setting.form {
            for word in &words[1..] {
                let mut chosen = plain(fault, ONE);
                chosen.with.insert(setting.name.to_owned(), Value::String((*word).to_owned()));
                ways.push(chosen);
            }
        }
    }
    if fault.hits() == Hits::Links {
        ways.push(PlannedFault { from: vec!["sentinel[0]".to_owned()], ..plain(fault, ONE) });
        // A Sentinel does not answer all that a node does.
        ways.push(PlannedFault { target: vec!["sentinel[2]".to_owned()], ..plain(fault, ONE) });
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

/// Sets a key of a master's own, whose name begins so.
async fn set_on(master: &Member, name: &str, rest: &str) -> String {
    for number in 0..100 {
        let key = format!("{name}{number}");
        let answer = ask(master, &format!("SET {key} value{rest}")).await;
        if answer == "+OK\r\n" {
            return key;
        }
        assert!(answer.starts_with("-MOVED"), "{} answered {answer}", master.name);
    }
    panic!("{} owns no slot", master.name);
}

/// Plays one fault until it acts, then stops it; it must leave no trace but the one it is for.
async fn play(stage: &Stage, planned: &PlannedFault, before: &State) {
    let environment = &stage.environment;
    let count = |wanted: fn(&EventKind) -> bool| {
        stage.events().iter().filter(|event| wanted(&event.kind)).count()
    };
    let ended: fn(&EventKind) -> bool =
        |kind| matches!(kind, EventKind::FaultInjected { .. } | EventKind::FaultFailed { .. });
    let played = count(ended);
    let mut keys = Vec::new();
    for (node, role) in environment.nodes().iter().zip(environment.roles()) {
        if role == NodeRole::Master {
            keys.push(set_on(node, "key", "").await);
            set_on(node, "brief", " EX 1000").await;
        }
    }
    let acted = async || count(ended) > played;
    let acts = eventually("an injected fault", Duration::from_secs(20), acted);
    stage.play(std::slice::from_ref(planned), acts).await;
    let failed = stage.events().into_iter().rev().take(3);
    let failed: Vec<_> =
        failed.filter(|event| matches!(event.kind, EventKind::FaultFailed { .. })).collect();
    assert!(failed.is_empty(), "{planned:?}: {failed:?}");
    settles(environment, Duration::from_secs(25)).await;
    assert_eq!(State::of(stage).await, *before, "after {planned:?}");
    let kept = if planned.kind == "flushall" { "$-1\r\n" } else { "$5\r\nvalue\r\n" };
    for key in keys {
        let mut told = Vec::new();
        for node in environment.nodes() {
            told.push(ask(node, &format!("GET {key}")).await);
        }
        // In a cluster its master alone knows it.
        told.retain(|answer| !answer.starts_with("-MOVED"));
        assert!(!told.is_empty(), "{key} is nobody's after {planned:?}");
        assert!(told.iter().all(|answer| answer == kept), "{key}: {told:?} after {planned:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_acts_and_a_stop_heals_it_to_the_state_before() {
    let stage = Stage::set().await;
    let before = State::of(&stage).await;
    for planned in FAULTS.iter().flat_map(|fault| ways(*fault)) {
        let masters = async || {
            let roles = stage.environment.roles();
            roles.iter().filter(|role| **role == NodeRole::Master).count() == 1
        };
        eventually("one master", Duration::from_secs(20), masters).await;
        play(&stage, &planned, &before).await;
    }
    let windows = Window::from_events(&stage.strike().await);
    assert!(windows.iter().all(|window| window.proof.is_some()), "{windows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_acts_on_each_master_of_a_cluster() {
    let stage = Stage::of(&cluster()).await;
    let before = State::of(&stage).await;
    for fault in FAULTS {
        play(&stage, &plain(*fault, OF_A_CLUSTER), &before).await;
    }
    for window in Window::from_events(&stage.strike().await) {
        let proof = window.proof.as_ref().unwrap();
        // A cut counts its links.
        let names: Vec<&str> = window.target.split(" from ").next().unwrap().split(", ").collect();
        let all_are_told = window.kind == "cut" || names.iter().all(|name| proof.contains(name));
        assert!(all_are_told, "{window:?}");
        let is_of_nodes = names.iter().all(|name| name.starts_with("node["));
        assert_eq!(names.len(), if is_of_nodes { 3 } else { 1 }, "{window:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_a_replica_lags_behind_its_own_master() {
    let stage = Stage::of(&cluster()).await;
    let injected = async || {
        stage.events().iter().any(|event| matches!(event.kind, EventKind::FaultInjected { .. }))
    };
    let mut lag = planned("replica-lag", &["main.replica[1]"], Some(LONG));
    lag.with.insert("lag".to_owned(), Value::String("300ms".to_owned()));
    stage.play(&[lag], eventually("a lag", Duration::from_secs(20), injected)).await;
    let windows = Window::from_events(&stage.strike().await);
    let proof = windows[0].proof.as_ref().unwrap();
    assert!(proof.starts_with("node[1]: latency"), "{proof}");
    assert!(proof.contains("node[4] is") && proof.contains("behind node[1]"), "{proof}");
}
