//! scripts/drill, which is `make drill`: what it makes of redrill's exit codes.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use redrill_tests::workspace_root;
use tempfile::TempDir;

fn write_program(path: &Path, lines: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, format!("#!/bin/sh\n{lines}\n")).expect("a program");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// The exit code and the last line of `scripts/drill split-brain` around a redrill that ends so.
fn drill(redrill: &str) -> (Option<i32>, String) {
    let folder = TempDir::new().expect("a temporary folder");
    // What is built is not the question here.
    write_program(&folder.path().join("bin/cargo"), "true");
    write_program(&folder.path().join("target/release/redrill"), redrill);
    let path = env::var_os("PATH").expect("a PATH");
    let folders = [folder.path().join("bin")].into_iter().chain(env::split_paths(&path));
    let output = Command::new(workspace_root().join("scripts/drill"))
        .arg("split-brain")
        .env("PATH", env::join_paths(folders).expect("a PATH"))
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .expect("scripts/drill runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), said.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn a_verdict_is_a_success_and_anything_else_is_not() {
    let endings = [(0, 0, "pass"), (1, 0, "fail"), (3, 0, "inconclusive")];
    let failures =
        [(2, 2, "unusable"), (4, 4, "itself"), (101, 101, "outside"), (137, 137, "outside")];
    for (code, expected, word) in endings.into_iter().chain(failures) {
        let (status, said) = drill(&format!("exit {code}"));
        assert_eq!(status, Some(expected), "{said}");
        assert!(said.starts_with(&format!("redrill exited with {code} (")), "{said}");
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn arguments_go_to_the_drill() {
    let (status, _) = drill("[ \"$*\" = 'drill split-brain' ] || exit 4");
    assert_eq!(status, Some(0));
}

#[test]
fn an_interrupted_drill_may_finish_its_report() {
    // A terminal interrupts the whole group: the script too, which must outlast redrill.
    let (status, said) = drill("trap '' INT; kill -INT $PPID; sleep 0.2; exit 3");
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("inconclusive"), "{said}");
}
