//! Redis, Sentinels and proxies that somebody else runs: they are broken as a plan says, and left
//! as they were, whatever becomes of the harness.

use crate::byhand::{ByHand, PASSWORD, VARIABLE};
use crate::environment::{MACHINE, Stage, eventually};
use crate::faults::{SECOND, planned, windows};
use redrill::environment::{Environment, Setup, backend};
use redrill::plan::{Overrides, Plan};
use redrill_history::{
    EnvironmentFacts, EnvironmentPlan, Event, EventKind, EventLog, Finding, PlannedFault, Report,
    SampleLog,
};
use redrill_tests::redrill;
use redrill_toxiproxy::client::NewToxic;
use std::fs;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use toml::Value;

/// What has changed where all is as it was.
const NONE: Vec<String> = Vec::new();

fn environment(there: &ByHand) -> EnvironmentPlan {
    let plan = Plan::parse("test.toml", &there.environment(), &Overrides::default());
    plan.unwrap().resolved.environment
}

async fn refusal(there: &ByHand) -> String {
    let plan = environment(there);
    let found = backend("external").unwrap().find(&plan).await;
    found.err().map(|error| format!("{error:#}")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_it_should_be_is_refused_and_every_group_of_faults_is_undone() {
    let there = ByHand::start(false).await;
    let master = there.nodes[0];
    there.ask(master, "SET theirs 1").await;
    let told = refusal(&there).await;
    assert!(told.contains("'theirs' in database 0") && told.contains("prefix = "), "{told}");
    there.ask(master, "DEL theirs").await;
    there.client.add_toxic("redis 1", &NewToxic::new("latency")).await.unwrap();
    let told = refusal(&there).await;
    assert!(told.contains("node[1]: its proxy redis 1 has the toxic"), "{told}");
    there.client.reset().await.unwrap();

    let before = there.state().await;
    let stage = Stage::of(&environment(&there)).await;
    let told = refusal(&there).await;
    assert!(told.contains("'claimed-by-a-run-of-redrill'"), "a second run: {told}");
    let short = Some(SECOND);
    let with = |kind: &str, target: &str, name: &str, value: Value| {
        let mut fault = planned(kind, &[target], short);
        fault.with.insert(name.to_owned(), value);
        fault
    };
    for fault in [
        with("latency", "node[1]", "latency", "120ms".into()),
        planned("timeout", &["node[2]"], short),
        with("lost-replies", "node[1]", "close", "yes".into()),
        planned("down", &["node[1]", "sentinel[1]"], short),
        planned("memory-squeeze", &["main.master"], short),
        planned("connection-exhaustion", &["main.master"], short),
        planned("client-pause", &["main.master"], short),
        with("client-pause", "main.master", "mode", "write".into()),
        planned("client-kill", &["main.master"], None),
        planned("script-flush", &["main.master"], None),
        planned("failover", &["main.master"], None),
    ] {
        stage.play(&[fault], pending()).await;
    }
    let events = stage.strike().await;
    assert_eq!(windows(&events).len(), 11);
    assert!(events.iter().all(|event| !matches!(event.kind, EventKind::FaultFailed { .. })));
    assert_eq!(there.changed(&before).await, NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_that_both_found_it_empty_one_alone_begins() {
    let there = ByHand::start(false).await;
    let (before, plan) = (there.state().await, environment(&there));
    let supply = backend("external").unwrap().find(&plan).await.unwrap();
    let stage = Stage::of(&plan).await;
    let folder = tempfile::tempdir().unwrap();
    let second = Setup {
        plan: &plan,
        supply,
        redrill: redrill(),
        logs: folder.path(),
        clock: stage.clock,
        events: EventLog::create(&folder.path().join("events.ndjson")).unwrap(),
        samples: SampleLog::create(&folder.path().join("samples.ndjson")).unwrap(),
        watched: false,
    };
    let refused = Environment::start(second).await.err().map(|error| error.to_string());
    assert!(refused.is_some_and(|told| told.contains("is in use by another run")));
    // What the second one cleans up is nothing of the first one's.
    let claim = "claimed-by-a-run-of-redrill";
    let claimed = there.ask(there.nodes[0], &format!("EXISTS {claim}")).await;
    assert!(claimed.contains('1'), "{claimed}");
    assert!(!there.client.proxy(claim).await.unwrap().enabled);
    stage.strike().await;
    assert_eq!(there.changed(&before).await, NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_sentinel_had_written_meanwhile_is_mended_and_no_other_is_touched() {
    let there = ByHand::start(false).await;
    let file = there.folder.path().join("node-0/redis.conf");
    let file = || fs::read_to_string(&file).unwrap();
    let (mine, before) = (file(), there.state().await);
    let stage = Stage::of(&environment(&there)).await;
    let exhausted = |lasts: u32| {
        let mut fault = planned("connection-exhaustion", &["main.master"], Some(lasts * SECOND));
        fault.with.insert("room".to_owned(), Value::Integer(40));
        fault
    };
    stage.play(&[exhausted(1)], pending()).await;
    assert_eq!(file(), mine, "nobody wrote it");
    let replaced = PlannedFault { at: SECOND, ..planned("failover", &["main.master"], None) };
    let demoted = async || file().contains("replicaof");
    let written = eventually("the demoted node writes its file", 40 * SECOND, demoted);
    stage.play(&[exhausted(60), replaced], written).await;
    assert_eq!(windows(&stage.strike().await).len(), 3);
    assert_eq!(there.changed(&before).await, NONE);
    let text = file();
    let bound = text.lines().find_map(|line| line.strip_prefix("maxclients "));
    let had = &before.1[0]["maxclients"];
    assert!(bound.is_none_or(|bound| bound == had), "{bound:?}, and it had {had}");
}

const DRILL: &str = r#"
name = "on-theirs"

[load]
duration = "12s"
drain = "3s"

[target]
instances = 1

[[fault]]
kind = "kill"
otherwise = "down"
at = "3s"
for = "4s"
target = ["main.master"]
"#;

/// A drill that is run in the folder of what is there.
pub(crate) fn drill(there: &ByHand, plan: &str) -> Command {
    let folder = there.folder.path();
    fs::write(folder.join("plan.toml"), plan).unwrap();
    fs::write(folder.join("there.toml"), there.environment()).unwrap();
    let mut command = Command::new(redrill());
    command
        .args(["drill", "plan.toml", "--environment", "there.toml"])
        .current_dir(folder)
        .env(VARIABLE, PASSWORD);
    command
}

pub(crate) fn run_folder(there: &ByHand) -> PathBuf {
    there.folder.path().join("runs/latest")
}

pub(crate) fn events(run: &Path) -> Vec<Event> {
    let text = fs::read_to_string(run.join("events.ndjson")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_runs_on_it_to_a_verdict_and_tells_no_password() {
    let _turn = MACHINE.read().await;
    let there = ByHand::start(true).await;
    let before = there.state().await;
    let Output { status, stderr, .. } = drill(&there, DRILL).output().unwrap();
    let told = String::from_utf8_lossy(&stderr);
    assert!(matches!(status.code(), Some(0 | 1 | 3)), "{told}");
    let run = run_folder(&there);
    let report: Report =
        serde_json::from_slice(&fs::read(run.join("findings.json")).unwrap()).unwrap();
    let finding = |id: &str| -> &Finding {
        report.findings.iter().find(|finding| finding.id == id).expect(id)
    };
    let acted = finding("trust.faults");
    assert_eq!(acted.summary, "1 fault acted as planned.", "{told}");
    assert!(finding("queue.accounting").examined > 50, "{told}");
    let plan = fs::read_to_string(run.join("plan.toml")).unwrap();
    assert!(plan.contains("kind = \"down\"") && plan.contains("instead_of = \"kill\""), "{plan}");
    let facts: EnvironmentFacts =
        serde_json::from_slice(&fs::read(run.join("environment.json")).unwrap()).unwrap();
    assert_eq!(facts.found.len(), 6, "{facts:?}");
    for file in files(&run) {
        let content = fs::read(&file).unwrap();
        let is_told = content.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
        assert!(!is_told, "{} holds the password", file.display());
    }
    assert_eq!(there.changed(&before).await, NONE);
    assert!(there.is_empty().await, "keys of the run are left");
}

/// Faults of each kind of remedy, which act for longer than the test lasts.
const LASTING: &str = r#"
name = "lasting"

[load]
duration = "90s"

[load.capabilities.sessions]
rate_per_s = 20

[target]
instances = 1

[[fault]]
kind = "latency"
at = "1s"
for = "60s"
target = ["node[1]"]
with = { latency = "100ms" }

[[fault]]
kind = "down"
at = "1s"
for = "60s"
target = ["node[2]"]

[[fault]]
kind = "client-pause"
at = "1s"
for = "10s"
target = ["node[1]"]
with = { mode = "write" }

[[fault]]
kind = "connection-exhaustion"
at = "1s"
for = "60s"
target = ["main.master"]
with = { room = 20 }

[[fault]]
kind = "memory-squeeze"
at = "2s"
for = "60s"
target = ["main.master"]
"#;

/// Starts a drill, and waits until all its faults act.
async fn amid_faults(there: &ByHand) -> Child {
    // The last run is to be this one.
    let _ = fs::remove_dir_all(there.folder.path().join("runs"));
    let mut command = drill(there, LASTING);
    let mut harness = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let acting = async || {
        let is_acting = |event: &&Event| matches!(event.kind, EventKind::FaultInjected { .. });
        events(&run_folder(there)).iter().filter(is_acting).count() == 5
    };
    eventually("five faults that act", 40 * SECOND, acting).await;
    assert!(harness.try_wait().unwrap().is_none());
    harness
}

/// The run's processes by `environment.json`.
pub(crate) fn servers(run: &Path) -> Vec<u32> {
    let facts: EnvironmentFacts =
        serde_json::from_slice(&fs::read(run.join("environment.json")).unwrap()).unwrap();
    facts.processes.iter().map(|process| process.pid).collect()
}

/// What is said of a run that left nothing.
pub(crate) const NOTHING: &str = "runs/latest has left nothing to heal\n";

/// What `redrill heal` says on the last run, and how it ends.
pub(crate) fn heal(there: &ByHand) -> (Option<i32>, String) {
    let mut command = Command::new(redrill());
    command.args(["heal", "runs/latest"]).current_dir(there.folder.path()).env(VARIABLE, PASSWORD);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_harness_leaves_the_guardian_undoes_and_what_both_leave_redrill_heal() {
    let _turn = MACHINE.read().await;
    let there = ByHand::start(true).await;
    let before = there.state().await;
    let mut harness = amid_faults(&there).await;
    assert!(there.changed(&before).await.len() >= 4);
    let (code, said) = heal(&there);
    assert!(code == Some(2) && said.contains("still goes on"), "{code:?}: {said}");
    harness.kill().unwrap();
    harness.wait().unwrap();
    let healed = async || heal(&there) == (Some(0), NOTHING.to_owned());
    eventually("the guardian heals", 40 * SECOND, healed).await;
    assert_eq!(there.changed(&before).await, NONE);
    assert!(there.is_empty().await, "keys of the run are left");

    let mut harness = amid_faults(&there).await;
    let servers = servers(&run_folder(&there));
    let guardian = crate::environment::group(servers[0]);
    for pid in [guardian, harness.id().to_string()] {
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    }
    harness.wait().unwrap();
    assert!(there.changed(&before).await.len() >= 4);
    let (code, said) = heal(&there);
    assert_eq!(code, Some(0), "{said}");
    for word in ["maxmemory", "maxclients", "-fault-", "listens again", "keys that begin"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(there.changed(&before).await, NONE, "{said}");
    assert!(there.is_empty().await, "keys of the run are left");
    let left = servers.iter().filter(|pid| crate::environment::runs(**pid)).count();
    assert_eq!((heal(&there), left), ((Some(0), NOTHING.to_owned()), 0));
}
