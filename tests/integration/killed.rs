//! A harness that is killed leaves no process, and a run folder that can still be reported.

use crate::environment::ONE_AT_A_TIME;
use rand::Rng as _;
use redrill_history::clock::instant_now;
use redrill_tests::redrill;
use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// The harness is killed once in each tenth of this time after its start: while nodes and Sentinels
/// start, while virtual users board, under load, and in the final reads of the short plan.
const WITHIN_MS: u64 = 10_000;
/// The guardian has to end within a second; the rest is for a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(5);

const PLAN: &str = r#"
name = "short"

[load]
duration = "5s"
drain = "4s"

[[fault]]
kind = "pause"
at = "1s"
for = "3s"
target = ["sentinel[0]"]
"#;

/// Every process: id to parent and start time (which tells it from a later one of that id).
fn processes() -> BTreeMap<u32, (u32, String)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("a /proc").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that has ended meanwhile is none.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        if let [state, parent, ..] = fields[..]
            && state != "Z"
        {
            let started = fields.get(19).copied().unwrap_or_default().to_owned();
            all.insert(id, (parent.parse().expect("a parent"), started));
        }
    }
    all
}

/// The harness's children and theirs, with their start times.
fn descendants(of: u32) -> BTreeMap<u32, String> {
    let all = processes();
    let mut found = BTreeMap::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        for (id, (_, started)) in all.iter().filter(|(_, (its, _))| *its == parent) {
            found.insert(*id, started.clone());
            parents.push(*id);
        }
    }
    found
}

/// Ten moments, each at a random place in its tenth.
fn moments() -> [Duration; 10] {
    let mut random = crate::random::random();
    let tenth = WITHIN_MS / 10;
    std::array::from_fn(|index| {
        Duration::from_millis(index as u64 * tenth + random.random_range(0..tenth))
    })
}

fn start(folder: &TempDir) -> Child {
    let plan = folder.path().join("short.toml");
    fs::write(&plan, PLAN).expect("a plan");
    let runs = folder.path().join("runs");
    Command::new(redrill())
        .arg("drill")
        .arg(plan)
        .arg("--runs")
        .arg(runs)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redrill starts")
}

fn kill_at(moment: Duration) {
    let folder = TempDir::new().expect("a temporary folder");
    let mut harness = start(&folder);
    sleep(moment);
    let started = descendants(harness.id());
    let was_running = harness.try_wait().expect("it can be asked").is_none();
    // SIGKILL: nothing of the harness runs after this.
    harness.kill().expect("it can be killed");
    harness.wait().expect("it ends");
    let deadline = instant_now() + GONE_WITHIN;
    loop {
        let now = processes();
        let is_left =
            |(id, began): (&u32, &String)| now.get(id).is_some_and(|(_, started)| started == began);
        let left = started.iter().filter(|process| is_left(*process)).count();
        if left == 0 {
            break;
        }
        assert!(instant_now() < deadline, "{left} processes are left, killed at {moment:?}");
        sleep(Duration::from_millis(10));
    }
    let run = folder.path().join("runs/latest");
    if !run.join("plan.toml").exists() {
        assert!(moment < Duration::from_secs(2), "no run folder at {moment:?}");
        return;
    }
    let report = Command::new(redrill()).arg("report").arg(&run).output().expect("it reports");
    let said = String::from_utf8_lossy(&report.stdout);
    let page = fs::read_to_string(run.join("report.html")).unwrap_or_default();
    assert_ne!(report.status.code(), Some(4), "{moment:?}: {report:?}");
    if was_running {
        assert_eq!(report.status.code(), Some(3), "{moment:?}: {said}");
        assert!(
            page.contains("cut off"),
            "the page of {moment:?} does not say that it was cut off"
        );
    }
}

#[test]
fn ten_random_moments_leave_nothing_behind_and_a_report_each() {
    let _turn = ONE_AT_A_TIME.blocking_lock();
    moments().into_iter().for_each(kill_at);
}
