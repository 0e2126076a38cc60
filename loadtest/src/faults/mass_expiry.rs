//! Mass expiry: keys that were to live on expire at once.

use super::on_nodes::{Node, OnNodes};
use super::{Condition, Form, Hits, Injected, Setting};
use crate::environment::Need;
use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use redis::cmd;

const KEYS: Setting = Setting {
    name: "keys",
    doc: "pattern of the keys, as SCAN takes it; those with a time to live expire; * by default",
    form: Form::Text { default: "*" },
};

pub(super) const MASS_EXPIRY: OnNodes = OnNodes {
    name: "mass-expiry",
    doc: "lets all keys of a master that have a time to live expire at once",
    heals: None,
    hits: Hits::Writable,
    holds: &[],
    settings: &[KEYS],
    needs: &[Need::Data],
    longest: None,
    leaves: |_| Condition::Well,
    inject: |node| expire(node).boxed(),
};

/// Shortens the lives of a batch of keys to nothing, and counts those that had one to shorten. They
/// are not declared as keys, which in a cluster would have to be of one slot: they are of one node.
const SHORTEN: &str = "local n = 0
for _, key in ipairs(ARGV) do
  if redis.call('PTTL', key) >= 0 then n = n + redis.call('PEXPIRE', key, 1) end
end
return n";

async fn expire(mut node: Node<'_>) -> Result<Injected<'_>> {
    let pattern = KEYS.text(node.planned)?;
    let keyspace: String = node.ask(cmd("INFO").arg("keyspace")).await?;
    let mut expired = 0;
    // In a cluster no other can be selected than the one that is there.
    for database in databases(&keyspace) {
        node.tell(&["SELECT", database]).await?;
        let mut cursor = 0;
        loop {
            let scan =
                cmd("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000).to_owned();
            let (next, keys): (u64, Vec<Vec<u8>>) = node.ask(&scan).await?;
            let shorten = cmd("EVAL").arg(SHORTEN).arg(0).arg(keys).to_owned();
            expired += node.ask::<u64>(&shorten).await?;
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }
    ensure!(expired > 0, "{} has no key like {pattern} with a time to live", node.name);
    let name = node.name;
    Ok(Injected::over(format!("{name}: {expired} keys were given 1 ms to live")))
}

/// The numbers of the databases that hold anything, by `INFO keyspace`.
fn databases(keyspace: &str) -> impl Iterator<Item = &str> {
    keyspace.lines().filter_map(|line| Some(line.strip_prefix("db")?.split_once(':')?.0))
}

#[cfg(test)]
mod tests {
    use super::databases;

    #[test]
    fn the_databases_that_hold_anything_are_listed() {
        let keyspace = "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=5\r\ndb12:keys=4,expires=0\r\n";
        assert_eq!(databases(keyspace).collect::<Vec<_>>(), ["0", "12"]);
        assert_eq!(databases("# Keyspace\r\n").count(), 0);
    }
}
