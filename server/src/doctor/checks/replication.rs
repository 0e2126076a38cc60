//! Writes are taken here, and those who shall take over are close behind.

use super::super::node::size;
use super::{Check, Node, Opinion};

pub(super) struct Replication;

/// Seconds after which a replica that says nothing is not one.
const SILENT: u64 = 10;
/// Bytes that a replica may be behind.
const BEHIND: u64 = 10_000_000;

/// `slave0:ip=…,port=…,state=online,offset=…,lag=…`
struct Replica<'a>(&'a str);

impl<'a> Replica<'a> {
    fn part(&self, name: &str) -> &'a str {
        let value = |part: &'a str| part.strip_prefix(name)?.strip_prefix('=');
        self.0.split(',').find_map(value).unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.part(name).parse().unwrap_or(0)
    }

    /// What is wrong with it, if anything.
    fn complaint(&self, offset: u64) -> Option<String> {
        let who = format!("the replica {}:{}", self.part("ip"), self.part("port"));
        let behind = offset.saturating_sub(self.number("offset"));
        match (self.part("state"), self.number("lag")) {
            ("online", lag) if lag > SILENT => Some(format!("{who} was last heard {lag} s ago")),
            ("online", _) if behind > BEHIND => Some(format!("{who} is {} behind", size(behind))),
            ("online", _) => None,
            (state, _) => Some(format!("{who} is not in step: {state}")),
        }
    }
}

impl Check for Replication {
    fn name(&self) -> &'static str {
        "replication"
    }

    fn examine(&self, node: &Node) -> Opinion {
        if node.text("role") != "master" {
            let (host, port) = (node.text("master_host"), node.text("master_port"));
            let found = format!("it is a replica of {host}:{port} and refuses writes");
            let advice =
                "name the master, or the Sentinels (REDIS_SENTINELS), which always know it";
            return Opinion::ill(found, advice);
        }
        let replicas: Vec<Replica<'_>> = node
            .info
            .lines()
            .filter(|line| line.starts_with("slave") && line.contains(":ip="))
            .filter_map(|line| Some(Replica(line.trim().split_once(':')?.1)))
            .collect();
        let offset = node.number("master_repl_offset").unwrap_or(0);
        let complaints: Vec<String> =
            replicas.iter().filter_map(|replica| replica.complaint(offset)).collect();
        if !complaints.is_empty() {
            let advice = "look at the replica's log and the network; raise repl-backlog-size and \
                          client-output-buffer-limit where it synchronises again and again";
            return Opinion::ill(complaints.join("; "), advice);
        }
        let (count, wanted) = (replicas.len(), node.replicas_wanted as usize);
        if count < wanted {
            let found =
                format!("QUEUE_DURABILITY asks for {wanted} replicas, and there are {count}");
            return Opinion::ill(found, "start more replicas: no job can be acknowledged");
        }
        match count {
            0 => Opinion::well("it is a master without replicas: nobody can take over"),
            count => Opinion::well(format!("it is a master, and {count} replicas are in step")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn state(replica: &str) -> State {
        let info = format!("role:master\r\nmaster_repl_offset:20000000\r\n{replica}\r\n");
        Replication.examine(&Node { info, ..Node::default() }).state
    }

    #[test]
    fn replicas_must_be_online_close_and_heard() {
        let replica = "slave0:ip=10.0.0.2,port=6379,state=";
        assert_eq!(state(&format!("{replica}online,offset=19999000,lag=1")), State::Well);
        assert_eq!(state(&format!("{replica}online,offset=9999000,lag=1")), State::Ill);
        assert_eq!(state(&format!("{replica}online,offset=20000000,lag=11")), State::Ill);
        assert_eq!(state(&format!("{replica}wait_bgsave,offset=0,lag=0")), State::Ill);
    }
}
