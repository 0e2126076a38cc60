//! The `[target]` section: the service under test, and what it promises.

use super::file::Time;
use super::name::plain;
use super::place::Source;
use super::range::{LONGEST_RUN, MILLISECOND, SECOND, time, whole};
use anyhow::Result;
use redrill_history::{Capability, LONGEST_DURATION, LimitPolicy, LoadPlan, Promises, TargetPlan};
use redrill_scenarios::target::TargetFile;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// Instances to start, at most.
const INSTANCES_MOST: i64 = 16;
/// Attempts at a job, at most.
const ATTEMPTS_MOST: i64 = 100;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TargetSection {
    pub(super) name: Option<Spanned<String>>,
    instances: Option<Spanned<i64>>,
    variables: Option<Spanned<BTreeMap<String, String>>>,
    addresses: Option<Spanned<Vec<Spanned<String>>>>,
    promises: PromisesFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PromisesFile {
    command_timeout: Option<Spanned<Time>>,
    cache_ttl: Option<Spanned<Time>>,
    session_ttl: Option<Spanned<Time>>,
    job_lease: Option<Spanned<Time>>,
    job_attempts: Option<Spanned<i64>>,
    presence_ttl: Option<Spanned<Time>>,
    limits: Option<Spanned<Vec<LimitFile>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitFile {
    policy: Spanned<String>,
    limit: Spanned<i64>,
    window: Spanned<Time>,
}

/// With every default; `target` is the file that the section names.
pub(super) fn resolve(
    file: &TargetSection,
    target: &TargetFile,
    load: &LoadPlan,
    source: &Source<'_>,
) -> Result<TargetPlan> {
    for capability in load.capabilities.keys() {
        let missing = target.missing(capability.name());
        if !missing.is_empty() {
            let message = format!(
                "the target '{}' does not say how to do {}; add it to the target file, or leave \
                 the capability '{}' out of the plan",
                target.name,
                missing.join(", "),
                capability.name()
            );
            return Err(match &file.name {
                Some(name) => source.at(&name.span(), &message),
                None => source.whole(&message),
            });
        }
    }
    let name = file.name.as_ref().map_or(&target.name, Spanned::get_ref).clone();
    let addresses = addresses(file, source)?;
    let default = u8::try_from(addresses.len()).ok().filter(|count| *count > 0).unwrap_or(2);
    let instances: u8 =
        whole("instances", file.instances.as_ref(), default, 1..=INSTANCES_MOST, source)?;
    if let Some(written) = &file.instances
        && !addresses.is_empty()
        && usize::from(instances) != addresses.len()
    {
        let message = format!("instances is {}, as many as addresses has", addresses.len());
        return Err(source.at(&written.span(), &message));
    }
    if let Some(written) = file.variables.as_ref().filter(|_| !addresses.is_empty()) {
        let message = "instances that run already have their variables: leave these out";
        return Err(source.at(&written.span(), message));
    }
    Ok(TargetPlan {
        name,
        instances,
        variables: variables(file.variables.as_ref(), source)?,
        addresses,
        promises: promises(&file.promises, target, load, source)?,
    })
}

/// The variables, whose names must be such that a process can be started with them.
fn variables(
    written: Option<&Spanned<BTreeMap<String, String>>>,
    source: &Source<'_>,
) -> Result<BTreeMap<String, String>> {
    let Some(written) = written else { return Ok(BTreeMap::new()) };
    let is_name = |name: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        name.bytes().all(is_part) && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
    };
    for (name, value) in written.get_ref() {
        if !is_name(name) {
            let message =
                format!("'{name}' is no name of a variable: letters, digits and _, no digit first");
            return Err(source.at(&written.span(), &message));
        }
        if value.contains('\0') {
            return Err(source.at(&written.span(), &format!("the value of {name} has a NUL in it")));
        }
    }
    Ok(written.get_ref().clone())
}

/// Where instances run that somebody else has started.
fn addresses(file: &TargetSection, source: &Source<'_>) -> Result<Vec<String>> {
    let Some(list) = &file.addresses else { return Ok(Vec::new()) };
    let mut found: Vec<String> = Vec::new();
    for written in list.get_ref() {
        let text = written.get_ref();
        let is_one = text.rsplit_once(':').is_some_and(|(host, port)| {
            let is_host = !host.is_empty() && !host.contains(['/', '@', ' ']);
            is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !is_one {
            return Err(source.at(&written.span(), "write an address as \"host:port\""));
        }
        if found.contains(text) {
            let message = format!("\"{text}\" is already in this list");
            return Err(source.at(&written.span(), &message));
        }
        found.push(text.clone());
    }
    if (1..=INSTANCES_MOST).contains(&(found.len() as i64)) {
        return Ok(found);
    }
    let message = format!("addresses must be 1 to {INSTANCES_MOST}, or be left out");
    Err(source.at(&list.span(), &message))
}

fn promises(
    file: &PromisesFile,
    target: &TargetFile,
    load: &LoadPlan,
    source: &Source<'_>,
) -> Result<Promises> {
    // A promise may be longer than any run: it is then only not seen to end.
    let promised = |what, written: &Option<Spanned<Time>>, default| {
        time(what, written.as_ref(), default, MILLISECOND..=LONGEST_DURATION, source)
    };
    let attempts = 1..=ATTEMPTS_MOST;
    Ok(Promises {
        command_timeout: promised("command_timeout", &file.command_timeout, SECOND)?,
        cache_ttl: promised("cache_ttl", &file.cache_ttl, 5 * SECOND)?,
        session_ttl: promised("session_ttl", &file.session_ttl, 8 * SECOND)?,
        job_lease: promised("job_lease", &file.job_lease, 2 * SECOND)?,
        job_attempts: whole("job_attempts", file.job_attempts.as_ref(), 3, attempts, source)?,
        presence_ttl: promised("presence_ttl", &file.presence_ttl, 3 * SECOND)?,
        limits: match &file.limits {
            Some(written) => limits(written, target, load, source)?,
            None => [("general", 12, 2), ("llm", 8, 2), ("burst", 5, 1)]
                .map(|(policy, limit, window_s)| LimitPolicy {
                    policy: policy.to_owned(),
                    limit,
                    window: Duration::from_secs(window_s),
                })
                .into(),
        },
    })
}

fn limits(
    written: &Spanned<Vec<LimitFile>>,
    target: &TargetFile,
    load: &LoadPlan,
    source: &Source<'_>,
) -> Result<Vec<LimitPolicy>> {
    let is_hit = load.capabilities.contains_key(&Capability::Limiter);
    if is_hit && written.get_ref().is_empty() {
        let message = "the plan exercises the limiter, whose limits are none; name one, or leave \
                       limits out";
        return Err(source.at(&written.span(), message));
    }
    let routes = target.call.get("limiter.hit").map(|call| &call.names);
    let routes = routes.filter(|routes| is_hit && !routes.is_empty());
    let mut limits: Vec<LimitPolicy> = Vec::new();
    for file in written.get_ref() {
        let policy = plain("a policy's name", &file.policy, source)?;
        if limits.iter().any(|limit| limit.policy == policy) {
            let message = format!("the policy '{policy}' is given twice");
            return Err(source.at(&file.policy.span(), &message));
        }
        if let Some(routes) = routes.filter(|routes| !routes.contains_key(&policy)) {
            let known: Vec<&str> = routes.keys().map(String::as_str).collect();
            let message = format!(
                "the target '{}' has no route for the policy '{policy}'; there are {}",
                target.name,
                known.join(", ")
            );
            return Err(source.at(&file.policy.span(), &message));
        }
        let windows = MILLISECOND..=LONGEST_RUN;
        limits.push(LimitPolicy {
            policy,
            limit: whole("limit", Some(&file.limit), 1, 1..=i64::from(u32::MAX), source)?,
            window: time("window", Some(&file.window), SECOND, windows, source)?,
        });
    }
    Ok(limits)
}
