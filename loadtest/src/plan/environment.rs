//! The `[environment]` section: the Redis that the service lives on.

use super::file::Time;
use super::image;
use super::memory;
use super::place::Source;
use super::range::{LONGEST_RUN, MILLISECOND, SECOND, time, whole};
use crate::environment::{Size, Topology, backend_names, topology, topology_names};
use anyhow::Result;
use redrill_history::{EnvironmentPlan, GroupPlan};
use serde::Deserialize;
use toml::Spanned;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EnvironmentFile {
    backend: Option<Spanned<String>>,
    image: Option<Spanned<String>>,
    topology: Option<Spanned<String>>,
    masters: Option<Spanned<i64>>,
    replicas: Option<Spanned<i64>>,
    sentinels: Option<Spanned<i64>>,
    quorum: Option<Spanned<i64>>,
    down_after: Option<Spanned<Time>>,
    failover_timeout: Option<Spanned<Time>>,
    maxmemory: Option<Spanned<String>>,
    maxmemory_policy: Option<Spanned<String>>,
    cache: Option<GroupFile>,
    sessions: Option<GroupFile>,
}

/// A role's own Redis, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GroupFile {
    topology: Option<Spanned<String>>,
    masters: Option<Spanned<i64>>,
    replicas: Option<Spanned<i64>>,
    sentinels: Option<Spanned<i64>>,
    quorum: Option<Spanned<i64>>,
    down_after: Option<Spanned<Time>>,
    failover_timeout: Option<Spanned<Time>>,
    maxmemory: Option<Spanned<String>>,
    maxmemory_policy: Option<Spanned<String>>,
}

/// With every default.
pub(super) fn resolve(file: EnvironmentFile, source: &Source<'_>) -> Result<EnvironmentPlan> {
    let main = GroupFile {
        topology: file.topology,
        masters: file.masters,
        replicas: file.replicas,
        sentinels: file.sentinels,
        quorum: file.quorum,
        down_after: file.down_after,
        failover_timeout: file.failover_timeout,
        maxmemory: file.maxmemory,
        maxmemory_policy: file.maxmemory_policy,
    };
    let own = |file: Option<GroupFile>| file.map(|file| group(&file, source)).transpose();
    let backend = one_of("backend", file.backend.as_ref(), &backend_names(), source)?;
    Ok(EnvironmentPlan {
        image: image::image(file.image.as_ref(), &backend, source)?,
        backend,
        main: group(&main, source)?,
        cache: own(file.cache)?,
        sessions: own(file.sessions)?,
    })
}

fn group(file: &GroupFile, source: &Source<'_>) -> Result<GroupPlan> {
    let name = one_of("topology", file.topology.as_ref(), &topology_names(), source)?;
    let sizes = topology(&name).map(Topology::sizes);
    let sizes = sizes.ok_or_else(|| source.whole(&format!("no topology '{name}'")))?;
    let counted = |what, written: &Option<Spanned<i64>>, size: Size| {
        let Size { least, most, default } = size;
        match written {
            Some(written) if most == 0 && *written.get_ref() != 0 => {
                let message = format!("a {name} Redis has no {what}; leave the line out");
                Err(source.at(&written.span(), &message))
            }
            written => {
                whole(what, written.as_ref(), default, i64::from(least)..=i64::from(most), source)
            }
        }
    };
    let sentinels = counted("sentinels", &file.sentinels, sizes.sentinels)?;
    let quorum = Size { least: sentinels.min(1), most: sentinels, default: majority(sentinels) };
    let waits = |what, written: &Option<Spanned<Time>>, default| {
        time(what, written.as_ref(), default, MILLISECOND..=LONGEST_RUN, source)
    };
    Ok(GroupPlan {
        masters: counted("masters", &file.masters, sizes.masters)?,
        replicas: counted("replicas", &file.replicas, sizes.replicas)?,
        sentinels,
        quorum: counted("quorum", &file.quorum, quorum)?,
        down_after: waits("down_after", &file.down_after, SECOND)?,
        failover_timeout: waits("failover_timeout", &file.failover_timeout, 3 * SECOND)?,
        maxmemory: memory::bound(file.maxmemory.as_ref(), source)?,
        maxmemory_policy: memory::policy(file.maxmemory_policy.as_ref(), source)?,
        topology: name,
    })
}

/// Most of the Sentinels; none of none.
fn majority(sentinels: u8) -> u8 {
    if sentinels == 0 { 0 } else { sentinels / 2 + 1 }
}

/// One of the names that there are; the first where nothing is written.
pub(super) fn one_of(
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
