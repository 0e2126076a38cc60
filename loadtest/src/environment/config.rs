//! The configuration of nodes and Sentinels.
//!
//! Every address that one process tells another is a proxy's, and every process has its own source
//! address, by which a proxy knows whom it serves. So any pair can be cut apart.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use redrill_history::GroupPlan;

/// What a configuration needs to know of its process.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// Its proxy's address.
    pub(super) announced: SocketAddr,
    /// The source address of its own connections.
    pub(super) source: IpAddr,
    /// The port for its peers in a cluster, and its proxy's.
    pub(super) bus: Option<(u16, u16)>,
    /// Where its data lies.
    pub(super) folder: &'a Path,
}

/// A node's configuration; a replica follows `master`, which is a proxy's address.
pub(super) fn node(place: &Place<'_>, plan: &GroupPlan, master: Option<SocketAddr>) -> String {
    let mut text = common(place);
    let announced = place.announced;
    text += "appendonly yes\n\
             appendfsync everysec\n\
             save \"\"\n\
             repl-diskless-sync yes\n\
             repl-diskless-sync-delay 0\n\
             enable-debug-command local\n";
    add(&mut text, format_args!("maxmemory-policy {}", plan.maxmemory_policy));
    if let Some(bound) = &plan.maxmemory {
        add(&mut text, format_args!("maxmemory {bound}"));
    }
    if let Some((bus, announced_bus)) = place.bus {
        add(&mut text, format_args!("cluster-port {bus}"));
        add(&mut text, format_args!("cluster-announce-ip {}", announced.ip()));
        add(&mut text, format_args!("cluster-announce-port {}", announced.port()));
        add(&mut text, format_args!("cluster-announce-bus-port {announced_bus}"));
        add(&mut text, format_args!("cluster-node-timeout {}", plan.down_after.as_millis()));
        // With full coverage asked for, all shards would be away until a lost one is back.
        text += "cluster-enabled yes\ncluster-require-full-coverage no\n";
    }
    // The master too: it comes back as a replica.
    add(&mut text, format_args!("replica-announce-ip {}", announced.ip()));
    add(&mut text, format_args!("replica-announce-port {}", announced.port()));
    if let Some(master) = master {
        add(&mut text, format_args!("replicaof {} {}", master.ip(), master.port()));
    }
    text
}

/// A Sentinel's configuration; `group` is the name by which it is asked for the master, and
/// `master` a proxy's address.
pub(super) fn sentinel(
    place: &Place<'_>,
    plan: &GroupPlan,
    group: &str,
    master: SocketAddr,
) -> String {
    let mut text = common(place);
    let announced = place.announced;
    let (ip, port) = (master.ip(), master.port());
    let down_after = plan.down_after.as_millis();
    let failover_timeout = plan.failover_timeout.as_millis();
    add(&mut text, format_args!("sentinel announce-ip {}", announced.ip()));
    add(&mut text, format_args!("sentinel announce-port {}", announced.port()));
    add(&mut text, format_args!("sentinel monitor {group} {ip} {port} {}", plan.quorum));
    add(&mut text, format_args!("sentinel down-after-milliseconds {group} {down_after}"));
    add(&mut text, format_args!("sentinel failover-timeout {group} {failover_timeout}"));
    add(&mut text, format_args!("sentinel parallel-syncs {group} 1"));
    text
}

fn common(place: &Place<'_>) -> String {
    let mut text = String::new();
    add(&mut text, format_args!("bind {}", place.listen.ip()));
    add(&mut text, format_args!("port {}", place.listen.port()));
    add(&mut text, format_args!("bind-source-addr {}", place.source));
    add(&mut text, format_args!("dir {}", quoted(place.folder)));
    text += "protected-mode no\ndaemonize no\nlogfile \"\"\n";
    text
}

/// A path with blanks or quotes, as Redis reads one.
fn quoted(path: &Path) -> String {
    let escaped = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_are_announced_and_every_process_has_its_source() {
        let place = Place {
            listen: ([127, 0, 0, 1], 20_001).into(),
            announced: ([127, 0, 0, 1], 20_002).into(),
            source: [127, 0, 0, 12].into(),
            bus: Some((20_003, 20_004)),
            folder: Path::new("a folder"),
        };
        let master = ([127, 0, 0, 1], 20_009).into();
        let plan = GroupPlan { maxmemory: Some("64mb".to_owned()), ..GroupPlan::example() };
        let node = node(&place, &plan, Some(master));
        for line in [
            "port 20001",
            "bind-source-addr 127.0.0.12",
            "dir \"a folder\"",
            "replica-announce-port 20002",
            "replicaof 127.0.0.1 20009",
            "maxmemory 64mb",
            "cluster-port 20003",
            "cluster-announce-port 20002",
            "cluster-announce-bus-port 20004",
            "cluster-node-timeout 1000",
            "maxmemory-policy noeviction",
        ] {
            assert!(node.lines().any(|found| found == line), "{line} is not in\n{node}");
        }
        let sentinel = sentinel(&place, &plan, "main", master);
        for line in [
            "bind-source-addr 127.0.0.12",
            "sentinel announce-port 20002",
            "sentinel monitor main 127.0.0.1 20009 2",
            "sentinel down-after-milliseconds main 1000",
            "sentinel failover-timeout main 3000",
        ] {
            assert!(sentinel.lines().any(|found| found == line), "{line} is not in\n{sentinel}");
        }
    }
}
