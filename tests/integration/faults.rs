//! Faults on real parts: each acts, is proven, and is healed to the state before.

use crate::environment::{Stage, ask, eventually, settles, tell};
use redrill_history::{Event, EventKind, NodeRole, PlannedFault, SECOND_NS, Window};
use std::collections::BTreeMap;
use std::future::pending;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::sleep;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HARNESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A fault at once.
pub(crate) fn planned(kind: &str, target: &[&str], lasts: Option<Duration>) -> PlannedFault {
    PlannedFault {
        kind: kind.to_owned(),
        at: Duration::ZERO,
        lasts,
        target: target.iter().map(|name| (*name).to_owned()).collect(),
        from: Vec::new(),
        with: BTreeMap::new(),
        otherwise: None,
        instead_of: None,
    }
}

/// The windows of the faults, which must all have been injected and proven.
pub(crate) fn windows(events: &[Event]) -> Vec<Window> {
    let failed: Vec<_> =
        events.iter().filter(|e| matches!(e.kind, EventKind::FaultFailed { .. })).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let windows = Window::from_events(events);
    assert!(windows.iter().all(|window| window.proof.is_some()), "{windows:?}");
    windows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_master_is_replaced_and_comes_back_as_a_replica() {
    let stage = Stage::set().await;
    let environment = &stage.environment;
    let set = tell(HARNESS, environment.nodes()[0].announced, "SET key value", SECOND).await;
    assert_eq!(set.as_deref(), Some("+OK\r\n"));
    stage.play(&[planned("kill", &["main.master"], Some(5 * SECOND))], pending()).await;
    // The old master is told by a Sentinel that it is none any more, 8 to 20 s after its return.
    settles(environment, 25 * SECOND).await;
    assert_eq!(environment.roles()[0], NodeRole::Replica);
    for node in environment.nodes() {
        assert_eq!(ask(node, "GET key").await, "$5\r\nvalue\r\n", "{}", node.name);
    }
    let events = stage.strike().await;
    let window = &windows(&events)[0];
    assert_eq!(window.target, "node[0]");
    assert!(window.proof.as_ref().unwrap().contains("a connection was refused"), "{window:?}");
    let healed_ns = window.healed_ns.unwrap();
    assert!(healed_ns - window.begun_ns >= 5 * SECOND_NS, "{window:?}");
    let promotion = events.iter().find(|event| {
        let is_master = matches!(&event.kind, EventKind::Role { role: NodeRole::Master, .. });
        is_master && event.at_ns > window.begun_ns
    });
    let promotion_ns = promotion.expect("a promotion").at_ns - window.begun_ns;
    assert!((SECOND_NS..6 * SECOND_NS).contains(&promotion_ns), "after {promotion_ns} ns");
    let is_down =
        |event: &&Event| matches!(&event.kind, EventKind::Role { role: NodeRole::Down, .. });
    let downs: Vec<&Event> = events.iter().filter(is_down).collect();
    assert_eq!(downs.len(), 1, "only the killed node was ever down: {downs:?}");
    let switch = |event: &&Event| {
        let EventKind::Sentinel { channel, .. } = &event.kind else { return false };
        channel == "+switch-master"
    };
    assert!(events.iter().filter(switch).count() >= 3, "every Sentinel names the new master");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_cannot_be_told_from_none_is_said_to_have_failed() {
    let stage = Stage::set().await;
    let on = |target: &str, commands: &str, lasts: u32| {
        let mut fault = planned("error-replies", &[target], Some(lasts * SECOND));
        fault.with.insert("commands".to_owned(), commands.into());
        fault
    };
    let late = PlannedFault { at: SECOND, ..on("node[1]", "EXISTS", 1) };
    // Nobody asks the nodes anything here but the probes.
    let faults =
        [on("node[0]", "GETDEL", 1), on("node[0]", "NOSUCH", 1), on("node[1]", "EXISTS", 3), late];
    stage.play(&faults, pending()).await;
    let events = stage.strike().await;
    let mut failed: Vec<(usize, &str)> = Vec::new();
    for event in &events {
        if let EventKind::FaultFailed { fault, reason } = &event.kind {
            failed.push((*fault, reason));
        }
    }
    failed.sort_unstable();
    let expected =
        [(0, "gave no command"), (1, "knows no command NOSUCH"), (3, "before the fault")];
    let is_expected = |((fault, reason), (index, words)): (&(usize, &str), &(usize, &str))| {
        fault == index && reason.contains(words)
    };
    assert!(failed.len() == 3 && failed.iter().zip(&expected).all(is_expected), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_for_the_named_peers_alone_and_holds_until_its_last_window_ends() {
    let stage = Stage::set().await;
    let [master, near, far] = stage.environment.nodes() else { panic!("three nodes") };
    let cut = |at: u32, lasts: u32| PlannedFault {
        at: at * SECOND,
        from: vec!["node[2]".to_owned()],
        ..planned("cut", &["main.master"], Some(lasts * SECOND))
    };
    let reaches = async |source: IpAddr| {
        let answer = tell(source, master.announced, "PING", SECOND / 2).await;
        answer.is_some_and(|answer| answer.contains("PONG"))
    };
    let watched = async {
        let count = |wanted: fn(&EventKind) -> bool| {
            stage.events().iter().filter(|event| wanted(&event.kind)).count()
        };
        let injected = |kind: &EventKind| matches!(kind, EventKind::FaultInjected { .. });
        let healed = |kind: &EventKind| matches!(kind, EventKind::FaultHealed { .. });
        eventually("the first cut", 5 * SECOND, async || count(injected) == 1).await;
        assert!(reaches(HARNESS).await && reaches(near.source).await);
        assert!(!reaches(far.source).await);
        ask(master, "SET key 1").await;
        eventually("replication to the near replica", 2 * SECOND, async || {
            ask(near, "GET key").await.contains('1')
        })
        .await;
        assert_eq!(ask(far, "GET key").await, "$-1\r\n", "nothing reaches the far replica");
        eventually("the end of the first cut", 5 * SECOND, async || count(healed) == 1).await;
        assert!(!reaches(far.source).await, "the second cut holds the same pair");
    };
    let faults = [cut(0, 3), cut(1, 4)];
    tokio::join!(stage.play(&faults, pending()), watched);
    assert!(reaches(far.source).await);
    eventually("the far replica catches up", 15 * SECOND, async || {
        ask(far, "GET key").await.contains('1')
    })
    .await;
    settles(&stage.environment, 10 * SECOND).await;
    let windows = windows(&stage.strike().await);
    assert_eq!(windows[0].target, "node[0] from node[2]");
    assert!(windows[0].proof.as_ref().unwrap().starts_with("2 of 2 links"), "{windows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn toxics_pauses_and_restarts_act_and_are_healed() {
    let stage = Stage::set().await;
    let master = stage.environment.nodes()[0].announced;
    let set = tell(HARNESS, master, "SET key value", SECOND).await;
    assert_eq!(set.as_deref(), Some("+OK\r\n"));
    let target = &["node[1]"];
    let short = Some(SECOND / 2);
    let mut latency = planned("latency", target, short);
    latency.with.insert("latency".to_owned(), toml::Value::String("120ms".to_owned()));
    let toxics = [
        latency,
        planned("timeout", target, short),
        planned("reset_peer", target, short),
        planned("down", target, short),
        planned("pause", target, short),
        planned("restart", target, None),
        planned("restart", &["sentinel[1]"], None),
        planned("kill", &["sentinels"], short),
        planned("kill", &["main.master", "replicas"], short),
        planned("failover", &["main.master"], None),
    ];
    // A starved machine may have made the Sentinels fail over before: another node than it leads.
    let mut led = None;
    for fault in &toxics {
        led = stage.environment.roles().iter().position(|role| *role == NodeRole::Master);
        stage.play(std::slice::from_ref(fault), pending()).await;
        settles(&stage.environment, 20 * SECOND).await;
        for member in stage.environment.nodes().iter().chain(stage.environment.sentinels()) {
            let answer = tell(HARNESS, member.announced, "PING", SECOND).await;
            assert_eq!(answer.as_deref(), Some("+PONG\r\n"), "{} after {fault:?}", member.name);
        }
        // With all nodes killed at once, nobody has the data but their disks.
        let value = ask(&stage.environment.nodes()[0], "GET key").await;
        assert_eq!(value, "$5\r\nvalue\r\n", "after {fault:?}");
    }
    eventually("the commanded failover", 5 * SECOND, async || {
        // The one that led goes on calling itself master until a Sentinel demotes it.
        let mut roles = stage.environment.roles().into_iter().enumerate();
        roles.any(|(node, role)| role == NodeRole::Master && Some(node) != led)
    })
    .await;
    let windows = windows(&stage.strike().await);
    let proofs = [
        "a PING was answered after 1",
        "a PING was not answered",
        "a connection was closed",
        "a connection was refused",
        "is in state T, a PING was not answered",
        "answers",
        "answers",
        "sentinel[2]: process",
        "node[2]: process",
        "answered OK",
    ];
    for (window, proof) in windows.iter().zip(proofs) {
        assert!(window.proof.as_ref().unwrap().contains(proof), "{proof} is not in {window:?}");
        let is_over = ["restart", "failover"].contains(&window.kind.as_str());
        assert_eq!(window.healed_ns.is_none(), is_over, "{window:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_heals_at_once_and_what_cannot_be_injected_is_told() {
    let stage = Stage::set().await;
    let late = PlannedFault { at: 50 * SECOND, ..planned("kill", &["node[0]"], Some(SECOND)) };
    let faults = [
        planned("pause", &["node[1]"], Some(60 * SECOND)),
        planned("kill", &["server[0]"], Some(60 * SECOND)),
        late,
    ];
    let began_ns = stage.clock.now_ns();
    stage.play(&faults, sleep(SECOND)).await;
    assert!(stage.clock.now_ns() - began_ns < 5 * SECOND_NS);
    settles(&stage.environment, 10 * SECOND).await;
    let events = stage.strike().await;
    let windows = Window::from_events(&events);
    assert_eq!(windows.len(), 2, "the late one is never begun: {windows:?}");
    let paused = windows.iter().find(|window| window.kind == "pause").unwrap();
    assert!(paused.healed_ns.is_some(), "{windows:?}");
    let reasons: Vec<&String> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::FaultFailed { fault: 1, reason } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, ["there is no process server[0]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fault_sets_of_a_node_is_given_back_though_nobody_reaches_it() {
    let stage = Stage::set().await;
    let node = &stage.environment.nodes()[1];
    let before = ask(node, "CONFIG GET maxclients").await;
    assert!(before.contains("maxclients"), "{before}");
    let at = |millis: u64, fault: PlannedFault| PlannedFault {
        at: Duration::from_millis(millis),
        ..fault
    };
    let faults = [
        planned("down", &["node[1]"], Some(2 * SECOND)),
        at(300, planned("connection-exhaustion", &["node[1]"], Some(SECOND / 2))),
        at(1200, planned("client-kill", &["node[1]"], None)),
    ];
    stage.play(&faults, pending()).await;
    assert_eq!(ask(node, "CONFIG GET maxclients").await, before);
    settles(&stage.environment, 20 * SECOND).await;
    windows(&stage.strike().await);
}
