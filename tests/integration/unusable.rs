//! What cannot be used gets one clear message and exit code 2, and leaves nothing behind.

use redrill_tests::redrill;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
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
        ("[load.capabilities.queue]\nrate_per_s = 0\n".to_owned(), "my.toml:2:14", "from 0.001"),
        ("[load]\ndurration = 5\n".to_owned(), "my.toml:2:1", "did you mean 'duration'?"),
        ("[objectives]\n\"queue.lots\" = 0\n".to_owned(), "my.toml:2:1", "mean 'queue.lost'?"),
        ("[objectives]\n\"queue.lost\" = \"x\"\n".to_owned(), "my.toml:2:16", "a count"),
        (fault("explode", "main.master"), "my.toml:2:8", "kill"),
        (fault("puase", "main.master"), "my.toml:2:8", "did you mean 'pause'?"),
        (fault("kill", "main.mastr"), "my.toml:5:11", "did you mean 'main.master'?"),
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
        ("[effects]\nat_once = 0\n", "my.toml:2:11", "at_once"),
    ] {
        let message = refused(plan);
        assert!(message.contains(place) && message.contains(words), "{plan}{message}");
    }
    for (arguments, place, words) in [
        (&["load", "--fail-if", "p99 < 5ms"][..], "--fail-if:1:5", "write > instead of <"),
        (&["load", "sentinel-failover"], "sentinel-failover:12:8", "redrill drill"),
        (&["load", "capacity"], "capacity:4:8", "redrill capacity"),
        (&["capacity", "steady"], "steady: this plan", "redrill drill"),
        (&["capacity", "--at-least", "many"], "--at-least", "800/s"),
        (&["capacity", "--at-least", "-1"], "--at-least", "800/s"),
        (&["capacity", "--at-least", "1e-300"], "--at-least", "from 0.001"),
        (&["capacity", "--at-least", "60000/s"], "--at-least, 60000", "most_per_s"),
    ] {
        let folder = TempDir::new().expect("a temporary folder");
        let message = unusable(Command::new(redrill()).args(arguments).current_dir(folder.path()));
        assert!(message.contains(place) && message.contains(words), "{message}");
        assert!(!folder.path().join("runs").exists(), "a run folder was made: {message}");
    }
}

#[test]
fn what_is_no_plan_file_is_named_for_what_it_is() {
    let folder = TempDir::new().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("tests")).expect("a folder");
    symlink("loop", at("loop")).expect("a link");
    symlink("nowhere.toml", at("dangling.toml")).expect("a link");
    let pipe = Command::new("mkfifo").arg(at("pipe.toml")).status().expect("mkfifo");
    assert!(pipe.success());
    for (name, words) in [
        ("tests", "'tests' is a directory; give the path of a plan file"),
        ("loop", "cannot read the plan 'loop': "),
        ("dangling.toml", "a link to 'nowhere.toml', which does not exist"),
        ("pipe.toml", "no regular file"),
        ("/dev/zero", "no regular file"),
        ("absent.toml", "cannot read the plan 'absent.toml'"),
        ("absent", "there is no plan 'absent'; there are sentinel-failover"),
    ] {
        for command in [&["plan", "check"][..], &["drill"]] {
            let mut program = Command::new(redrill());
            let message = unusable(program.args(command).arg(name).current_dir(folder.path()));
            assert!(message.contains(words), "{message}");
            assert!(message.matches("os error").count() <= 1, "{message}");
        }
    }
}

#[test]
fn a_run_folder_that_cannot_be_made_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("file"), "").expect("a file");
    for runs in ["file", "file/runs"] {
        let mut command = Command::new(redrill());
        let message = unusable(command.args(["drill", "--runs", runs]).current_dir(folder.path()));
        assert!(message.contains(&format!("'{runs}'")) && message.contains("--runs"), "{message}");
        assert_eq!(message.matches("os error").count(), 1, "{message}");
    }
}

#[test]
fn a_plan_is_read_from_standard_input() {
    for name in ["-", "/dev/stdin"] {
        let mut child = Command::new(redrill())
            .args(["plan", "check", name])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("redrill starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"[load]\nduration = 5\n").expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("redrill ends");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("standard input:2:12: 5 has no unit"), "{message}");
    }
}

/// Linux has a device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_printed_is_no_success() {
    for arguments in
        [&["list"][..], &["plan", "show"], &["plan", "check"], &["--help"], &["--version"]]
    {
        let full = fs::File::options().write(true).open("/dev/full").expect("a device");
        let output = Command::new(redrill()).args(arguments).stdout(full).output();
        let output = output.expect("redrill starts");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {message}");
        assert!(message.contains("cannot print") && message.contains("space"), "{message}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let mut child = Command::new(redrill())
        .arg("list")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("redrill starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("redrill ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_image_is_checked_and_shown_before_it_is_drilled() {
    let plan = |arguments: &[&str]| {
        let mut command = Command::new(redrill());
        command.arg("plan").args(arguments);
        command
    };
    for action in ["check", "show"] {
        let message = unusable(&mut plan(&[action, "--image", "a b"]));
        assert!(message.contains("--image is what docker calls one"), "{message}");
    }
    let shown = plan(&["show", "--toml", "--image", "redis:7.2"]).output().expect("it starts");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for line in ["backend = \"docker\"\n", "image = \"redis:7.2\"\n"] {
        assert!(shown.contains(line), "{shown}");
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
        let message = unusable(Command::new(redrill()).arg(command).current_dir(folder.path()));
        assert!(message.contains("no run yet") && message.contains("redrill drill"), "{message}");
        let message = unusable(Command::new(redrill()).args([command, "/nowhere"]));
        assert!(message.contains("there is no run folder /nowhere"), "{message}");
    }
    let runs = folder.path().join("runs");
    fs::create_dir(&runs).expect("a folder");
    symlink("a-run", runs.join("latest")).expect("a link");
    let message = unusable(Command::new(redrill()).arg("report").current_dir(folder.path()));
    assert!(message.contains("names the run a-run, which is gone"), "{message}");
}

/// The clients bring TLS with them, whose roots Linux keeps in files.
#[cfg(target_os = "linux")]
#[test]
fn a_system_without_certificates_is_told_what_to_install() {
    let folder = TempDir::new().expect("a temporary folder");
    for arguments in [&["serve", "--port", "0"][..], &["drill"], &["load"], &["capacity"]] {
        let mut command = Command::new(redrill());
        command.args(arguments).current_dir(folder.path());
        command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", folder.path());
        let message = unusable(&mut command);
        assert!(message.contains("ca-certificates"), "{message}");
        assert!(!folder.path().join("runs").exists(), "a run folder was made: {message}");
    }
}
