//! A restart brings back what was acknowledged.

use super::{Check, Node, Opinion, no_config};

pub(super) struct Persistence;

impl Check for Persistence {
    fn name(&self) -> &'static str {
        "persistence"
    }

    fn examine(&self, node: &Node) -> Opinion {
        for (field, what) in [
            ("rdb_last_bgsave_status", "the last snapshot"),
            ("aof_last_bgrewrite_status", "the last rewrite of the log"),
            ("aof_last_write_status", "the last write of the log"),
        ] {
            if node.text(field) == "err" {
                let advice = "see the node's log: is the disk full, or read-only, or is there no \
                              memory to fork? Until then it may refuse writes (MISCONF)";
                return Opinion::ill(format!("{what} failed"), advice);
            }
        }
        let (Some(log), Some(save)) = (node.set("appendonly"), node.set("save")) else {
            return no_config();
        };
        let fsync = node.set("appendfsync").unwrap_or_default();
        match (log, save.trim_matches('"')) {
            ("yes", _) => Opinion::well(format!("the log is written, fsync {fsync}")),
            _ if !node.is_store() => Opinion::well("a cache needs none"),
            (_, "") => Opinion::ill(
                "nothing is written to disk: a restart loses all jobs and sessions",
                "CONFIG SET appendonly yes, and the same in the node's file (appendfsync everysec)",
            ),
            (_, save) => Opinion::ill(
                format!(
                    "only snapshots are written (save {save}): a restart loses what came after"
                ),
                "CONFIG SET appendonly yes, and the same in the node's file (appendfsync everysec)",
            ),
        }
    }
}
