//! What the faults share that are commands to a node, given around its proxy.

use super::injected::Parts;
use super::probe::{HARNESS, HEALTHY, Probe, send};
use super::{Condition, Fault, Hits, Injected, Injection, Setting};
use crate::environment::{
    Admin, Door, Environment, Journalled, Need, Remedy, Written, info_fields,
};
use anyhow::{Context, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::{Cmd, FromRedisValue, cmd};
use redrill_history::PlannedFault;
use redrill_history::clock::instant_now;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

/// How long something may take that a healthy node does at once.
const SOON: Duration = Duration::from_secs(10);

/// Keys of which one is in a slot of a master's own, but by the worst luck: of five masters, each
/// owns every fifth.
const KEYS_TRIED: u32 = 100;

/// What lets the commands of a node's clients wait holds this: they go on at the first's end.
pub(super) const TURN: &str = "the turn of its clients";

/// A kind of fault that is a command to each of its targets, which are nodes.
pub(super) struct OnNodes {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) heals: Option<&'static str>,
    pub(super) hits: Hits,
    /// What of a node it has to itself while it lasts.
    pub(super) holds: &'static [&'static str],
    pub(super) settings: &'static [Setting],
    /// What it needs that not every environment has.
    pub(super) needs: &'static [Need],
    /// The longest that it may last, where it cannot be ended early.
    pub(super) longest: Option<Duration>,
    /// What becomes of its targets while it lasts.
    pub(super) leaves: fn(&PlannedFault) -> Condition,
    pub(super) inject: Inject,
}

/// Injects into one node.
type Inject = for<'a> fn(Node<'a>) -> BoxFuture<'a, Result<Injected<'a>>>;

impl Fault for OnNodes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn heals(&self) -> Option<&'static str> {
        self.heals
    }

    fn hits(&self) -> Hits {
        self.hits
    }

    fn holds(&self) -> &'static [&'static str] {
        self.holds
    }

    fn leaves(&self, planned: &PlannedFault) -> Condition {
        (self.leaves)(planned)
    }

    fn bears(&self, left: Condition) -> bool {
        match left {
            // Its commands go around the proxy.
            Condition::Well | Condition::Unreached | Condition::Flapping => true,
            Condition::Still | Condition::Gone => false,
            // They take a connection of their own.
            Condition::Full => false,
            Condition::Unwritten => self.hits != Hits::Writable,
        }
    }

    fn settings(&self) -> &'static [Setting] {
        self.settings
    }

    fn needs(&self, _: &PlannedFault) -> Vec<Need> {
        self.needs.to_vec()
    }

    fn longest(&self) -> Option<Duration> {
        self.longest
    }

    fn inject<'a>(&self, injection: Injection<'a>) -> BoxFuture<'a, Result<Injected<'a>>> {
        inject_each(self.inject, injection).boxed()
    }
}

async fn inject_each(inject: Inject, injection: Injection<'_>) -> Result<Injected<'_>> {
    let mut parts = Parts::default();
    for name in &injection.targets {
        let node = Node::reach(&injection, name)?;
        parts.add(inject(node).await).await?;
    }
    Ok(parts.all())
}

/// What settings of a node were.
pub(super) struct Configured {
    before: BTreeMap<String, String>,
    /// What they are since, as the node tells it.
    set: BTreeMap<String, String>,
    /// Who had them set.
    run_id: String,
    door: Door,
    written: Option<Written>,
    journalled: Journalled,
}

impl Configured {
    /// Looks which settings are no longer what was set, though nobody has restored them. A process
    /// of the run that another of its faults ended since has lost them as planned.
    pub(super) fn look(
        &self,
        environment: &Environment,
    ) -> impl Future<Output = Result<Option<String>>> + Send + use<> {
        let (door, set, run_id) = (self.door.clone(), self.set.clone(), self.run_id.clone());
        let is_shared = environment.prefix().is_some();
        async move {
            let mut admin = Admin::new(door.clone());
            let info: String = admin.ask(cmd("INFO").arg("server"), HEALTHY).await?;
            let is_same = info_fields(&info).get("run_id") == Some(&run_id.as_str());
            if !is_same && !is_shared {
                return Ok(None);
            }
            let mut told = Vec::new();
            for (name, value) in set {
                let get = cmd("CONFIG").arg("GET").arg(&name).to_owned();
                let found: BTreeMap<String, String> = admin.ask(&get, HEALTHY).await?;
                let now = found.get(&name).filter(|now| **now != value);
                told.extend(now.map(|now| format!("{name} of {door} is {now}, no longer {value}")));
            }
            Ok((!told.is_empty()).then(|| told.join(", ")))
        }
    }
}

/// A node that a fault hits, with a connection of its own around the proxy. It is kept until the
/// fault is healed: there may be no other to be had.
pub(super) struct Node<'a> {
    pub(super) environment: &'a Environment,
    pub(super) planned: &'a PlannedFault,
    pub(super) name: String,
    admin: Admin,
}

impl<'a> Node<'a> {
    /// Connects when it is first asked.
    pub(super) fn reach(injection: &Injection<'a>, name: &str) -> Result<Self> {
        let environment = injection.environment;
        ensure!(environment.is_running(name), "{name} is not running");
        let admin = Admin::new(environment.spot(name)?.door);
        Ok(Self { environment, planned: injection.planned, name: name.to_owned(), admin })
    }

    /// Whether its process runs.
    pub(super) fn is_running(&self) -> bool {
        self.environment.is_running(&self.name)
    }

    /// Asks the node.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        self.admin.ask(command, HEALTHY).await.with_context(|| self.name.clone())
    }

    /// Tells the node something that it is to confirm.
    pub(super) async fn tell(&mut self, words: &[&str]) -> Result<()> {
        self.ask::<redis::Value>(&words_of(words)).await.map(drop)
    }

    /// A number of a section of `INFO`.
    pub(super) async fn info(&mut self, section: &str, field: &str) -> Result<u64> {
        let info: String = self.ask(cmd("INFO").arg(section)).await?;
        let value = info_fields(&info).get(field).and_then(|value| value.parse().ok());
        value.with_context(|| format!("{} has no {field} in INFO {section}", self.name))
    }

    /// A word of a section of `INFO`.
    pub(super) async fn info_word(&mut self, section: &str, field: &str) -> Result<String> {
        let info: String = self.ask(cmd("INFO").arg(section)).await?;
        Ok(info_fields(&info).get(field).copied().unwrap_or_default().to_owned())
    }

    /// A setting of its configuration.
    pub(super) async fn configured(&mut self, name: &str) -> Result<String> {
        let mut found: BTreeMap<String, String> =
            self.ask(cmd("CONFIG").arg("GET").arg(name)).await?;
        found.remove(name).with_context(|| format!("{} has no setting {name}", self.name))
    }

    /// How it is reached.
    pub(super) fn door(&self) -> Result<Door> {
        Ok(self.environment.spot(&self.name)?.door)
    }

    /// Changes settings of its configuration, after the guardian was told what they were.
    pub(super) async fn configure(
        &mut self,
        settings: &[(&'static str, String)],
    ) -> Result<Configured> {
        let mut before = BTreeMap::new();
        for (name, _) in settings {
            before.insert((*name).to_owned(), self.configured(name).await?);
        }
        let written = Written::of(&mut self.admin, HEALTHY).await?;
        let door = self.door()?;
        let run_id = self.info_word("server", "run_id").await?;
        let remedy = Remedy::Configure {
            door: door.clone(),
            settings: before.clone(),
            written: written.clone(),
        };
        let journalled = self.environment.journal(remedy).await?;
        let set = BTreeMap::new();
        let mut configured = Configured { before, set, run_id, door, written, journalled };
        for (name, value) in settings {
            match self.set(name, value).await {
                Ok(now) => configured.set.insert((*name).to_owned(), now),
                Err(error) => {
                    let restored = self.restore(configured).await?;
                    self.environment.healed(restored).await?;
                    return Err(error);
                }
            };
        }
        Ok(configured)
    }

    /// Sets a setting; gives what it is now.
    async fn set(&mut self, name: &str, value: &str) -> Result<String> {
        self.tell(&["CONFIG", "SET", name, value]).await?;
        self.configured(name).await
    }

    /// Gives its settings back what they were, and makes sure; its file too, where it was written
    /// meanwhile. A node that does not run has lost what was set. The guardian heals it again until
    /// what this gives is marked healed.
    pub(super) async fn restore(&mut self, configured: Configured) -> Result<Journalled> {
        if self.reconnects().await? {
            for (name, value) in &configured.before {
                let now = self.set(name, value).await?;
                ensure!(now == *value, "{}: {name} is {now} and not {value} again", self.name);
            }
            Written::mend(configured.written.as_ref(), &mut self.admin, HEALTHY).await?;
        }
        Ok(configured.journalled)
    }

    /// Waits for an answer, on another connection where a fault beside this one has closed the one
    /// that was kept. False when the process does not run, and with it all that was done to it.
    pub(super) async fn reconnects(&mut self) -> Result<bool> {
        let deadline = instant_now() + SOON;
        while self.is_running() {
            // Not a PING, which a node that takes no writes refuses.
            match self.tell(&["CLIENT", "ID"]).await {
                Ok(()) => return Ok(true),
                Err(error) if instant_now() >= deadline => return Err(error),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
        Ok(false)
    }

    /// What the node says to a command on a connection of its own: an error, too.
    pub(super) async fn says(&self, words: &[&str]) -> Result<String> {
        let Door { address, login } = self.door()?;
        Ok(send(HARNESS, address, &Probe::line(words).by(login), HEALTHY).await.1)
    }

    /// What the node says to a write that changes nothing: what it is to move is not there. In a
    /// cluster, to one whose key is in a slot of its own.
    pub(super) async fn says_to_a_write(&self) -> Result<String> {
        let mut said = String::new();
        for number in 0..KEYS_TRIED {
            let nothing = format!("redrill:probe:none:{number}");
            said = self.says(&["LMOVE", &nothing, &nothing, "LEFT", "LEFT"]).await?;
            if !said.starts_with("-MOVED") {
                break;
            }
        }
        Ok(said)
    }

    /// Waits until a field of a section of `INFO` is as it should be.
    pub(super) async fn becomes(
        &mut self,
        section: &str,
        field: &str,
        is_so: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let deadline = instant_now() + SOON;
        loop {
            let word = self.info_word(section, field).await?;
            if is_so(&word) {
                return Ok(());
            }
            let waited = SOON.as_secs();
            ensure!(instant_now() < deadline, "{}: {field} is {word} after {waited} s", self.name);
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A command of these words.
fn words_of(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command
}
