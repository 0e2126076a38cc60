//! Drills whose Redis runs in containers: what acts on a process acts on one in a container, and
//! nothing is left of any. Left out, and told so, where no Docker daemon answers or the image
//! cannot be had; `scripts/docker-drill --test` sees to both.

use crate::environment::MACHINE;
use redrill_history::clock::instant_now;
use redrill_history::{Event, EventKind, Window};
use redrill_tests::redrill;
use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// Set where a drill that cannot be run is a failure.
const DEMANDED: &str = "REDRILL_TEST_DOCKER";
/// What redrill says where there is no daemon or no image.
const LACKS: [&str; 3] =
    ["no Docker daemon answers", "may not use the Docker daemon", "cannot be pulled"];
/// Until a fault acts: the environment starts first.
const ACTS_WITHIN: Duration = Duration::from_secs(60);
/// The guardian has 10 s a container; the daemon takes far less, on a busy machine too.
const GONE_WITHIN: Duration = Duration::from_secs(20);

const PLAN: &str = r#"
name = "in-containers"

[load]
duration = "16s"
drain = "4s"

[load.capabilities.queue]
rate_per_s = 20

[environment]
backend = "docker"

[[fault]]
kind = "kill"
at = "2s"
for = "4s"
target = ["main.master"]

[[fault]]
kind = "pause"
at = "3s"
for = "2s"
target = ["sentinel[2]"]

[[fault]]
kind = "restart"
at = "9s"
target = ["main.replica[0]"]
"#;

/// A drill to come, whose temporary files and run are in a folder of its own.
struct Drill {
    folder: TempDir,
}

impl Drill {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        fs::create_dir(folder.path().join("tmp")).expect("a folder");
        fs::write(folder.path().join("plan.toml"), PLAN).expect("a plan");
        Self { folder }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(redrill());
        command.arg("drill").arg(self.folder.path().join("plan.toml"));
        command.arg("--runs").arg(self.folder.path().join("runs"));
        command.env("TMPDIR", self.folder.path().join("tmp"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What the run has recorded so far.
    fn events(&self) -> Vec<Event> {
        let path = self.folder.path().join("runs/latest/events.ndjson");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until neither a container nor a folder is left.
    fn is_gone(&self) {
        let deadline = instant_now() + GONE_WITHIN;
        loop {
            let listed = containers();
            // One that asked the version shares no folder; another drill's is soon gone.
            let asked = listed.matches("/redrill-version-").count();
            let containers = listed.matches(self.folder.path().to_str().unwrap()).count() + asked;
            let folders = fs::read_dir(self.folder.path().join("tmp")).expect("a folder").count();
            if (containers, folders) == (0, 0) {
                return;
            }
            let left = format!("{containers} mounts of containers and {folders} folders are left");
            assert!(instant_now() < deadline, "{left}");
            sleep(Duration::from_millis(50));
        }
    }
}

/// What the daemon answers.
fn daemon(request: &str, body: &str) -> String {
    let host = env::var("DOCKER_HOST").unwrap_or_default();
    let path = host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock");
    let mut socket = UnixStream::connect(path).expect("a daemon");
    let head = format!("content-type: application/json\r\ncontent-length: {}", body.len());
    let request = format!("{request} HTTP/1.0\r\n{head}\r\n\r\n{body}");
    socket.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.0 20"), "{answer}");
    answer
}

/// What the daemon lists: every container that it has, with its mounts.
fn containers() -> String {
    daemon("GET /containers/json?all=1", "")
}

/// Whether a test has to be left out, which is told past the capture of the test's output.
fn is_left_out(said: &str) -> bool {
    let lacks = LACKS.iter().any(|words| said.contains(words));
    assert!(!lacks || env::var_os(DEMANDED).is_none(), "{said}");
    if lacks {
        let _ = writeln!(io::stderr(), "LEFT OUT: a drill in containers; {}", said.trim());
    }
    lacks
}

fn is_injected(event: &Event) -> bool {
    matches!(event.kind, EventKind::FaultInjected { .. })
}

#[test]
fn a_process_in_a_container_is_killed_paused_and_restarted_as_any_other() {
    let _turn = MACHINE.blocking_read();
    let drill = Drill::new();
    let output = drill.command().output().expect("redrill starts");
    let said = String::from_utf8_lossy(&output.stderr);
    if is_left_out(&said) {
        return;
    }
    assert!([Some(0), Some(1), Some(3)].contains(&output.status.code()), "{said}");
    let events = drill.events();
    assert_eq!(events.iter().filter(|event| is_injected(event)).count(), 3, "{said}");
    let windows = Window::from_events(&events);
    // A restart is over when it is done.
    let is_unhealed = |window: &Window| window.healed_ns.is_none() && window.kind != "restart";
    assert!(!windows.iter().any(is_unhealed), "{windows:?}");
    let is_promotion = |event: &Event| match &event.kind {
        EventKind::Sentinel { channel, .. } => channel == "+switch-master",
        _ => false,
    };
    assert!(events.iter().any(is_promotion), "nobody was promoted: {said}");
    let log = drill.folder.path().join("runs/latest/logs/node[0].log");
    let log = fs::read_to_string(log).expect("a node's log");
    assert!(log.contains("Ready to accept connections"), "{log}");
    drill.is_gone();
    heal_leaves_what_bears_no_label(&drill);
}

fn heal_leaves_what_bears_no_label(drill: &Drill) {
    let run = drill.folder.path().join("runs/latest");
    let name = format!("redrill-not-of-a-run-{}", std::process::id());
    daemon(&format!("POST /containers/create?name={name}"), r#"{"Image":"redis:7"}"#);
    let journal = run.join("logs/journal.ndjson");
    let mut journal = fs::File::options().append(true).open(journal).expect("a journal");
    writeln!(journal, r#"{{"entry":"container","name":"{name}"}}"#).expect("it is written");
    drop(journal);
    let healed = Command::new(redrill()).arg("heal").arg(&run).output().expect("redrill starts");
    let is_there = containers().contains(&name);
    if is_there {
        daemon(&format!("DELETE /containers/{name}"), "");
    }
    assert!(healed.status.success() && is_there, "{healed:?}");
}

#[test]
fn a_killed_harness_leaves_no_container() {
    let _turn = MACHINE.blocking_read();
    let drill = Drill::new();
    let mut harness = drill.command().stderr(Stdio::piped()).spawn().expect("redrill starts");
    let deadline = instant_now() + ACTS_WITHIN;
    while !drill.events().iter().any(is_injected) {
        let has_ended = harness.try_wait().expect("it can be asked").is_some();
        if has_ended || instant_now() > deadline {
            let _ = harness.kill();
            let mut said = String::new();
            let stderr = harness.stderr.as_mut().expect("its standard error");
            stderr.read_to_string(&mut said).expect("what it said");
            assert!(is_left_out(&said), "no fault acts: {said}");
            return;
        }
        sleep(Duration::from_millis(20));
    }
    let path = drill.folder.path().to_str().unwrap().to_owned();
    assert!(containers().contains(&path), "this drill has no container to leave");
    harness.kill().expect("it can be killed");
    harness.wait().expect("it ends");
    drill.is_gone();
}
