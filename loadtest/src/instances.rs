//! Instances of the target: started with the environment's addresses in their variables, and
//! awaited until they are ready.

use crate::effects::{Dependency, Effects};
use crate::environment::{Environment, Group, Login, Member, ProcessSpec};
use crate::exit::unusable;
use anyhow::{Result, bail};
use redrill_history::clock::instant_now;
use redrill_history::{ResolvedPlan, Role};
use redrill_scenarios::random::mix;
use redrill_scenarios::target::{TargetFile, fill, fill_variable};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an instance may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer to the question whether it is may take.
const ASK_WITHIN: Duration = Duration::from_secs(1);
/// How often to ask.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// Ports tried when somebody else was faster.
const TRIES: usize = 3;

type Values = Vec<(&'static str, Option<String>)>;

/// What a target file calls the place of each role's Redis.
const PLACES: &[(Role, [&str; 5])] = &[
    (Role::Main, ["main.host", "main.port", "main.sentinels", "main.name", "main.cluster"]),
    (Role::Cache, ["cache.host", "cache.port", "cache.sentinels", "cache.name", "cache.cluster"]),
    (
        Role::Sessions,
        [
            "sessions.host",
            "sessions.port",
            "sessions.sentinels",
            "sessions.name",
            "sessions.cluster",
        ],
    ),
];

/// What it calls the logins there.
const LOGINS: &[(Role, [&str; 3])] = &[
    (Role::Main, ["main.username", "main.password", "main.sentinel_password"]),
    (Role::Cache, ["cache.username", "cache.password", "cache.sentinel_password"]),
    (Role::Sessions, ["sessions.username", "sessions.password", "sessions.sentinel_password"]),
];

/// Starts the plan's instances and waits until all are ready. Returns their addresses.
///
/// # Errors
/// An instance that does not start, or is not ready in time; with the last lines of its log.
pub async fn start(
    environment: &Environment,
    effects: &Effects,
    plan: &ResolvedPlan,
    target: &TargetFile,
    redrill: &Path,
) -> Result<Vec<String>> {
    let shared = shared_values(environment, effects, plan, redrill)?;
    // Of two variables of a name the plan's counts: it says more of this run than the target.
    let mut target = target.clone();
    target.start.variables.extend(plan.target.variables.clone());
    let start = |index| start_one(environment, &target, &shared, index);
    let started = (0..plan.target.instances).map(start);
    futures_util::future::try_join_all(started).await
}

/// Waits until instances are ready that somebody else has started, and gives their addresses.
///
/// # Errors
/// One that is not ready in time.
pub async fn adopt(addresses: &[String], target: &TargetFile) -> Result<Vec<String>> {
    let http = reqwest::Client::builder().no_proxy().timeout(ASK_WITHIN).build()?;
    for address in addresses {
        let url = format!("http://{address}{}", target.start.ready);
        let ready = async {
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        let is_ready = tokio::time::timeout(READY_WITHIN, ready).await.is_ok();
        if !is_ready {
            return Err(unusable(format!(
                "no instance is ready at {url} after {} s; start it, or correct target.addresses",
                READY_WITHIN.as_secs()
            )));
        }
    }
    Ok(addresses.to_vec())
}

async fn start_one(
    environment: &Environment,
    target: &TargetFile,
    shared: &Values,
    index: u8,
) -> Result<String> {
    let name = format!("server[{index}]");
    for _ in 0..TRIES {
        let address = environment.free_address()?;
        let spec = spec(environment, target, shared, &name, index, address)?;
        environment.spawn_process(spec).await?;
        if is_ready(environment, &name, address, &target.start.ready).await? {
            return Ok(address.to_string());
        }
    }
    bail!("{name} ended before it was ready; its last words:\n{}", environment.last_words(&name))
}

/// True when the instance answered; false when it ended first.
async fn is_ready(
    environment: &Environment,
    name: &str,
    address: SocketAddr,
    path: &str,
) -> Result<bool> {
    let http = reqwest::Client::builder().no_proxy().timeout(ASK_WITHIN).build()?;
    let url = format!("http://{address}{path}");
    let deadline = instant_now() + READY_WITHIN;
    while environment.is_running(name) {
        match http.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(true),
            _ if instant_now() > deadline => bail!(
                "{name} was not ready at {url} after {} s; its last words:\n{}",
                READY_WITHIN.as_secs(),
                environment.last_words(name)
            ),
            _ => tokio::time::sleep(ASK_EVERY).await,
        }
    }
    Ok(false)
}

fn spec(
    environment: &Environment,
    target: &TargetFile,
    shared: &Values,
    name: &str,
    index: u8,
    address: SocketAddr,
) -> Result<ProcessSpec> {
    let source = environment.server_source(index);
    let mut values = shared.clone();
    values.push(("instance.name", Some(name.to_owned())));
    values.push(("instance.number", Some(index.to_string())));
    values.push(("instance.port", Some(address.port().to_string())));
    values.push(("instance.source", source.map(|source| source.to_string())));
    let mut command = target.start.command.iter().map(|part| fill(part, &values));
    let program = command.next().ok_or_else(|| {
        unusable(format!("the target '{}' has an empty start.command", target.name))
    })?;
    let variables = target.start.variables.iter();
    Ok(ProcessSpec {
        name: name.to_owned(),
        program: PathBuf::from(program),
        image: None,
        args: command.map(OsString::from).collect(),
        env: variables
            .filter_map(|(name, value)| Some((name.clone(), fill_variable(value, &values)?)))
            .collect(),
        address,
        announced: None,
        source,
    })
}

/// What every instance's variables can name.
fn shared_values(
    environment: &Environment,
    effects: &Effects,
    plan: &ResolvedPlan,
    redrill: &Path,
) -> Result<Values> {
    let promises = &plan.target.promises;
    let milliseconds = |duration: Duration| Some(duration.as_millis().to_string());
    let seconds = |duration: Duration| Some(duration.as_secs_f64().ceil().to_string());
    let mut values = vec![
        ("redrill", Some(redrill.display().to_string())),
        ("prefix", environment.prefix().map(str::to_owned)),
        ("effects.model", Some(effects.url(Dependency::Model))),
        ("effects.mail", Some(effects.url(Dependency::Mail))),
        ("secret", Some(format!("{:016x}{:016x}", mix(plan.seed, 1), mix(plan.seed, 2)))),
        ("promises.command_timeout_ms", milliseconds(promises.command_timeout)),
        ("promises.cache_ttl_s", seconds(promises.cache_ttl)),
        ("promises.session_ttl_s", seconds(promises.session_ttl)),
        ("promises.job_lease_ms", milliseconds(promises.job_lease)),
        ("promises.job_attempts", Some(promises.job_attempts.to_string())),
        ("promises.presence_ttl_s", seconds(promises.presence_ttl)),
    ];
    for (role, names) in PLACES {
        let place = place(environment.home(*role), plan.gate.is_some());
        values.extend(names.iter().copied().zip(place));
    }
    let main = logins(environment.home(Role::Main))?;
    for (role, names) in LOGINS {
        let group = environment.home(*role);
        let own = logins(group)?;
        let login = if group.role == Role::Main { own } else { beside(own, &main) };
        values.extend(names.iter().copied().zip(login));
    }
    for policy in &promises.limits {
        let names = match policy.policy.as_str() {
            "general" => ("limits.general.limit", "limits.general.window_ms"),
            "llm" => ("limits.llm.limit", "limits.llm.window_ms"),
            "burst" => ("limits.burst.limit", "limits.burst.window_ms"),
            _ => continue,
        };
        values.push((names.0, Some(policy.limit.to_string())));
        values.push((names.1, milliseconds(policy.window)));
    }
    Ok(values)
}

/// Where a group is: host, port, Sentinels, the name by which they know it, and a cluster's nodes.
fn place(group: &Group, is_compared: bool) -> [Option<String>; 5] {
    let sentinels: Vec<String> =
        group.sentinels.iter().map(|member| member.announced.to_string()).collect();
    let has_sentinels = !sentinels.is_empty();
    let nodes: Vec<String> = group.nodes.iter().map(|node| node.announced.to_string()).collect();
    let is_cluster = group.plan.masters > 1;
    // Where Sentinels say who is master, an address would be wrong after the first failover. What
    // no fault can hit needs no proxy, and a comparison no second process on the way.
    let fixed = group.nodes.first().filter(|_| !has_sentinels && !is_cluster);
    let fixed = fixed.map(|node| if is_compared { node.direct } else { node.announced });
    [
        fixed.map(|address| address.ip().to_string()),
        fixed.map(|address| address.port().to_string()),
        has_sentinels.then(|| sentinels.join(",")),
        has_sentinels.then(|| group.known_as.clone()),
        is_cluster.then(|| nodes.join(",")),
    ]
}

/// The user of Redis whom a password alone is of.
const DEFAULT_USER: &str = "default";

/// User and password on a group's nodes, and the password of its Sentinels.
fn logins(group: &Group) -> Result<[Option<String>; 3]> {
    let login = |members: &[Member]| members.first().and_then(|member| member.door().login);
    let password = |login: &Option<Login>| login.as_ref().map(Login::password).transpose();
    let (nodes, sentinels) = (login(&group.nodes), login(&group.sentinels));
    let username = nodes.as_ref().and_then(|login| login.username.clone());
    Ok([username, password(&nodes)?, password(&sentinels)?])
}

/// What a group of its own is told beside main's: that it asks for no password, or for that of the
/// default user, where main does otherwise.
fn beside(own: [Option<String>; 3], main: &[Option<String>; 3]) -> [Option<String>; 3] {
    let [username, password, sentinel_password] = own;
    let none = |of_main: &Option<String>| of_main.as_ref().map(|_| String::new());
    let [user_of_main, of_main, of_sentinels] = main;
    let is_default = password.is_some() && user_of_main.is_some();
    let username = username.or_else(|| is_default.then(|| DEFAULT_USER.to_owned()));
    [username, password.or_else(|| none(of_main)), sentinel_password.or_else(|| none(of_sentinels))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_of_its_own_without_a_password_is_not_given_mains() {
        let some = |text: &str| Some(text.to_owned());
        let main = [some("ada"), some("secret"), None];
        assert_eq!(beside([None, None, some("own")], &main), [None, some(""), some("own")]);
        let as_default = [some("default"), some("own"), None];
        assert_eq!(beside([None, some("own"), None], &main), as_default);
        assert_eq!(beside([None, None, None], &[None, None, None]), [None, None, None]);
    }

    #[test]
    fn a_value_fills_its_place_in_a_variable() {
        let values: Values = vec![("main.sentinels", Some("127.0.0.1:1,127.0.0.1:2".to_owned()))];
        assert_eq!(fill("{main.sentinels}", &values), "127.0.0.1:1,127.0.0.1:2");
    }
}
