//! The numbers of Redis' `INFO` that are told as metrics.

use super::family::{Family, Gauge};

/// Field of `INFO`, name of the metric, what it tells.
const FIELDS: &[(&str, &str, &str)] = &[
    ("uptime_in_seconds", "redis_uptime_seconds", "Time since the node started."),
    ("connected_clients", "redis_connected_clients", "Clients of the node."),
    ("blocked_clients", "redis_blocked_clients", "Clients that wait in a blocking command."),
    ("rejected_connections", "redis_rejected_connections_total", "Clients above maxclients."),
    ("used_memory", "redis_used_memory_bytes", "Memory that is allocated."),
    ("maxmemory", "redis_maxmemory_bytes", "Bound of the memory; 0 is none."),
    ("mem_fragmentation_ratio", "redis_memory_fragmentation_ratio", "Resident by allocated."),
    ("total_commands_processed", "redis_commands_processed_total", "Commands of all clients."),
    ("instantaneous_ops_per_sec", "redis_operations_per_second", "Commands of late."),
    ("keyspace_hits", "redis_keyspace_hits_total", "Reads that found their key."),
    ("keyspace_misses", "redis_keyspace_misses_total", "Reads that did not."),
    ("expired_keys", "redis_expired_keys_total", "Keys whose time was up."),
    ("evicted_keys", "redis_evicted_keys_total", "Keys that gave way to others."),
    ("connected_slaves", "redis_connected_replicas", "Replicas of the node."),
    ("master_repl_offset", "redis_replication_offset_bytes", "What replicas should have."),
    ("rdb_last_bgsave_status", "redis_last_save_ok", "1 if the last snapshot succeeded."),
    ("aof_last_write_status", "redis_last_append_ok", "1 if the last write of the log did."),
];

/// A gauge a field, with a series a role and node: of a cluster the nodes have numbers.
pub(crate) struct Info(Vec<Family<Gauge>>);

impl Default for Info {
    fn default() -> Self {
        let family = |(_, name, help): &(&str, &'static str, &'static str)| {
            Family::new(name, help, &["role", "node"])
        };
        Self(FIELDS.iter().map(family).collect())
    }
}

impl Info {
    /// Takes over what `INFO` says.
    pub(crate) fn set(&self, role: &str, node: &str, info: &str) {
        let labels = [role, node];
        for ((field, ..), family) in FIELDS.iter().zip(&self.0) {
            match field_of(info, field) {
                Some("ok") => family.set(&labels, 1.0),
                Some("err") => family.set(&labels, 0.0),
                value => {
                    if let Some(value) = value.and_then(|value| value.parse().ok()) {
                        family.set(&labels, value);
                    }
                }
            }
        }
    }

    pub(super) fn render(&self, out: &mut String) {
        self.0.iter().for_each(|family| family.render(out));
    }
}

/// The value of a field of `INFO`.
pub(crate) fn field_of<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    info.lines().find_map(value).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_numbers_or_whether_something_went_well() {
        let info = Info::default();
        let text = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n\
                    rdb_last_bgsave_status:err\r\naof_last_write_status:ok\r\nrole:master\r\n";
        info.set("main", "0", text);
        let mut out = String::new();
        info.render(&mut out);
        let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "redis_used_memory_bytes{role=\"main\",node=\"0\"} 1048576",
            "redis_last_save_ok{role=\"main\",node=\"0\"} 0",
            "redis_last_append_ok{role=\"main\",node=\"0\"} 1",
        ];
        assert_eq!(lines, expected);
    }
}
