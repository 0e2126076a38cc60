//! Keys of the run among keys of others, told by what they begin with.

use super::admin::{Admin, info_fields};
use super::claim;
use anyhow::Result;
use redis::{Cmd, cmd};
use std::time::Duration;

/// How long one step through the keys may take.
const STEP_WITHIN: Duration = Duration::from_secs(5);
/// Keys of one step.
const STEP: usize = 1000;

/// Removes all keys with a prefix, and says how many there were.
///
/// # Errors
/// The node does not answer, or is no master.
pub(super) async fn unlink(node: &mut Admin, prefix: &str) -> Result<u64> {
    let mut removed = 0;
    for database in databases(node).await? {
        select(node, database).await?;
        let mut cursor = 0;
        loop {
            let (next, mut keys) = step(node, cursor, Some(prefix)).await?;
            keys.retain(|key| !is_claim(key));
            if !keys.is_empty() {
                let unlink = cmd("UNLINK").arg(keys).to_owned();
                removed += node.ask::<u64>(&unlink, STEP_WITHIN).await?;
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }
    Ok(removed)
}

/// A key with the prefix, if there is one, with its database.
///
/// # Errors
/// The node does not answer.
pub(super) async fn own(node: &mut Admin, prefix: &str) -> Result<Option<String>> {
    find(node, Some(prefix), |_| true).await
}

/// A key without the prefix, if there is one, with its database.
///
/// # Errors
/// The node does not answer.
pub(super) async fn foreign(node: &mut Admin, prefix: &str) -> Result<Option<String>> {
    find(node, None, |key| !key.starts_with(prefix.as_bytes())).await
}

async fn find(
    node: &mut Admin,
    prefix: Option<&str>,
    is_sought: impl Fn(&[u8]) -> bool,
) -> Result<Option<String>> {
    for database in databases(node).await? {
        select(node, database).await?;
        let mut cursor = 0;
        loop {
            let (next, keys) = step(node, cursor, prefix).await?;
            if let Some(key) = keys.iter().find(|key| !is_claim(key) && is_sought(key)) {
                let key = String::from_utf8_lossy(key).into_owned();
                return Ok(Some(format!("'{key}' in database {database}")));
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }
    Ok(None)
}

/// What shows that a run is there is none of its keys, nor somebody else's.
fn is_claim(key: &[u8]) -> bool {
    key == claim::KEY.as_bytes()
}

/// The databases that hold anything.
async fn databases(node: &mut Admin) -> Result<Vec<u32>> {
    let info: String = node.ask(cmd("INFO").arg("keyspace"), STEP_WITHIN).await?;
    let numbers = info_fields(&info).into_keys().filter_map(|name| name.strip_prefix("db"));
    Ok(numbers.filter_map(|number| number.parse().ok()).collect())
}

async fn select(node: &mut Admin, database: u32) -> Result<()> {
    node.ask::<()>(cmd("SELECT").arg(database), STEP_WITHIN).await
}

async fn step(node: &mut Admin, cursor: u64, prefix: Option<&str>) -> Result<(u64, Vec<Vec<u8>>)> {
    let mut scan: Cmd = cmd("SCAN");
    scan.arg(cursor).arg("COUNT").arg(STEP);
    if let Some(prefix) = prefix {
        scan.arg("MATCH").arg(format!("{}*", literal(prefix)));
    }
    node.ask(&scan, STEP_WITHIN).await
}

/// A pattern that matches this text and nothing else.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        if "*?[]^\\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_prefix_matches_itself_alone() {
        assert_eq!(literal("redrill:"), "redrill:");
        assert_eq!(literal("a*[b]?\\"), "a\\*\\[b\\]\\?\\\\");
    }
}
