//! A harness that is killed leaves no process, and a run folder that can still be reported.

use crate::environment::MACHINE;
use rand::Rng as _;
use redrill::faults::{FAULTS, Form, Hits};
use redrill_history::clock::instant_now;
use redrill_history::{Event, EventKind, Window};
use redrill_tests::redrill;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// The harness is killed once in each tenth of this time after its start: while nodes and Sentinels
/// start, while virtual users board, under load, and in the final reads of the short plan.
const WITHIN_MS: u64 = 10_000;
/// The guardian has to end within a second; the rest is for a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Until every fault of a plan acts.
const AMID_WITHIN: Duration = Duration::from_secs(60);

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

fn start(folder: &TempDir, text: &str) -> Child {
    let plan = folder.path().join("short.toml");
    fs::write(&plan, text).expect("a plan");
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

/// Waits until none of these processes is left.
fn all_gone(started: &BTreeMap<u32, String>, how: &str) {
    let deadline = instant_now() + GONE_WITHIN;
    loop {
        let now = processes();
        let is_left =
            |(id, began): (&u32, &String)| now.get(id).is_some_and(|(_, started)| started == began);
        let left = started.iter().filter(|process| is_left(*process)).count();
        if left == 0 {
            break;
        }
        assert!(instant_now() < deadline, "{left} processes are left, {how}");
        sleep(Duration::from_millis(10));
    }
}

fn kill_at(moment: Duration) {
    let folder = TempDir::new().expect("a temporary folder");
    let mut harness = start(&folder, PLAN);
    sleep(moment);
    let started = descendants(harness.id());
    let was_running = harness.try_wait().expect("it can be asked").is_none();
    // SIGKILL: nothing of the harness runs after this.
    harness.kill().expect("it can be killed");
    harness.wait().expect("it ends");
    all_gone(&started, &format!("killed at {moment:?}"));
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
    let _turn = MACHINE.blocking_read();
    moments().into_iter().for_each(kill_at);
}

/// A plan in which every kind of fault that is to be healed acts at once, each on a part of its
/// own: processes on instances, links on those of Sentinels with nodes, which are none, nodes that
/// cannot be freed early on a replica each, and all others on the master.
fn plan_of_every_fault() -> (String, usize) {
    let mut plan = String::from(
        "name = \"every-fault\"\n[load]\nduration = \"90s\"\n[load.capabilities.sessions]\n\
         rate_per_s = 5\n[load.capabilities.cache]\nrate_per_s = 1\n\
         [target]\ninstances = 6\n[environment]\nreplicas = 5\n",
    );
    let (mut servers, mut links, mut replicas) = (0, 0, 1);
    let healed = FAULTS.iter().filter(|fault| fault.heals().is_some());
    let mut count = 0;
    for fault in healed {
        let mut from = None;
        let target = match (fault.hits(), fault.longest()) {
            (Hits::Processes, _) => {
                servers += 1;
                format!("server[{}]", servers - 1)
            }
            (Hits::Links, _) => {
                links += 1;
                from = Some(format!("node[{}]", (links - 1) / 3));
                format!("sentinel[{}]", links % 3)
            }
            (_, Some(_)) => {
                replicas += 1;
                format!("node[{}]", replicas - 1)
            }
            (Hits::Pairs, _) => {
                from = Some("node[3]".to_owned());
                "node[4]".to_owned()
            }
            (Hits::Replicas, _) => "node[3]".to_owned(),
            (Hits::Apis | Hits::Model, _) => "model".to_owned(),
            (Hits::Proxied, _) => "node[5]".to_owned(),
            _ => "main.master".to_owned(),
        };
        let lasts = fault.longest().unwrap_or(Duration::from_secs(60)).as_secs();
        let at = 1000 + 100 * count;
        plan += &format!(
            "[[fault]]\nkind = \"{}\"\nat = \"{at}ms\"\nfor = \"{lasts}s\"\n\
             target = [\"{target}\"]\n",
            fault.name()
        );
        plan += &from.map_or_else(String::new, |from| format!("from = [\"{from}\"]\n"));
        for setting in fault.settings().iter().filter(|setting| setting.is_required()) {
            let value = match setting.form {
                Form::Duration { .. } => "\"100ms\"",
                _ => "100",
            };
            plan += &format!("with.{} = {value}\n", setting.name);
        }
        count += 1;
    }
    (plan, count)
}

/// What the run has recorded so far.
fn events(folder: &TempDir) -> Vec<Event> {
    let text = fs::read_to_string(folder.path().join("runs/latest/events.ndjson"));
    let text = text.unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Sends a signal to a harness in whose run every fault acts.
fn end_amid_every_fault(signal: &str) {
    let folder = TempDir::new().expect("a temporary folder");
    let (plan, planned) = plan_of_every_fault();
    let mut harness = start(&folder, &plan);
    let deadline = instant_now() + AMID_WITHIN;
    let injected = || {
        let is_proven = |event: &Event| matches!(event.kind, EventKind::FaultInjected { .. });
        events(&folder).iter().filter(|event| is_proven(event)).count()
    };
    while injected() < planned {
        let failed = events(&folder)
            .into_iter()
            .find(|event| matches!(event.kind, EventKind::FaultFailed { .. }));
        assert!(failed.is_none(), "{failed:?} of\n{plan}");
        let is_late = instant_now() >= deadline;
        if is_late || harness.try_wait().expect("it can be asked").is_some() {
            let _ = harness.kill();
            panic!("{} of {planned} faults act in\n{plan}", injected());
        }
        sleep(Duration::from_millis(50));
    }
    let started = descendants(harness.id());
    let sent = Command::new("kill").args([signal, &harness.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    let code = harness.wait().expect("it ends").code();
    all_gone(&started, signal);
    if signal == "-KILL" {
        return;
    }
    assert_eq!(code, Some(3), "{signal}");
    let windows = Window::from_events(&events(&folder));
    let unhealed: Vec<_> = windows.iter().filter(|window| window.healed_ns.is_none()).collect();
    assert!(unhealed.is_empty(), "{signal}: {unhealed:?}");
    assert_eq!(windows.len(), planned);
}

#[test]
fn a_signal_amid_every_fault_leaves_nothing_behind() {
    let _turn = MACHINE.blocking_read();
    ["-INT", "-TERM", "-KILL"].into_iter().for_each(end_amid_every_fault);
}

/// The journal of the last run.
fn journal(folder: &TempDir) -> String {
    let path = folder.path().join("runs/latest/logs/journal.ndjson");
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn what_a_guardian_leaves_that_was_killed_before_all_was_up_heal_ends() {
    let _turn = MACHINE.blocking_read();
    let folder = TempDir::new().expect("a temporary folder");
    let mut harness = start(&folder, PLAN);
    let deadline = instant_now() + AMID_WITHIN;
    // Some processes of many: what is up is written down only when all are.
    while journal(&folder).matches("\"process\"").count() < 3 {
        assert!(instant_now() < deadline, "{}", journal(&folder));
        sleep(Duration::from_millis(2));
    }
    let run = folder.path().join("runs/latest");
    assert!(!run.join("environment.json").exists());
    let started = descendants(harness.id());
    if cfg!(target_os = "linux") {
        // What is not written down yet is known by this; a Redis writes its title over it.
        let text = journal(&folder);
        let is_marked = |pid: &u32| {
            let given = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let given = String::from_utf8_lossy(&given).into_owned();
            let mark = given.split('\0').find_map(|one| one.strip_prefix("REDRILL_RUN="));
            mark.is_some_and(|mark| text.contains(&format!("\"mark\":\"{mark}\"")))
        };
        assert!(started.keys().any(is_marked), "{text}");
    }
    let group = crate::environment::group(*started.keys().next().expect("a process"));
    for pid in [group, harness.id().to_string()] {
        assert!(Command::new("kill").args(["-KILL", &pid]).status().expect("kill").success());
    }
    harness.wait().expect("it ends");
    let heal = || Command::new(redrill()).arg("heal").arg(&run).output().expect("it heals");
    let healed = heal();
    assert_eq!(healed.status.code(), Some(0), "{healed:?}");
    all_gone(&started, "after heal");
    let again = String::from_utf8_lossy(&heal().stdout).into_owned();
    assert!(again.contains("nothing to heal"), "{again}");
    let damage = fs::File::options().append(true).open(run.join("logs/journal.ndjson"));
    damage.expect("a journal").write_all(b"?\n").expect("it is written");
    let told = heal();
    let said = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(2), "{said}");
    assert!(said.contains("damaged at line "), "{said}");
}
