//! Mass expiry: keys that were to live on expire at once.

use super::on_nodes::{Node, OnNodes};
use super::{Form, Hits, Injected, Setting};
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
    inject: |node| expire(node).boxed(),
};

/// Shortens the lives of a batch of keys to nothing, and counts those that had one to shorten.
const SHORTEN: &str = "local n = 0
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) >= 0 then n = n + redis.call('PEXPIRE', key, 1) end
end
return n";

async fn expire(mut node: Node<'_>) -> Result<Injected<'_>> {
    let pattern = KEYS.text(node.planned)?;
    let databases: u32 = node.configured("databases").await?.parse()?;
    let mut expired = 0;
    for database in 0..databases {
        node.tell(&["SELECT", &database.to_string()]).await?;
        let mut cursor = 0;
        loop {
            let scan =
                cmd("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000).to_owned();
            let (next, keys): (u64, Vec<Vec<u8>>) = node.ask(&scan).await?;
            let shorten = cmd("EVAL").arg(SHORTEN).arg(keys.len()).arg(keys).to_owned();
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
