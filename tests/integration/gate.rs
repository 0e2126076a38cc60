//! `redrill gate` where a side does not live: never a pass, and the reason is said.

use crate::environment::MACHINE;
use redrill_history::{Report, RunFolder, Verdict};
use redrill_tests::redrill;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const PLAN: &str = r#"
kind = "gate"
name = "short"

[load]
duration = "1s"
client_timeout = "1s"

[load.capabilities.sessions]
rate_per_s = 100

[target]
instances = 1

[environment]
topology = "standalone"

[gate]
pairs = 6
discard = "200ms"
"#;

/// A program of these lines; `$REDRILL` is redrill.
fn program(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(name);
    let lines = lines.replace("$REDRILL", &redrill().display().to_string());
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).expect("a program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    path
}

fn gate(folder: &Path, base: &Path, candidate: &Path, more: &[&str]) -> Output {
    fs::write(folder.join("short.toml"), PLAN).expect("a plan");
    Command::new(redrill())
        .args(["gate", "short.toml", "--base"])
        .arg(base)
        .arg("--candidate")
        .arg(candidate)
        .args(more)
        .current_dir(folder)
        .output()
        .expect("redrill starts")
}

fn report(folder: &Path) -> Report {
    let folder = RunFolder::open(&folder.join("runs/latest")).expect("a run folder");
    serde_json::from_slice(&fs::read(folder.findings()).expect("findings")).expect("JSON")
}

#[test]
fn a_base_that_does_not_start_is_told() {
    let folder = TempDir::new().expect("a temporary folder");
    let base = program(folder.path(), "base", "echo 'no such luck'; exit 7");
    let _turn = MACHINE.blocking_write();
    let output = gate(folder.path(), &base, redrill(), &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("the base did not start") && said.contains("no such luck"), "{said}");
    assert!(said.contains("/report.html shows what was recorded until then"), "{said}");
    assert!(said.contains("nothing of this run is left to undo; 'redrill heal runs/"), "{said}");
    assert_eq!(report(folder.path()).verdict, Verdict::Inconclusive);
}

#[test]
fn a_candidate_that_dies_half_way_is_told() {
    let folder = TempDir::new().expect("a temporary folder");
    // It lives for its first block, and dies in the second one, after some tens of requests.
    let lines = "n=$(cat starts 2>/dev/null || echo 0); echo $((n + 1)) > starts\n\
                 [ \"$n\" = 0 ] && exec $REDRILL \"$@\"\n\
                 $REDRILL \"$@\" & server=$!\n\
                 sleep 1; kill -9 $server; wait $server; exit 1";
    let candidate = program(folder.path(), "candidate", lines);
    let _turn = MACHINE.blocking_write();
    let output = gate(folder.path(), redrill(), &candidate, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("candidate") && !said.contains("PASS"), "{said}");
    assert!(said.contains("(exit status: 1)"), "{said}");
    let report = report(folder.path());
    assert_eq!(report.verdict, Verdict::Inconclusive, "{}", report.headline);
}

#[test]
fn what_is_no_side_is_refused_before_anything_is_started() {
    let folder = TempDir::new().expect("a temporary folder");
    for (base, more, word) in [
        ("nowhere", &[][..], "'nowhere'"),
        ("reference", &["--tolerate", "pace=1%"], "throughput"),
        ("reference", &["--baseline", "nothing.json"], "baseline"),
    ] {
        let output = gate(folder.path(), Path::new(base), Path::new("reference"), more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(word), "{said}");
    }
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn saved_blocks_stand_for_a_base_and_the_report_says_that_this_is_weaker() {
    let folder = TempDir::new().expect("a temporary folder");
    let run = |arguments: &[&str]| {
        fs::write(folder.path().join("short.toml"), PLAN).expect("a plan");
        let output = Command::new(redrill())
            .args(["gate", "short.toml", "--candidate", "reference"])
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("redrill starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // A busy machine may be late with its arrivals, which proves nothing: then once more.
    let run = |arguments: &[&str]| {
        let (mut code, mut said) = run(arguments);
        for _ in 0..3 {
            if code == Some(3) {
                (code, said) = run(arguments);
            }
        }
        assert_eq!(code, Some(0), "{said}");
    };
    let _turn = MACHINE.blocking_write();
    run(&["--save-baseline", "saved.json"]);
    // Latencies may differ as well; the requests and their Redis commands do not.
    let only = ["--baseline", "saved.json", "--tolerate", "commands=50%"];
    let off = ["p50", "p90", "p99", "cpu", "throughput", "bytes"].map(|name| format!("{name}=off"));
    let off = off.iter().flat_map(|off| ["--tolerate", off.as_str()]);
    run(&only.into_iter().chain(off).collect::<Vec<_>>());
    let latest = folder.path().join("runs/latest");
    let page = fs::read_to_string(latest.join("report.html")).expect("a page");
    assert!(page.contains("Weaker."));
    let commands = report(folder.path()).findings;
    let commands = commands.iter().find(|found| found.id == "gate.commands").expect("it is gated");
    assert!(commands.comparisons[0].pairs.is_empty());
}
