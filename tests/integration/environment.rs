//! The environment on real parts: ready in time, watched, and gone afterwards, even after a kill.

use redrill::effects::{Effects, Played};
use redrill::environment::{Environment, Member, Setup, backend};
use redrill::faults::run_timeline;
use redrill_history::clock::{RunClock, instant_now};
use redrill_history::{EnvironmentPlan, Event, EventKind, EventLog, NodeRole, PlannedFault};
use redrill_history::{Recorder, ResolvedPlan, RunFolder, Sample, SampleLog};
use redrill_tests::redrill;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::time::{sleep, timeout};

/// Environments stand beside each other, as many as tests run at a time, for they mostly wait. What
/// measures, or has the machine stand still, takes it alone: to write.
pub(crate) static MACHINE: RwLock<()> = RwLock::const_new(());

/// A running environment and the folder of its run.
pub(crate) struct Stage {
    pub(crate) environment: Environment,
    pub(crate) clock: RunClock,
    pub(crate) events: EventLog,
    effects: Effects,
    _recorder: Recorder,
    run: PathBuf,
    _folder: tempfile::TempDir,
    _turn: RwLockReadGuard<'static, ()>,
}

impl Stage {
    /// Starts an environment of the example plan.
    pub(crate) async fn set() -> Self {
        Self::of(&ResolvedPlan::example().environment).await
    }

    /// Starts an environment of a plan.
    pub(crate) async fn of(plan: &EnvironmentPlan) -> Self {
        let turn = MACHINE.read().await;
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().to_owned();
        let clock = RunClock::start();
        let events = EventLog::create(&run.join("events.ndjson")).unwrap();
        let environment = start(plan, &run, clock, &events).await;
        let recorded = RunFolder::create(&run, "recorded").unwrap();
        let recorder = Recorder::start(&recorded).unwrap();
        let effects = Effects::start(played(clock, &recorder)).await.unwrap();
        let (_recorder, _folder, _turn) = (recorder, folder, turn);
        Self { environment, clock, events, effects, _recorder, run, _folder, _turn }
    }

    /// Plays faults from now on.
    pub(crate) async fn play(&self, faults: &[PlannedFault], stop: impl Future<Output = ()>) {
        let (clock, now_ns) = (self.clock, self.clock.now_ns());
        let (environment, effects) = (&self.environment, Some(&self.effects));
        run_timeline(environment, effects, faults, clock, now_ns, &self.events, stop)
            .await
            .unwrap();
    }

    /// What happened so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        lines(&self.run.join("events.ndjson"))
    }

    /// Ends the environment; everything that it started has ended.
    pub(crate) async fn strike(self) -> Vec<Event> {
        let processes = self.environment.facts().processes;
        let folder = self.environment.folder().to_owned();
        self.environment.stop().await.unwrap();
        let left: Vec<_> = processes.iter().filter(|process| runs(process.pid)).collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!folder.exists());
        lines(&self.run.join("events.ndjson"))
    }
}

/// The dependencies of a service that is not there.
fn played(clock: RunClock, recorder: &Recorder) -> Played {
    let plan = ResolvedPlan::example();
    Played {
        clock,
        recorder: recorder.handle(),
        executed: Arc::default(),
        segment: Arc::default(),
        seed: plan.seed,
        attempts: plan.target.promises.job_attempts,
        plan: plan.effects,
        lease: plan.target.promises.job_lease,
        calls: std::sync::Mutex::default(),
        free: None,
        disturbances: Arc::default(),
    }
}

async fn start(
    plan: &EnvironmentPlan,
    run: &Path,
    clock: RunClock,
    events: &EventLog,
) -> Environment {
    let setup = Setup {
        plan,
        supply: backend(&plan.backend).unwrap().find(plan).await.unwrap(),
        redrill: redrill(),
        logs: run,
        clock,
        events: events.clone(),
        samples: SampleLog::create(&run.join("samples.ndjson")).unwrap(),
        watched: true,
    };
    Environment::start(setup).await.unwrap()
}

/// The whole lines of an ndjson file.
fn lines<T: for<'de> serde::Deserialize<'de>>(path: &Path) -> Vec<T> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether a process runs; one that has ended and is not awaited does not.
pub(crate) fn runs(pid: u32) -> bool {
    let state = stat(pid).first().cloned();
    state.is_some_and(|state| !["Z", "X"].contains(&state.as_str()))
}

/// A process's group, which is its guardian's id.
pub(crate) fn group(pid: u32) -> String {
    stat(pid)[2].clone()
}

/// The fields of the process table behind the name; see proc(5).
fn stat(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().map(str::to_owned).collect()
}

/// Waits until `holds`, and says what did not when the time is up.
pub(crate) async fn eventually(what: &str, within: Duration, holds: impl AsyncFn() -> bool) {
    let deadline = instant_now() + within;
    while !holds().await {
        assert!(instant_now() < deadline, "not within {within:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Sends a command of one line from `source`; the answer, unless there is none within the time.
pub(crate) async fn tell(
    source: IpAddr,
    address: SocketAddr,
    command: &str,
    within: Duration,
) -> Option<String> {
    let exchange = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        let mut stream = socket.connect(address).await?;
        stream.write_all(format!("{command}\r\nPING\r\n").as_bytes()).await?;
        let mut answer = String::new();
        let mut bytes = [0; 4096];
        loop {
            if let Some(whole) = answer.strip_suffix("+PONG\r\n").filter(|text| !text.is_empty()) {
                return std::io::Result::Ok(whole.to_owned());
            }
            let count = stream.read(&mut bytes).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            answer += &String::from_utf8_lossy(&bytes[..count]);
        }
    };
    timeout(within, exchange).await.ok()?.ok()
}

/// Asks a node around its proxy.
pub(crate) async fn ask(node: &Member, command: &str) -> String {
    let source = [127, 0, 0, 1].into();
    tell(source, node.direct, command, Duration::from_secs(2)).await.unwrap_or_default()
}

/// Waits until there are as many masters as planned, all others are linked to one, and everybody
/// who watches thinks well of them: a Sentinel that does not would begin a failover and give it up
/// again.
pub(crate) async fn settles(environment: &Environment, within: Duration) {
    let plan = &environment.groups()[0].plan;
    let (all_masters, all_nodes) = (usize::from(plan.masters), usize::from(plan.nodes()));
    let is_cluster = plan.topology == "cluster";
    let is_settled = async || {
        let roles = environment.roles();
        let masters = roles.iter().filter(|role| **role == NodeRole::Master).count();
        let (mut linked, mut is_whole) = (0, true);
        for node in environment.nodes() {
            let info = ask(node, "INFO replication").await;
            linked += usize::from(info.contains("master_link_status:up"));
            if is_cluster {
                let told = ask(node, "CLUSTER INFO").await;
                is_whole &= told.contains("cluster_state:ok");
                is_whole &= !ask(node, "CLUSTER NODES").await.contains("fail");
            }
        }
        let mut trusted = 0;
        for sentinel in environment.sentinels() {
            let replicas = ask(sentinel, "SENTINEL REPLICAS main").await;
            let good = replicas.matches("\r\nflags\r\n$5\r\nslave\r\n").count();
            trusted += usize::from(good == all_nodes - all_masters);
        }
        let are_linked = linked == all_nodes - all_masters;
        masters == all_masters && are_linked && is_whole && trusted == environment.sentinels().len()
    };
    eventually("masters, and linked and trusted replicas", within, is_settled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_ready_in_time_is_watched_and_leaves_nothing() {
    let stage = Stage::set().await;
    let environment = &stage.environment;
    assert!(environment.ready_after() < Duration::from_secs(10));
    let roles = environment.roles();
    assert_eq!(roles, [NodeRole::Master, NodeRole::Replica, NodeRole::Replica]);
    for sentinel in environment.sentinels() {
        let answer = ask(sentinel, "SENTINEL CKQUORUM main").await;
        assert!(answer.starts_with("+OK 3 usable Sentinels"), "{answer}");
        let master = ask(sentinel, "SENTINEL GET-MASTER-ADDR-BY-NAME main").await;
        let port = environment.nodes()[0].announced.port();
        assert!(master.contains(&port.to_string()), "{master} does not name the proxy's {port}");
    }
    let samples = || lines::<Sample>(&stage.run.join("samples.ndjson"));
    let has = |source: &str, name: &str| {
        samples().iter().any(|sample| sample.source == source && sample.values.contains_key(name))
    };
    let gauges = [
        ("node[0]", "used_memory_bytes"),
        ("node[1]", "replication_offset"),
        ("sentinel[2]", "cpu_seconds"),
        ("proxy", "rss_bytes"),
        ("harness", "cpu_seconds"),
    ];
    eventually("gauges of every source", Duration::from_secs(2), async || {
        gauges.iter().all(|(source, name)| has(source, name))
    })
    .await;
    let facts = environment.facts();
    assert_eq!(facts.processes.len(), 7, "{facts:?}");
    let sources: BTreeSet<_> = facts.processes.iter().flat_map(|p| p.source.as_ref()).collect();
    assert_eq!(sources.len(), 6, "one source address a process: {facts:?}");
    let events = stage.strike().await;
    let masters = events.iter().filter(|event| {
        matches!(&event.kind, EventKind::Role { role: NodeRole::Master, run_id: Some(_), .. })
    });
    assert_eq!(masters.count(), 1);
    let count = |wanted: fn(&EventKind) -> bool| events.iter().filter(|e| wanted(&e.kind)).count();
    assert_eq!(count(|kind| *kind == EventKind::EnvironmentReady), 1);
    assert_eq!(count(|kind| matches!(kind, EventKind::ProcessUp { .. })), 7);
    assert_eq!(count(|kind| matches!(kind, EventKind::ProcessDown { .. })), 7);
}

/// Ends what a guardian that fails the test has left.
struct Cleared(String);

impl Drop for Cleared {
    fn drop(&mut self) {
        // When the test passes there is no such group any more.
        let group = format!("-{}", self.0);
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }
}

/// Names the folder of the victim of the test below; without it there is no victim.
const VICTIM: &str = "REDRILL_TEST_VICTIM";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_harness_leaves_no_process_and_no_folder() {
    let _turn = MACHINE.read().await;
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("processes");
    // What it needs is built, and it need not wait until another test has built what that needs.
    redrill();
    let mut harness = Command::new(env::current_exe().unwrap())
        .args(["--exact", "environment::victim", "--nocapture"])
        .env("CARGO", "true")
        .env(VICTIM, folder.path())
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("a victim", Duration::from_secs(20), async || ready.exists()).await;
    let pids = fs::read_to_string(&ready).unwrap();
    let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.iter().filter(|pid| runs(**pid)).count(), 7, "{pids:?}");
    // What a terminal or a service manager sends to everybody must not end the guardian first.
    let guardian = group(pids[0]);
    let _cleared = Cleared(guardian.clone());
    for signal in ["-HUP", "-INT", "-TERM"] {
        assert!(Command::new("kill").args([signal, &guardian]).status().unwrap().success());
    }
    harness.kill().unwrap();
    harness.wait().unwrap();
    let ours = || {
        let entries = fs::read_dir(folder.path()).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("redrill-")).count()
    };
    eventually("nothing is left", Duration::from_secs(10), async || {
        ours() == 0 && !pids.iter().any(|pid| runs(*pid))
    })
    .await;
    let log = fs::read_to_string(folder.path().join("guardian.log")).unwrap();
    assert!(log.contains("Continue"), "the pause was to be healed: {log}");
}

/// The harness that is killed, with a process that stands still: when its parent dies, the system
/// hangs up on the whole group, guardian included.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let Some(folder) = env::var_os(VICTIM).map(PathBuf::from) else { return };
    let clock = RunClock::start();
    let events = EventLog::create(&folder.join("events.ndjson")).unwrap();
    let plan = ResolvedPlan::example().environment;
    let environment = start(&plan, &folder, clock, &events).await;
    let pids = environment.facts().processes;
    let pids: Vec<String> = pids.iter().map(|process| process.pid.to_string()).collect();
    let pause = crate::faults::planned("pause", &["node[1]"], Some(Duration::from_secs(60)));
    let paused = async {
        let is_injected = |event: &Event| matches!(event.kind, EventKind::FaultInjected { .. });
        let injected = async || lines(&folder.join("events.ndjson")).iter().any(is_injected);
        eventually("a paused node", Duration::from_secs(5), injected).await;
        let draft = folder.join("draft");
        fs::write(&draft, pids.join(" ")).unwrap();
        fs::rename(draft, folder.join("processes")).unwrap();
        sleep(Duration::from_secs(30)).await;
    };
    let faults = [pause];
    let now_ns = clock.now_ns();
    run_timeline(&environment, None, &faults, clock, now_ns, &events, paused).await.unwrap();
    environment.stop().await.unwrap();
}
