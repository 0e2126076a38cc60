//! Whether a node has written its configuration to its file: a Sentinel has it do so (CONFIG
//! REWRITE) when it makes a node a master or a replica, whatever a fault has set meanwhile.

use super::admin::{Admin, info_fields};
use anyhow::Result;
use redis::cmd;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often a node has written its file since it was started. Redis counts it from 7.0 on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    run_id: String,
    times: u64,
}

impl Written {
    /// Until now; none of a node that has no file.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn of(admin: &mut Admin, within: Duration) -> Result<Option<Self>> {
        let server: String = admin.ask(cmd("INFO").arg("server"), within).await?;
        let server = info_fields(&server);
        let field = |name| server.get(name).copied().unwrap_or_default();
        if field("config_file").is_empty() {
            return Ok(None);
        }
        let stats: String = admin.ask(cmd("INFO").arg("commandstats"), within).await?;
        Ok(Some(Self { run_id: field("run_id").to_owned(), times: times(&stats) }))
    }

    /// Has a node whose settings are what they were write its file again, where it has written it
    /// since then; a file that it has not touched is its owner's. Says whether it has.
    ///
    /// # Errors
    /// It does not answer, or cannot write.
    pub(crate) async fn mend(
        since: Option<&Self>,
        admin: &mut Admin,
        within: Duration,
    ) -> Result<bool> {
        let is_stale = since.is_some() && Self::of(admin, within).await?.as_ref() != since;
        if is_stale {
            admin.ask::<()>(cmd("CONFIG").arg("REWRITE"), within).await?;
        }
        Ok(is_stale)
    }
}

/// How often CONFIG REWRITE succeeded, by `INFO commandstats`.
fn times(stats: &str) -> u64 {
    let fields = info_fields(stats);
    let counts = fields.get("cmdstat_config|rewrite").copied().unwrap_or_default();
    let count = |name: &str| {
        let mut counts = counts.split(',').filter_map(|count| count.split_once('='));
        counts.find(|(is, _)| *is == name).and_then(|(_, count)| count.parse().ok()).unwrap_or(0)
    };
    u64::saturating_sub(count("calls"), count("failed_calls"))
}

#[cfg(test)]
mod tests {
    use super::times;

    #[test]
    fn rewrites_that_succeeded_are_counted() {
        let stats = "# Commandstats\r\ncmdstat_config|set:calls=9,usec=1,failed_calls=0\r\n\
                     cmdstat_config|rewrite:calls=3,usec=7,usec_per_call=2.33,rejected_calls=0,\
                     failed_calls=1\r\n";
        assert_eq!(times(stats), 2);
        assert_eq!(times("# Commandstats\r\n"), 0);
    }
}
