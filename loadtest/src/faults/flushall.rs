//! Flush all: a node loses its data.

use super::on_nodes::{Node, OnNodes};
use super::{Condition, Hits, Injected};
use crate::environment::Need;
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use redis::{Value, cmd};

pub(super) const FLUSHALL: OnNodes = OnNodes {
    name: "flushall",
    doc: "deletes every key of a master and its replicas (FLUSHALL), as an operator's slip does",
    heals: None,
    hits: Hits::Writable,
    holds: &[],
    settings: &[],
    needs: &[Need::Data],
    longest: None,
    leaves: |_| Condition::Well,
    inject: |node| flush(node).boxed(),
};

async fn flush(mut node: Node<'_>) -> Result<Injected<'_>> {
    // As one, so that nobody writes between the looks.
    for words in [&["MULTI"][..], &["INFO", "keyspace"], &["FLUSHALL"], &["INFO", "keyspace"]] {
        node.tell(words).await?;
    }
    let (before, _, after): (String, Value, String) = node.ask(&cmd("EXEC")).await?;
    let (before, after) = (keys(&before), keys(&after));
    ensure!(before > 0 && after == 0, "{} had {before} keys, and has {after}", node.name);
    let name = node.name;
    Ok(Injected::over(format!("{name}: {before} keys were deleted, none is left")))
}

/// The keys in all databases, by `INFO keyspace`.
fn keys(keyspace: &str) -> u64 {
    let counts = keyspace.lines().filter_map(|line| line.split_once("keys=")?.1.split(',').next());
    counts.filter_map(|count| count.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn keys_are_counted_over_all_databases() {
        let keyspace = "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=5\r\ndb2:keys=40,expires=0\r\n";
        assert_eq!(keys(keyspace), 43);
        assert_eq!(keys("# Keyspace\r\n"), 0);
    }
}
