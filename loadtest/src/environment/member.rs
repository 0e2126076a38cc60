//! A node or a Sentinel: its addresses, and starting it.

use super::admin;
use super::config::{self, Place};
use super::door::{Door, Login};
use super::group::Ground;
use super::ports;
use super::process::ProcessSpec;
use super::proxies::PORT_TRIES;
use super::redis_binary::RedisBinary;
use super::source;
use anyhow::{Context, Result, bail};
use redis::cmd;
use redrill_history::{GroupPlan, Role};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a process may take to answer its first PING, loading its data included.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// What Redis says when somebody else listens on its port.
const PORT_TAKEN: &str = "Address already in use";

/// A node or a Sentinel.
#[derive(Clone, Debug)]
pub struct Member {
    /// `node[0]`, `sentinel[1]`; `cache.node[0]` in the cache's own group.
    pub name: String,
    /// Where it listens: for observers and admin commands.
    pub direct: SocketAddr,
    /// Its proxy's address: for everybody else.
    pub announced: SocketAddr,
    /// The source address of its own connections; the unspecified one where it is not known.
    pub source: IpAddr,
    /// Its proxy's name.
    pub(super) proxy: String,
    /// Who one must be to ask it.
    login: Option<Login>,
    /// The port on which it talks to its peers, in a cluster.
    pub(super) bus: Option<Bus>,
    /// Where its data and its configuration lie; none of what somebody else runs.
    folder: Option<PathBuf>,
}

/// The port of a node of a cluster for its peers.
#[derive(Clone, Debug)]
pub(super) struct Bus {
    /// Its proxy's name.
    pub(super) name: String,
    /// Where the node listens.
    pub(super) direct: SocketAddr,
    /// The proxy's address.
    pub(super) announced: SocketAddr,
}

impl Bus {
    async fn place(node: &str, ground: &Ground<'_>) -> Result<Self> {
        let (name, direct) = (format!("{node}.bus"), ports::free()?);
        let announced = ground.proxies.create(&name, direct).await?;
        Ok(Self { name, direct, announced })
    }
}

/// What a member is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    /// A node that follows this address, or the first master.
    Node(&'a GroupPlan, Option<SocketAddr>),
    /// A Sentinel that watches the group of this name, whose master is here.
    Sentinel(&'a GroupPlan, &'a str, SocketAddr),
}

impl Member {
    /// Gives it its addresses and creates its proxy; it is not started.
    pub(super) async fn place(
        role: Role,
        kind: &str,
        index: u8,
        has_bus: bool,
        ground: &Ground<'_>,
    ) -> Result<Self> {
        let prefix = if role == Role::Main { String::new() } else { format!("{role}.") };
        let name = format!("{prefix}{kind}[{index}]");
        let direct = ports::free()?;
        let announced = ground.proxies.create(&name, direct).await?;
        let bus = if has_bus { Some(Bus::place(&name, ground).await?) } else { None };
        let folder = ground.folder.join(format!("{prefix}{kind}-{index}"));
        std::fs::create_dir(&folder)?;
        Ok(Self {
            proxy: name.clone(),
            name,
            direct,
            announced,
            source: source(role, kind, index),
            login: None,
            bus,
            folder: Some(folder),
        })
    }

    /// What somebody else runs.
    pub(super) fn adopted(name: String, door: Door, announced: SocketAddr, proxy: String) -> Self {
        Self {
            name,
            direct: door.address,
            announced,
            source: Ipv4Addr::UNSPECIFIED.into(),
            proxy,
            login: door.login,
            bus: None,
            folder: None,
        }
    }

    /// Whether somebody else runs it.
    pub(super) fn is_adopted(&self) -> bool {
        self.folder.is_none()
    }

    /// How it is reached around its proxy.
    pub(crate) fn door(&self) -> Door {
        Door { address: self.direct, login: self.login.clone() }
    }

    /// Starts it and waits until it answers; takes another port if somebody took its own.
    pub(super) async fn start(&mut self, part: Part<'_>, ground: &Ground<'_>) -> Result<()> {
        let Ground { processes, proxies, redis, .. } = ground;
        for _ in 0..PORT_TRIES {
            let process = processes.start(self.spec(part, redis)?).await?;
            tokio::select! {
                answered = answers(self.direct, true) => {
                    return answered.with_context(|| self.name.clone());
                }
                _ = process.ended() => {}
            }
            let words = processes.last_words(&self.name);
            if !words.contains(PORT_TAKEN) {
                bail!("{} ended at once; its log ends with:\n{words}", self.name);
            }
            self.direct = ports::free()?;
            proxies.redirect(&self.name, self.direct).await?;
            if let Some(bus) = &mut self.bus {
                bus.direct = ports::free()?;
                proxies.redirect(&bus.name, bus.direct).await?;
            }
        }
        bail!("{}: {PORT_TRIES} ports in a row were taken by others", self.name)
    }

    /// Writes the configuration and says how to start the process on it.
    fn spec(&self, part: Part<'_>, redis: &RedisBinary) -> Result<ProcessSpec> {
        let folder = self.folder.as_deref().context("somebody else runs it")?;
        let place = Place {
            listen: self.direct,
            announced: self.announced,
            source: self.source,
            bus: self.bus.as_ref().map(|bus| (bus.direct.port(), bus.announced.port())),
            folder,
        };
        let (text, is_sentinel) = match part {
            Part::Node(plan, master) => (config::node(&place, plan, master), false),
            Part::Sentinel(plan, group, master) => {
                (config::sentinel(&place, plan, group, master), true)
            }
        };
        let path = folder.join("redis.conf");
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        let mut args = vec![path.into_os_string()];
        args.extend(is_sentinel.then(|| "--sentinel".into()));
        Ok(ProcessSpec {
            name: self.name.clone(),
            program: redis.path.clone(),
            image: redis.image.clone(),
            args,
            env: Vec::new(),
            address: self.direct,
            announced: Some(self.announced),
            source: Some(self.source),
        })
    }
}

/// Waits until a node or Sentinel answers a PING with PONG, which one that loads its data does
/// not, or until any other process accepts a connection.
pub(super) async fn answers(address: SocketAddr, is_redis: bool) -> Result<()> {
    let ping = cmd("PING");
    let within = Duration::from_secs(1);
    let answered = async {
        loop {
            let is_up = if is_redis {
                admin::ask::<String>(address, &ping, within).await.is_ok()
            } else {
                TcpStream::connect(address).await.is_ok()
            };
            if is_up {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(ANSWER_WITHIN, answered)
        .await
        .with_context(|| format!("no answer from {address} within 20 s of its start"))
}
