//! What a run folder holds is a function of what was recorded: `redrill report` writes the same
//! bytes again, for every kind of run.

use crate::environment::MACHINE;
use redrill_history::{Report, RunFolder, Verdict};
use redrill_tests::redrill;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) const PLAN: &str = r#"
name = "short"
# Holds on any machine.
fail_if = ["p50 > 5s"]

[load]
duration = "2s"
drain = "1s"

[load.capabilities.cache]
rate_per_s = 150
"#;

/// The search ends with its first step.
const SEARCH: &str = r#"
[capacity]
from_per_s = 150
most_per_s = 150
step = "2s"
discard = "500ms"
"#;

/// Five pairs of blocks, which is the least.
const BLOCKS: &str = r#"
[target]
instances = 1

[environment]
topology = "standalone"

[gate]
pairs = 5
discard = "500ms"
"#;

/// Runs a command on a plan in `folder`; returns its output and the run folder.
pub(crate) fn run(folder: &Path, arguments: &[&str], plan: &str) -> (Output, PathBuf) {
    fs::write(folder.join("short.toml"), plan).expect("a plan");
    let _turn = MACHINE.blocking_write();
    let output = Command::new(redrill())
        .args([arguments[0], "short.toml"])
        .args(&arguments[1..])
        .current_dir(folder)
        .output()
        .expect("redrill starts");
    (output, folder.join("runs/latest"))
}

/// Everything that is made of what was recorded, by path.
fn derived(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files: Vec<PathBuf> = ["findings.json", "report.html", "junit.xml", "summary.md"]
        .map(|name| run.join(name))
        .into();
    let mut folders = vec![run.join("latency")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

fn assert_renders_the_same(run: &Path) {
    let before = derived(run);
    for path in before.keys().filter(|path| path.extension().is_some_and(|kind| kind != "json")) {
        fs::remove_file(path).expect("it can be removed");
    }
    let code = Command::new(redrill()).arg("report").arg(run).output().expect("it runs").status;
    assert!(matches!(code.code(), Some(0 | 1 | 3)), "{code}");
    let after = derived(run);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, bytes) in before {
        assert!(bytes == after[&path], "{} has other bytes", path.display());
    }
}

fn report(run: &Path) -> Report {
    let folder = RunFolder::open(run).expect("a run folder");
    serde_json::from_slice(&fs::read(folder.findings()).expect("findings")).expect("JSON")
}

#[test]
fn a_drill_renders_the_same_from_its_folder() {
    let folder = TempDir::new().expect("a temporary folder");
    let (_, run) = run(folder.path(), &["drill"], PLAN);
    assert_renders_the_same(&run);
}

#[test]
fn a_load_is_judged_by_its_thresholds_and_renders_the_same_from_its_folder() {
    let folder = TempDir::new().expect("a temporary folder");
    let thresholds = ["load", "--fail-if", "p50 > 1us for cache", "--fail-if", "max > 60s"];
    let (output, run) = run(folder.path(), &thresholds, PLAN);
    let said = String::from_utf8_lossy(&output.stderr);
    let report = report(&run);
    let verdict =
        |id: &str| report.findings.iter().find(|found| found.id == id).map(|found| found.verdict);
    assert_eq!(verdict("threshold.2"), Some(Verdict::Fail), "{said}");
    assert_eq!(verdict("threshold.3"), Some(Verdict::Pass), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_renders_the_same(&run);
}

#[test]
fn a_search_that_nothing_stops_is_inconclusive_and_renders_the_same_from_its_folder() {
    let folder = TempDir::new().expect("a temporary folder");
    let (output, run) = run(folder.path(), &["capacity"], &format!("{PLAN}{SEARCH}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let found = report(&run).findings.into_iter().find(|found| found.id == "capacity.rate");
    let carried = found.and_then(|found| found.measures.first().and_then(|measure| measure.value));
    assert!(carried.is_some_and(|rate| (149.0..151.0).contains(&rate)), "{carried:?}: {said}");
    assert_renders_the_same(&run);
}

#[test]
fn a_gate_compares_every_pair_and_renders_the_same_from_its_folder() {
    let folder = TempDir::new().expect("a temporary folder");
    let program = redrill().to_str().expect("a path");
    let sides = ["gate", "--base", program, "--candidate", program];
    let plan = PLAN.replace("fail_if = [\"p50 > 5s\"]\n", "");
    let (output, run) = run(folder.path(), &sides, &format!("{plan}{BLOCKS}"));
    let said = String::from_utf8_lossy(&output.stderr);
    // Latencies on a busy machine may be anything; an answer is still given.
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{said}");
    let report = report(&run);
    let comparisons = report.findings.iter().flat_map(|found| &found.comparisons);
    let commands = comparisons
        .filter(|one| one.metric == "commands" && one.subject.is_empty())
        .collect::<Vec<_>>();
    assert_eq!(commands.iter().map(|one| one.pairs.len()).collect::<Vec<_>>(), [5], "{said}");
    assert!(commands[0].base.iter().all(|each| *each >= 1.0), "{commands:?}");
    assert_renders_the_same(&run);
}
