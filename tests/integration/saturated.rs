//! Load that was not offered as planned, and a service that cannot carry it: never a pass, and the
//! reason is said.

use crate::environment::MACHINE;
use redrill_history::{Report, RunFolder, Verdict};
use redrill_tests::redrill;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// The harness stands still for so long: arrivals of that time start late.
const STANDSTILL: Duration = Duration::from_millis(800);
/// How long a run may take to begin its load, on a busy machine.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

const LOAD: &str = r#"
name = "short"

[load]
duration = "1s"
drain = "1s"
client_timeout = "1s"

[load.capabilities.sessions]
rate_per_s = 100

[target]
instances = 1

[environment]
topology = "standalone"
"#;

const GATE: &str = "[gate]\npairs = 5\ndiscard = \"200ms\"\n";

const SIDES: [&str; 5] = ["gate", "--base", "reference", "--candidate", "reference"];

fn start(folder: &Path, arguments: &[&str], plan: &str) -> Child {
    fs::write(folder.join("short.toml"), plan).expect("a plan");
    Command::new(redrill())
        .args([arguments[0], "short.toml"])
        .args(&arguments[1..])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("redrill starts")
}

/// Waits until a load has begun, and lets the harness stand still in the middle of it.
fn disturb(folder: &Path, harness: &mut Child) {
    let has_begun = || {
        let events = fs::read_to_string(folder.join("runs/latest/events.ndjson"));
        events.is_ok_and(|events| events.contains("\"load-started\""))
    };
    let looks = BEGINS_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    let began = (0..looks).any(|_| {
        let begun = has_begun() || harness.try_wait().expect("a harness").is_some();
        if !begun {
            sleep(LOOK_EVERY);
        }
        begun
    });
    assert!(began && has_begun(), "no load began");
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &harness.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    };
    signal("-STOP");
    sleep(STANDSTILL);
    signal("-CONT");
}

/// The exit code, the report, and what was said.
fn ended(folder: &Path, harness: Child) -> (Option<i32>, Report, String) {
    let output = harness.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let run = RunFolder::open(&folder.join("runs/latest")).expect("a run folder");
    let report = serde_json::from_slice(&fs::read(run.findings()).expect("findings"));
    (output.status.code(), report.expect("JSON"), said)
}

fn assert_doubted(report: &Report, id: &str, word: &str) {
    let found = report.findings.iter().find(|found| found.id == id).expect(id);
    assert_eq!(found.verdict, Verdict::Inconclusive, "{found:?}");
    assert!(found.summary.contains(word), "{}", found.summary);
}

#[test]
fn a_load_whose_generator_stood_still_is_inconclusive() {
    let folder = TempDir::new().expect("a temporary folder");
    let _turn = MACHINE.blocking_write();
    let mut harness = start(folder.path(), &["load", "--fail-if", "p99 > 60s"], LOAD);
    disturb(folder.path(), &mut harness);
    let (code, report, said) = ended(folder.path(), harness);
    assert_eq!(code, Some(3), "{said}");
    assert_doubted(&report, "trust.generator", "late");
}

#[test]
fn a_gate_whose_generator_stood_still_is_inconclusive() {
    let folder = TempDir::new().expect("a temporary folder");
    let _turn = MACHINE.blocking_write();
    let mut harness = start(folder.path(), &SIDES, &format!("{LOAD}\n{GATE}"));
    disturb(folder.path(), &mut harness);
    let (code, report, said) = ended(folder.path(), harness);
    assert_eq!(code, Some(3), "{said}");
    assert_doubted(&report, "gate.blocks", "generator was slow");
}

#[test]
fn a_gate_above_the_capacity_of_its_base_is_inconclusive() {
    let folder = TempDir::new().expect("a temporary folder");
    // Ten answers a second at the most, and nearly no prompt twice.
    let plan = LOAD
        .replace("capabilities.sessions", "capabilities.cache")
        .replace("rate_per_s = 100", "rate_per_s = 100\nkeys = 100000");
    let model = "[effects]\nmodel_takes = \"100ms\"\nat_once = 1\n";
    let _turn = MACHINE.blocking_write();
    let harness = start(folder.path(), &SIDES, &format!("{plan}\n{model}\n{GATE}"));
    let (code, report, said) = ended(folder.path(), harness);
    assert_eq!(code, Some(3), "{said}");
    assert_doubted(&report, "gate.blocks", "above");
}
