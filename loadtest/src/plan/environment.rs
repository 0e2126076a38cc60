//! The `[environment]` section: the Redis that the service lives on.

use super::file::Time;
use super::place::Source;
use super::range::{LONGEST_RUN, MILLISECOND, SECOND, time, whole};
use crate::environment::TOPOLOGIES;
use anyhow::Result;
use redrill_history::EnvironmentPlan;
use serde::Deserialize;
use toml::Spanned;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EnvironmentFile {
    backend: Option<Spanned<String>>,
    topology: Option<Spanned<String>>,
    replicas: Option<Spanned<i64>>,
    sentinels: Option<Spanned<i64>>,
    quorum: Option<Spanned<i64>>,
    down_after: Option<Spanned<Time>>,
    failover_timeout: Option<Spanned<Time>>,
}

/// With every default.
pub(super) fn resolve(file: &EnvironmentFile, source: &Source<'_>) -> Result<EnvironmentPlan> {
    let names: Vec<&str> = TOPOLOGIES.iter().map(|(name, _)| *name).collect();
    let topology = one_of("topology", file.topology.as_ref(), &names, source)?;
    let (replicas, sentinels, quorum) = if TOPOLOGIES.contains(&(topology.as_str(), true)) {
        let sentinels = whole("sentinels", file.sentinels.as_ref(), 3, 3..=7, source)?;
        let quorums = 1..=i64::from(sentinels);
        (
            whole("replicas", file.replicas.as_ref(), 2, 1..=5, source)?,
            sentinels,
            whole("quorum", file.quorum.as_ref(), sentinels / 2 + 1, quorums, source)?,
        )
    } else {
        for (what, written) in
            [("replicas", &file.replicas), ("sentinels", &file.sentinels), ("quorum", &file.quorum)]
        {
            if let Some(written) = written.as_ref().filter(|written| *written.get_ref() != 0) {
                let message = format!("a {topology} Redis has no {what}; leave the line out");
                return Err(source.at(&written.span(), &message));
            }
        }
        (0, 0, 0)
    };
    let waits = |what, written: &Option<Spanned<Time>>, default| {
        time(what, written.as_ref(), default, MILLISECOND..=LONGEST_RUN, source)
    };
    Ok(EnvironmentPlan {
        backend: one_of("backend", file.backend.as_ref(), &["processes"], source)?,
        topology,
        replicas,
        sentinels,
        quorum,
        down_after: waits("down_after", &file.down_after, SECOND)?,
        failover_timeout: waits("failover_timeout", &file.failover_timeout, 3 * SECOND)?,
    })
}

/// One of the names that there are; the first where nothing is written.
fn one_of(
    what: &str,
    written: Option<&Spanned<String>>,
    known: &[&str],
    source: &Source<'_>,
) -> Result<String> {
    match written {
        None => Ok(known[0].to_owned()),
        Some(written) if known.contains(&written.get_ref().as_str()) => {
            Ok(written.get_ref().clone())
        }
        Some(written) => {
            let there = if known.len() == 1 { "is" } else { "are" };
            let (name, known) = (written.get_ref(), known.join(", "));
            let message = format!("no {what} '{name}'; there {there} {known}");
            Err(source.at(&written.span(), &message))
        }
    }
}
