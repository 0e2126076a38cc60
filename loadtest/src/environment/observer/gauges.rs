//! The gauges of nodes and processes.

use super::Sink;
use crate::environment::admin::{Admin, info_fields};
use crate::environment::member::Member;
use crate::environment::proc::ProcStat;
use crate::environment::processes::Processes;
use redis::cmd;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often gauges are read.
const EVERY: Duration = Duration::from_millis(250);

/// The fields of `INFO` that are recorded, and under which names.
const FIELDS: &[(&str, &str)] = &[
    ("used_memory", "used_memory_bytes"),
    ("total_commands_processed", "commands_processed"),
    ("connected_clients", "connected_clients"),
    ("blocked_clients", "blocked_clients"),
    ("connected_slaves", "connected_replicas"),
    ("master_repl_offset", "replication_offset"),
    ("evicted_keys", "evicted_keys"),
    ("expired_keys", "expired_keys"),
    ("aof_delayed_fsync", "aof_delayed_fsync"),
];

/// Records a node's gauges; while it does not answer there are none.
pub(super) async fn node(node: Member, sink: Sink) {
    let mut admin = Admin::new(node.door());
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        if let Ok(info) = admin.ask::<String>(&cmd("INFO"), EVERY).await {
            let mut values = values(&info, FIELDS);
            // The process table tells of those that the harness started.
            if node.is_adopted() {
                values.extend(usage(&info));
            }
            sink.sample(&node.name, values);
        }
    }
}

/// Records the processor time and memory of every process and of the harness, and how busy the
/// machine is with all that runs on it.
pub(super) async fn processes(processes: Arc<Processes>, sink: Sink) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        if let Some(busy) = ProcStat::machine_busy_seconds() {
            sink.sample("machine", BTreeMap::from([("busy_seconds".to_owned(), busy)]));
        }
        let harness = ("harness".to_owned(), std::process::id());
        for (name, pid) in processes.running().into_iter().chain([harness]) {
            if let Some(stat) = ProcStat::read(pid) {
                let rss = ("rss_bytes".to_owned(), stat.rss_bytes as f64);
                let cpu = ("cpu_seconds".to_owned(), stat.cpu_seconds);
                let main = ProcStat::main_thread_cpu_seconds(pid);
                let main = main.map(|seconds| ("main_thread_cpu_seconds".to_owned(), seconds));
                sink.sample(&name, [cpu, rss].into_iter().chain(main).collect());
            }
        }
    }
}

fn ticks() -> Interval {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The fields of `INFO` that are there, under their names.
fn values(info: &str, known: &[(&str, &str)]) -> BTreeMap<String, f64> {
    let fields = info_fields(info);
    let value =
        |(field, name): &(&str, &str)| Some(((*name).to_owned(), fields.get(field)?.parse().ok()?));
    known.iter().filter_map(value).collect()
}

/// Processor time and memory as a node itself tells them; the main thread's only since Redis 6.2.
fn usage(info: &str) -> BTreeMap<String, f64> {
    let fields = info_fields(info);
    let number = |name: &str| fields.get(name)?.parse::<f64>().ok();
    let both = |suffix: &str| {
        let part = |of: &str| number(&format!("used_cpu_{of}{suffix}"));
        Some(part("sys")? + part("user")?)
    };
    let all = [
        ("cpu_seconds", both("")),
        ("main_thread_cpu_seconds", both("_main_thread")),
        ("rss_bytes", number("used_memory_rss")),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_info_have_names_with_units() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n\r\n\
                    # Replication\r\nrole:master\r\nmaster_repl_offset:42\r\n";
        let expected = [("used_memory_bytes", 1_048_576.0), ("replication_offset", 42.0)];
        let named = |values: &[(&str, f64)]| {
            values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        assert_eq!(values(info, FIELDS), named(&expected));
        let info = "used_memory_rss:2097152\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\n\
                    used_cpu_sys_main_thread:1.0\r\nused_cpu_user_main_thread:2.0\r\n";
        let expected: BTreeMap<String, f64> = named(&[
            ("cpu_seconds", 3.75),
            ("main_thread_cpu_seconds", 3.0),
            ("rss_bytes", 2_097_152.0),
        ]);
        assert_eq!(usage(info), expected);
    }
}
