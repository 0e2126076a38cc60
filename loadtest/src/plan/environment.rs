//! The `[environment]` section: the Redis that the service lives on.

use super::external::{self, ExternalFile};
use super::file::{EnvironmentOnly, Time};
use super::image;
use super::memory;
use super::place::Source;
use super::range::{LONGEST_RUN, MILLISECOND, SECOND, time, whole};
use super::shape;
use crate::environment::{Size, Topology, backend_names, topology, topology_names};
use crate::exit::unusable;
use crate::input;
use crate::near;
use anyhow::Result;
use redrill_history::{EnvironmentPlan, ExternalGroup, ExternalPlan, GroupPlan, Role};
use redrill_scenarios::target::TargetFile;
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// The backend that adopts what somebody else runs.
const EXTERNAL: &str = "external";

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
    external: Option<Spanned<ExternalFile>>,
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
pub(super) fn resolve(
    file: EnvironmentFile,
    target: &TargetFile,
    source: &Source<'_>,
) -> Result<EnvironmentPlan> {
    let backend = one_of("backend", file.backend.as_ref(), &backend_names(), source)?;
    let at = file.external.as_ref().map(Spanned::span);
    let at = at.or_else(|| file.backend.as_ref().map(Spanned::span)).unwrap_or_default();
    let external = match (backend == EXTERNAL, file.external) {
        (true, Some(section)) => Some(external::resolve(section, target, source)?),
        (false, None) => None,
        (true, None) => {
            let message = "the section [environment.external] is missing: it says where nodes, \
                           Sentinels and proxies are";
            return Err(source.at(&at, message));
        }
        (false, Some(_)) => {
            let message = "this section is read where backend = \"external\": write that, or \
                           take the section out";
            return Err(source.at(&at, message));
        }
    };
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
    let outside = |role| external.as_ref().and_then(|external: &ExternalPlan| external.own(role));
    let own = |role, file: Option<GroupFile>| {
        // One that is somewhere is one of its own.
        let file = file.or_else(|| outside(role).map(|_| GroupFile::default()));
        file.map(|file| group(&file, outside(role), &at, source)).transpose()
    };
    if let Some(external) = &external {
        let is_own = |role| match role {
            Role::Main => true,
            Role::Cache => file.cache.is_some(),
            Role::Sessions => file.sessions.is_some(),
        };
        external::check_groups(external, is_own, &at, source)?;
    }
    Ok(EnvironmentPlan {
        image: image::image(file.image.as_ref(), &backend, source)?,
        main: group(&main, outside(Role::Main), &at, source)?,
        cache: own(Role::Cache, file.cache)?,
        sessions: own(Role::Sessions, file.sessions)?,
        backend,
        external,
    })
}

/// The environment of a file that has nothing else, which takes the place of a plan's.
pub(super) fn read(path: &Path, target: &TargetFile) -> Result<EnvironmentPlan> {
    let text = input::text(path, "environment").map_err(unusable)?;
    let label = path.display().to_string();
    let source = Source { label: &label, text: &text };
    let table = DeTable::parse(&text).map_err(|error| source.toml(&error))?.into_inner();
    shape::check(&table, &source)?;
    let file = toml::from_str::<EnvironmentOnly>(&text).map_err(|error| source.toml(&error))?;
    resolve(file.environment, target, &source)
}

/// A group, of which so much is known already where it is outside.
fn group(
    file: &GroupFile,
    outside: Option<&ExternalGroup>,
    at: &Range<usize>,
    source: &Source<'_>,
) -> Result<GroupPlan> {
    let name = match (outside, &file.topology) {
        (Some(outside), None) => external::topology(outside).to_owned(),
        (_, written) => one_of("topology", written.as_ref(), &topology_names(), source)?,
    };
    let sizes = topology(&name).map(Topology::sizes);
    let mut sizes = sizes.ok_or_else(|| source.whole(&format!("no topology '{name}'")))?;
    if let Some(outside) = outside {
        external::fits(outside, &name, &mut sizes, at, source)?;
        if let Some(bound) = &file.maxmemory {
            let message = "nodes that somebody else runs have the maxmemory that they were given: \
                           leave the line out";
            return Err(source.at(&bound.span(), message));
        }
    }
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
            let name = written.get_ref();
            let (hint, known) = (near::hint(name, known.iter().copied()), known.join(", "));
            let message = format!("no {what} '{name}'; {hint}there {there} {known}");
            Err(source.at(&written.span(), &message))
        }
    }
}
