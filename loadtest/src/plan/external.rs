//! The `[environment.external]` section: nodes, Sentinels and proxies that somebody else runs.

use super::environment::one_of;
use super::place::Source;
use crate::environment::{Size, Sizes};
use anyhow::Result;
use redrill_history::{ExternalGroup, ExternalPlan, Role};
use redrill_scenarios::target::TargetFile;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// The proxies that there are, the default first.
pub(super) const PROXIES: [&str; 2] = ["toxiproxy", "redrill"];
/// The name by which Sentinels know a master in their own examples.
const MASTER_NAME: &str = "mymaster";
/// As many nodes as a group of Sentinels may have.
const MOST: usize = 7;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExternalFile {
    toxiproxy: Option<Spanned<String>>,
    proxy: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    nodes: Option<Spanned<Vec<Spanned<String>>>>,
    sentinels: Option<Spanned<Vec<Spanned<String>>>>,
    master_name: Option<Spanned<String>>,
    username: Option<Spanned<String>>,
    password_variable: Option<Spanned<String>>,
    sentinel_password_variable: Option<Spanned<String>>,
    cache: Option<Spanned<GroupFile>>,
    sessions: Option<Spanned<GroupFile>>,
}

/// A role's own group, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GroupFile {
    nodes: Option<Spanned<Vec<Spanned<String>>>>,
    sentinels: Option<Spanned<Vec<Spanned<String>>>>,
    master_name: Option<Spanned<String>>,
    username: Option<Spanned<String>>,
    password_variable: Option<Spanned<String>>,
    sentinel_password_variable: Option<Spanned<String>>,
}

/// With every default.
pub(super) fn resolve(
    section: Spanned<ExternalFile>,
    target: &TargetFile,
    source: &Source<'_>,
) -> Result<ExternalPlan> {
    let whole = section.span();
    let file = section.into_inner();
    check_twice(&file, source)?;
    let main = GroupFile {
        nodes: file.nodes,
        sentinels: file.sentinels,
        master_name: file.master_name,
        username: file.username,
        password_variable: file.password_variable,
        sentinel_password_variable: file.sentinel_password_variable,
    };
    let Some(toxiproxy) = &file.toxiproxy else {
        let message = "toxiproxy is missing here: the proxy's API, toxiproxy = \"host:8474\"";
        return Err(source.at(&whole, message));
    };
    let own = |file: Option<Spanned<GroupFile>>| {
        file.map(|file| group(file.get_ref(), &file.span(), source)).transpose()
    };
    Ok(ExternalPlan {
        toxiproxy: address(toxiproxy, source)?,
        proxy: one_of("proxy", file.proxy.as_ref(), &PROXIES, source)?,
        prefix: prefix(file.prefix.as_ref(), target, source)?,
        main: group(&main, &whole, source)?,
        cache: own(file.cache)?,
        sessions: own(file.sessions)?,
    })
}

/// How the nodes of a group stand to each other, by what there is.
pub(super) fn topology(outside: &ExternalGroup) -> &'static str {
    if outside.sentinels.is_empty() { "standalone" } else { "sentinel" }
}

/// Lets a topology be of as many parts as there are.
pub(super) fn fits(
    outside: &ExternalGroup,
    topology: &str,
    sizes: &mut Sizes,
    at: &Range<usize>,
    source: &Source<'_>,
) -> Result<()> {
    if topology == "cluster" {
        let message = "the backend external takes a Redis alone or with Sentinels, no cluster";
        return Err(source.at(at, message));
    }
    let (replicas, sentinels) = (outside.nodes.len() - 1, outside.sentinels.len());
    for (what, count, size) in
        [("replica", replicas, &mut sizes.replicas), ("sentinel", sentinels, &mut sizes.sentinels)]
    {
        let Size { least, most, .. } = *size;
        let fitting = u8::try_from(count).ok().filter(|count| (least..=most).contains(count));
        let Some(count) = fitting else {
            let listed = match what {
                "replica" => format!("nodes lists {}, a master and", outside.nodes.len()),
                _ => "sentinels lists".to_owned(),
            };
            let some = if count == 1 { "" } else { "s" };
            let message = format!(
                "{listed} {count} {what}{some}, and the topology {topology} has {}",
                told(least, most)
            );
            return Err(source.at(at, &message));
        };
        *size = Size { least: count, most: count, default: count };
    }
    Ok(())
}

fn told(least: u8, most: u8) -> String {
    match (least, most) {
        (_, 0) => "none".to_owned(),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}

/// Refuses an address that stands in two lists, but for Sentinels that watch several groups.
fn check_twice(external: &ExternalFile, source: &Source<'_>) -> Result<()> {
    let own = [("cache", &external.cache), ("sessions", &external.sessions)];
    let own = own.into_iter().filter_map(|(role, file)| Some((role, file.as_ref()?.get_ref())));
    let mut lists = vec![("nodes".to_owned(), &external.nodes)];
    lists.push(("sentinels".to_owned(), &external.sentinels));
    for (role, group) in own {
        lists.push((format!("{role}.nodes"), &group.nodes));
        lists.push((format!("{role}.sentinels"), &group.sentinels));
    }
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (list, written) in &lists {
        for one in written.iter().flat_map(Spanned::get_ref) {
            let address = one.get_ref().as_str();
            let shares = |other: &str| list.ends_with("sentinels") && other.ends_with("sentinels");
            let found = seen.iter().find(|(other, known)| *known == address && !shares(other));
            if let Some((other, _)) = found.filter(|(other, _)| other != list) {
                let message = format!(
                    "\"{address}\" is already in {other} of [environment.external]: each Redis \
                     and each Sentinel is listed once"
                );
                return Err(source.at(&one.span(), &message));
            }
            seen.push((list, address));
        }
    }
    Ok(())
}

/// Refuses a group of its own that nobody runs.
pub(super) fn check_groups(
    external: &ExternalPlan,
    has_own: impl Fn(Role) -> bool,
    at: &Range<usize>,
    source: &Source<'_>,
) -> Result<()> {
    let without = [Role::Cache, Role::Sessions];
    let lost = without.into_iter().find(|role| has_own(*role) && external.own(*role).is_none());
    match lost {
        None => Ok(()),
        Some(role) => {
            let message = format!(
                "the plan has a Redis of its own for {role}: say where it is in \
                 [environment.external.{role}]"
            );
            Err(source.at(at, &message))
        }
    }
}

fn group(file: &GroupFile, whole: &Range<usize>, source: &Source<'_>) -> Result<ExternalGroup> {
    let Some(nodes) = &file.nodes else {
        let message = "nodes is missing here: the nodes' own addresses, nodes = [\"host:6379\"]";
        return Err(source.at(whole, message));
    };
    let addresses = |list: &Spanned<Vec<Spanned<String>>>| {
        let found = list.get_ref().iter().map(|one| address(one, source));
        let found = found.collect::<Result<Vec<_>>>()?;
        let is_twice = |index: &usize| found[..*index].contains(&found[*index]);
        if let Some(index) = (0..found.len()).find(is_twice) {
            let message = format!("\"{}\" is already in this list", found[index]);
            return Err(source.at(&list.get_ref()[index].span(), &message));
        }
        match found.len() {
            0 => Err(source.at(&list.span(), "an address is missing here, such as \"host:6379\"")),
            count if count > MOST => {
                Err(source.at(&list.span(), &format!("there may be {MOST} addresses at most")))
            }
            _ => Ok(found),
        }
    };
    let variable = |name: &Option<Spanned<String>>| {
        name.as_ref()
            .map(|name| {
                let is_one = |c: char| c.is_ascii_alphanumeric() || c == '_';
                match name.get_ref().chars().all(is_one) && !name.get_ref().is_empty() {
            true => Ok(name.get_ref().clone()),
            false => Err(source.at(
                &name.span(),
                "this is the name of the environment variable that holds the password, such as \
                 \"REDIS_PASSWORD\": never the password itself",
            )),
        }
            })
            .transpose()
    };
    let text = |written: &Option<Spanned<String>>| {
        written.as_ref().map(|written| written.get_ref().clone())
    };
    if let (Some(username), None) = (&file.username, &file.password_variable) {
        let message = "a user is told with a password: password_variable is missing";
        return Err(source.at(&username.span(), message));
    }
    Ok(ExternalGroup {
        nodes: addresses(nodes)?,
        sentinels: file.sentinels.as_ref().map_or_else(|| Ok(Vec::new()), addresses)?,
        master_name: text(&file.master_name).unwrap_or_else(|| MASTER_NAME.to_owned()),
        username: text(&file.username),
        password_variable: variable(&file.password_variable)?,
        sentinel_password_variable: variable(&file.sentinel_password_variable)?,
    })
}

/// `host:port`.
fn address(written: &Spanned<String>, source: &Source<'_>) -> Result<String> {
    let text = written.get_ref();
    let is_one = text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_host = !host.is_empty() && !host.contains(['/', '@', ' ']);
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    match is_one {
        true => Ok(text.clone()),
        false => Err(source.at(&written.span(), "write an address as \"host:port\"")),
    }
}

fn prefix(
    written: Option<&Spanned<String>>,
    target: &TargetFile,
    source: &Source<'_>,
) -> Result<Option<String>> {
    let Some(written) = written else { return Ok(None) };
    let text = written.get_ref();
    if text.is_empty() || text.len() > 64 || text.contains(['{', '}', '\n']) {
        let message = "prefix is 1 to 64 characters without braces, such as \"drill:\"";
        return Err(source.at(&written.span(), message));
    }
    let takes_it = |value: &String| value.contains("{prefix}");
    if !target.start.variables.values().chain(&target.start.command).any(takes_it) {
        let message = format!(
            "the target '{}' is never told this: write {{prefix}} where its file sets what its \
             keys begin with, or leave the line out and give a Redis that is empty",
            target.name
        );
        return Err(source.at(&written.span(), &message));
    }
    Ok(Some(text.clone()))
}
