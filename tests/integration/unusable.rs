//! What cannot be used gets one clear message and exit code 2, and leaves nothing behind.

use redrill_tests::redrill;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Runs `redrill drill` on a plan text in a folder of its own; returns the message.
fn refused(plan: &str) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("my.toml"), plan).expect("a plan");
    let mut command = Command::new(redrill());
    command.args(["drill", "my.toml"]).current_dir(folder.path());
    let message = unusable(&mut command);
    assert!(!folder.path().join("runs").exists(), "a run folder was made: {message}");
    message
}

/// Runs a command that must end with 2, without an answer, and with a message.
fn unusable(command: &mut Command) -> String {
    let output = command.output().expect("redrill starts");
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(output.stdout.is_empty(), "an answer beside the refusal: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

#[test]
fn a_plan_is_refused_where_it_is_wrong() {
    let fault = |kind: &str, target: &str| {
        format!(
            "[[fault]]\nkind = \"{kind}\"\nat = \"1s\"\nfor = \"1s\"\ntarget = [\"{target}\"]\n"
        )
    };
    for (plan, place, words) in [
        ("[load]\ndurration = \"5s\"\n".to_owned(), "my.toml:2:1", "durration"),
        ("[load]\nduration = \"5\"\n".to_owned(), "my.toml:2:12", "250ms"),
        ("[load.capabilities.queue]\nrate_per_s = 0\n".to_owned(), "my.toml:2:14", "above 0"),
        ("[objectives]\n\"queue.lots\" = 0\n".to_owned(), "my.toml:2:1", "queue.lost"),
        ("[objectives]\n\"queue.lost\" = \"x\"\n".to_owned(), "my.toml:2:16", "a count"),
        (fault("explode", "main.master"), "my.toml:2:8", "kill"),
        (fault("kill", "node[9]"), "my.toml:5:11", "main.master"),
        ("name = \n".to_owned(), "my.toml:1:8", "string"),
    ] {
        let message = refused(&plan);
        assert!(message.contains(place) && message.contains(words), "{plan}{message}");
    }
}

#[test]
fn a_threshold_is_refused_where_it_is_wrong() {
    for (plan, place, words) in [
        ("fail_if = [\"p98 > 5ms\"]\n", "my.toml:1:13", "p99.9"),
        ("fail_if = [\"p99 > 5ms for queue.read\"]\n", "my.toml:1:27", "queue.submit"),
        ("kind = \"capacity\"\n", "my.toml:1:8", "redrill capacity"),
        ("[effects]\nat_once = 0\n", "my.toml:1:1", "at_once"),
    ] {
        let message = refused(plan);
        assert!(message.contains(place) && message.contains(words), "{plan}{message}");
    }
    for (arguments, place, words) in [
        (&["load", "--fail-if", "p99 < 5ms"][..], "--fail-if:1:5", "write > instead of <"),
        (&["load", "sentinel-failover"], "sentinel-failover:12:8", "redrill drill"),
        (&["capacity", "--at-least", "many"], "--at-least:1:1", "800/s"),
    ] {
        let folder = TempDir::new().expect("a temporary folder");
        let message = unusable(Command::new(redrill()).args(arguments).current_dir(folder.path()));
        assert!(message.contains(place) && message.contains(words), "{message}");
        assert!(!folder.path().join("runs").exists(), "a run folder was made: {message}");
    }
}

fn drill_with_path(path: &Path) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    unusable(Command::new(redrill()).arg("drill").env("PATH", path).current_dir(folder.path()))
}

#[test]
fn a_missing_or_old_redis_is_named_with_the_way_out() {
    let folder = TempDir::new().expect("a temporary folder");
    let missing = drill_with_path(folder.path());
    assert!(missing.contains("redis-server") && missing.contains("install"), "{missing}");
    let program = folder.path().join("redis-server");
    fs::write(
        &program,
        "#!/bin/sh\necho 'Redis server v=5.0.7 sha=0:0 malloc=x bits=64 build=1'\n",
    )
    .expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let old = drill_with_path(folder.path());
    assert!(old.contains("5.0.7") && old.contains("7.0"), "{old}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for arguments in [["serve", "--host", "127.0.0.1"], ["toxiproxy", "--host", "127.0.0.1"]] {
        let message = unusable(Command::new(redrill()).args(arguments).args(["--port", &port]));
        assert!(message.contains(&port) && message.contains("in use"), "{message}");
    }
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    for command in ["report", "history"] {
        let message = unusable(Command::new(redrill()).arg(command).arg(folder.path()));
        assert!(message.contains("no run folder"), "{message}");
    }
}
