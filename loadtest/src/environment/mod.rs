//! The Redis that a service lives on: real nodes and Sentinels as child processes, every link
//! through a proxy, watched from around the proxies, and gone without a trace afterwards.

mod admin;
mod backend;
mod claim;
mod config;
mod docker;
mod door;
mod following;
mod gone;
mod group;
pub mod guardian;
mod heal;
mod journal;
mod mark;
mod member;
mod observer;
mod outside;
mod ports;
mod prefix;
mod proc;
mod process;
mod processes;
mod proxies;
mod ready;
mod redis_binary;
mod remedy;
mod roles;
mod spot;
mod start;
mod stop;
mod survey;
mod target;
mod topology;
mod written;

pub(crate) use admin::{Admin, ask, info_fields};
pub use backend::{BACKENDS, Backend, Need, Supply, backend, backend_names};
pub use docker::DEFAULT_IMAGE;
pub use door::{Door, Login};
pub use gone::Ways;
pub use group::Group;
pub use heal::Left;
pub use journal::Journalled;
pub use member::Member;
pub(crate) use proc::{ProcStat, cpu_ns};
pub(crate) use process::Process;
pub use process::ProcessSpec;
pub(crate) use processes::record;
pub use redis_binary::{RedisBinary, RedisMissing};
pub use remedy::Remedy;
pub use start::Setup;
pub use survey::{Survey, as_planned};
pub use target::{Target, UnknownTarget, Which, parse_target};
pub use topology::{Size, Sizes, TOPOLOGIES, Topology, check, topology, topology_names};
pub use written::Written;

use anyhow::{Context, Result, bail};
use journal::Guardian;
use observer::Observer;
use outside::Outside;
use processes::Processes;
use proxies::Proxies;
use redrill_history::clock::RunClock;
use redrill_history::{EnvironmentFacts, EnvironmentPlan, Role, process_kind};
use redrill_toxiproxy::client::Client;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The last part of the first node's, Sentinel's and instance's source address. The third part is
/// the group's.
const SOURCES: [(&str, u8); 3] = [("node", 11), ("sentinel", 51), ("server", 101)];

/// A running environment. Dropping it without [`Environment::stop`] leaves the clearing up to the
/// guardian.
pub struct Environment {
    plan: EnvironmentPlan,
    groups: Vec<Group>,
    supply: Supply,
    clock: RunClock,
    ready_after: Duration,
    observer: Observer,
    proxies: Proxies,
    processes: Arc<Processes>,
    guardian: Guardian,
    outside: Option<Outside>,
    folder: PathBuf,
}

impl Environment {
    /// The groups, the main one first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group in which a role lives.
    pub fn home(&self, role: Role) -> &Group {
        let (home, _) = self.plan.home(role);
        self.groups.iter().find(|group| group.role == home).unwrap_or(&self.groups[0])
    }

    /// The group that a node or Sentinel is of.
    pub(crate) fn group_of(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.members().any(|member| member.name == name))
    }

    /// The main group's nodes, by number.
    pub fn nodes(&self) -> &[Member] {
        &self.groups[0].nodes
    }

    /// The main group's Sentinels, by number.
    pub fn sentinels(&self) -> &[Member] {
        &self.groups[0].sentinels
    }

    /// From the start of the first process to ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The temporary folder, for files of the target; it is removed at the end.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The source address that an instance of the target is to use, so that it can be cut off; none
    /// where the proxies may be elsewhere, and no address of this loopback reaches them.
    pub fn server_source(&self, index: u8) -> Option<IpAddr> {
        self.outside.is_none().then(|| source(Role::Main, "server", index))
    }

    /// What the service's keys are to begin with, where they are not alone.
    pub fn prefix(&self) -> Option<&str> {
        self.outside.as_ref().map(Outside::prefix)
    }

    /// An address on which nobody listens now and that survives a restart of its listener. Another
    /// process may take it first: be ready to ask again.
    ///
    /// # Errors
    /// No port is free.
    pub fn free_address(&self) -> Result<SocketAddr> {
        ports::free().context("no port of the loopback is free")
    }

    /// Starts a process of the target in the guardian's group, logging to `logs/<name>.log`.
    /// Returns its process id; the caller waits until it serves.
    ///
    /// # Errors
    /// The name is taken by a running process, or the program cannot be started.
    pub async fn spawn_process(&self, spec: ProcessSpec) -> Result<u32> {
        Ok(self.processes.start(spec).await?.pid())
    }

    /// Whether a process runs; false for one that was never started, and true for what somebody
    /// else keeps running.
    pub fn is_running(&self, name: &str) -> bool {
        let is_adopted = || self.member(name).is_some_and(Member::is_adopted);
        self.processes.get(name).map_or_else(|_| is_adopted(), |process| process.is_running())
    }

    /// A process that was started and has ended, if one has.
    pub(crate) fn ended(&self) -> Option<String> {
        let mut known = self.processes.facts().into_iter().map(|facts| facts.name);
        known.find(|name| !self.is_running(name))
    }

    /// The last lines of a process's log.
    pub fn last_words(&self, name: &str) -> String {
        self.processes.last_words(name)
    }

    /// Asks a process to end (SIGTERM), and ends it if it has not after `grace`.
    ///
    /// # Errors
    /// There is no such process, or it has ended.
    pub async fn stop_process(&self, name: &str, grace: Duration) -> Result<()> {
        self.processes.stop(name, grace).await
    }

    /// The machine, versions and processes so far, for `environment.json`.
    pub fn facts(&self) -> EnvironmentFacts {
        let machine = Self::machine(self.clock, self.supply.version());
        let found = self.outside.as_ref().map(Outside::facts).unwrap_or_default();
        EnvironmentFacts { processes: self.processes.facts(), found, ..machine }
    }

    /// The machine and this version of Redis, without a process.
    pub(crate) fn machine(clock: RunClock, redis: &str) -> EnvironmentFacts {
        let system = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let wall_origin_ms = clock.wall_origin_ms();
        EnvironmentFacts {
            began: rfc3339(wall_origin_ms),
            wall_origin_ms,
            cores: std::thread::available_parallelism()
                .map_or(0, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
            kernel: format!("{} {}", text(system.sysname()), text(system.release())),
            redis: redis.to_owned(),
            processes: Vec::new(),
            found: Vec::new(),
        }
    }

    pub(crate) fn proxy(&self) -> &Client {
        self.proxies.client()
    }

    pub(crate) fn process(&self, name: &str) -> Result<Arc<Process>> {
        self.processes.get(name)
    }

    /// Starts a process that has ended as it was started before, and waits until it answers: a node
    /// or Sentinel to a PING, any other by accepting a connection.
    pub(crate) async fn start_again(&self, name: &str) -> Result<()> {
        let process = self.processes.start_again(name).await?;
        let address = self.processes.spec(name)?.address;
        let is_redis = process_kind(name) != "server";
        tokio::select! {
            answered = member::answers(address, is_redis) => {
                answered.with_context(|| name.to_owned())
            }
            _ = process.ended() => {
                let words = self.processes.last_words(name);
                bail!("{name} was started again and ended at once; its log ends with:\n{words}")
            }
        }
    }

    /// What all that the run makes outside of its folder bears.
    pub(crate) fn mark(&self) -> &str {
        self.guardian.mark()
    }

    /// Tells the guardian how to heal a fault that is about to act. What is done to processes of
    /// the group ends with them.
    pub(crate) async fn journal(&self, remedy: Remedy) -> Result<Journalled> {
        let is_inside = self.outside.is_none() && remedy.is_outside();
        let remedy = if is_inside { Remedy::EndWithGroup } else { remedy };
        self.guardian.fault(remedy).await
    }

    /// Tells the guardian that a fault is healed.
    pub(crate) async fn healed(&self, fault: Journalled) -> Result<()> {
        self.guardian.healed(fault).await
    }

    /// Cuts source addresses off from proxies.
    pub(crate) async fn cut(&self, pairs: &[(String, IpAddr)]) -> Result<()> {
        self.proxies.cut(&self.with_buses(pairs)).await
    }

    /// Undoes [`Environment::cut`].
    pub(crate) async fn heal_cut(&self, pairs: &[(String, IpAddr)]) -> Result<()> {
        self.proxies.heal(&self.with_buses(pairs)).await
    }

    /// The same links, and those of the buses of clusters.
    fn with_buses(&self, pairs: &[(String, IpAddr)]) -> Vec<(String, IpAddr)> {
        let bus = |name: &String| {
            let mut members = self.groups.iter().flat_map(Group::members);
            members.find(|member| member.name == *name)?.bus.as_ref()
        };
        let buses = pairs.iter().filter_map(|(name, peer)| Some((bus(name)?.name.clone(), *peer)));
        pairs.iter().cloned().chain(buses).collect()
    }

    /// Whether a source address is cut off from a proxy.
    pub(crate) async fn is_cut(&self, pair: &(String, IpAddr)) -> bool {
        self.proxies.is_cut(pair).await
    }
}

/// The source address of a process.
fn source(role: Role, kind: &str, index: u8) -> IpAddr {
    let first = SOURCES.iter().find(|(name, _)| *name == kind).map_or(1, |(_, first)| *first);
    Ipv4Addr::new(127, 0, role as u8, first.saturating_add(index)).into()
}

/// A wall time as `2026-11-24T10:03:11Z`.
fn rfc3339(wall_ms: u64) -> String {
    let time = std::time::UNIX_EPOCH + Duration::from_millis(wall_ms);
    humantime::format_rfc3339_seconds(time).to_string()
}
