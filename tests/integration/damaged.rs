//! A run folder that was damaged after its run gives no verdict but "inconclusive", and says what
//! was damaged, even where every record that is left reads well.

use crate::rerender::{PLAN, run};
use redrill_history::{Operation, Record};
use redrill_tests::redrill;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The header of a log of records, in bytes.
const HEADER: usize = 16;

/// A damage, and the file that it does it to.
type Damage = (&'static str, fn(Vec<u8>) -> Option<Vec<u8>>);

const DAMAGES: &[Damage] = &[
    // Whole records are gone: from the end, from the middle, all, with the file itself.
    ("history/operations.bin", |log| Some(log[..log.len() - 20 * Operation::SIZE].to_owned())),
    ("history/operations.bin", |log| {
        let (from, to) = (HEADER + 50 * Operation::SIZE, HEADER + 90 * Operation::SIZE);
        Some([&log[..from], &log[to..]].concat())
    }),
    ("effects/calls.bin", |log| Some(log[..HEADER].to_owned())),
    ("effects/calls.bin", |_| None),
    // Every code in it is known still.
    ("history/observations.bin", |mut log| {
        let middle = log.len() / 2;
        log[middle] ^= 1;
        Some(log)
    }),
    ("history/observations.bin", |_| Some(Vec::new())),
    ("samples.ndjson", |_| None),
    ("segments.ndjson", |_| Some(Vec::new())),
    ("environment.json", |_| Some(b"{".to_vec())),
    ("events.ndjson", |log| {
        let text = String::from_utf8(log).expect("text");
        let first = text.lines().next().expect("an event").len() + 1;
        Some(text.as_bytes()[first..].to_vec())
    }),
    // Another kind of run has other checks.
    ("plan.toml", |log| {
        let text = String::from_utf8(log).expect("text");
        assert!(text.contains("kind = \"load\""), "{text}");
        Some(text.replace("kind = \"load\"", "kind = \"gate\"").into_bytes())
    }),
];

/// The run's files that are evidence, in a folder of their own.
fn copy(run: &Path, to: &Path) {
    for part in ["history", "effects", "latency"] {
        fs::create_dir_all(to.join(part)).expect("a folder");
    }
    for (file, _) in DAMAGES {
        fs::copy(run.join(file), to.join(file)).expect("a copy");
    }
}

fn examined(run: &Path) -> Output {
    Command::new(redrill()).arg("report").arg(run).output().expect("redrill starts")
}

#[test]
fn every_damage_is_named_and_makes_the_run_inconclusive() {
    let folder = TempDir::new().expect("a temporary folder");
    let (_, run) = run(folder.path(), &["load"], PLAN);
    let whole = folder.path().join("whole");
    copy(&run, &whole);
    let said = String::from_utf8_lossy(&examined(&whole).stdout).into_owned();
    assert!(!said.contains("when the run ended"), "{said}");
    for (number, (file, damage)) in DAMAGES.iter().enumerate() {
        let damaged = folder.path().join(format!("damaged-{number}"));
        copy(&run, &damaged);
        match damage(fs::read(run.join(file)).expect("a file")) {
            Some(content) => fs::write(damaged.join(file), content).expect("it is written"),
            None => fs::remove_file(damaged.join(file)).expect("it is removed"),
        }
        let output = examined(&damaged);
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{number}: {file}: {said}");
        assert!(said.contains(file), "{number}: {file}: {said}");
    }
}
