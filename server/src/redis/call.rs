//! Sending one command: its deadline, what may be repeated, and who acknowledged it.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisError, Value};
use tokio::time::Instant;
use tracing::{Instrument as _, field};

use super::address::Address;
use super::cluster::slot;
use super::failure::{Failure, Verdict, judge};
use super::link::{Link, Way};
use super::script::Invocation;
use super::wire::{Live, Wire};
use crate::clock;

/// May a command whose fate is unknown be sent again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is as good as once, whatever happens in between.
    Safe,
    /// Twice may differ from once: an unknown outcome stays unknown.
    Never,
}

/// An acknowledged command.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    /// Run id of the node that acknowledged.
    pub(crate) node: Arc<str>,
}

/// How one attempt on one connection ended.
enum Attempt {
    Answered(Value),
    Refused(String),
    /// Not executed: by another connection, or by this one a little later.
    WrongNode,
    TryAgain,
    /// Not executed: the slot is another node's, for good or for this once.
    Moved(u16, Address),
    Ask(Address),
    Unknown(String),
}

/// A command in the forms in which it may have to be sent.
struct Request<'a> {
    cmd: &'a Cmd,
    /// The script that it calls, for a node that does not know it.
    script: Option<&'a Invocation>,
    repeat: Repeat,
    deadline: Instant,
}

/// The pause before a command that was not executed is tried again where nothing else tells when.
const PAUSE: Duration = Duration::from_millis(10);
/// After so many redirections without a pause, nodes disagree about who owns a slot.
const REDIRECTIONS: u32 = 3;

impl Link {
    /// Sends a command and waits for its answer at most the command time-out.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn call<T: FromRedisValue>(
        &self,
        cmd: &Cmd,
        repeat: Repeat,
    ) -> Result<Answer<T>, Failure> {
        self.call_until(cmd, repeat, self.deadline()).await
    }

    /// Like [`Link::call`], until `deadline`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn call_until<T: FromRedisValue>(
        &self,
        cmd: &Cmd,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<Answer<T>, Failure> {
        self.exchange(Request { cmd, script: None, repeat, deadline }).await
    }

    /// Calls a script by its hash and, where the node does not know it, in full.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Invocation,
        repeat: Repeat,
    ) -> Result<Answer<T>, Failure> {
        self.run_until(script, repeat, self.deadline()).await
    }

    /// Like [`Link::run`], until `deadline`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn run_until<T: FromRedisValue>(
        &self,
        script: &Invocation,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<Answer<T>, Failure> {
        let (cmd, script) = (&script.by_hash, Some(script));
        self.exchange(Request { cmd, script, repeat, deadline }).await
    }

    /// Like [`Link::call`], until `deadline`, and at once refused where there is no connection.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn call_if_up<T: FromRedisValue>(
        &self,
        cmd: &Cmd,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<Answer<T>, Failure> {
        let is_up = match &self.way {
            // Whoever has other keys has no say in this one.
            Way::Each(cluster) => cluster.is_slot_up(slot::of_command(cmd)),
            Way::One(_) | Way::Slot(..) => self.is_up(),
        };
        if !is_up {
            return Err(Failure::refused("there is no connection"));
        }
        self.call_until(cmd, repeat, deadline).await
    }

    async fn exchange<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<Answer<T>, Failure> {
        let started = clock::now();
        let span = tracing::debug_span!(
            "redis.command",
            otel.kind = "client",
            db.system = "redis",
            db.operation = %name_of(request.cmd),
            redis.client = self.plan.name,
            error.message = field::Empty,
        );
        let result = self.attempts(&request).instrument(span.clone()).await;
        if let Err(failure) = &result {
            span.record("error.message", field::display(failure));
        }
        self.plan.metrics.redis_command(self.plan.name, started.elapsed(), result.is_ok());
        let (value, node) = result?;
        let value = redis::from_redis_value(value)
            .map_err(|error| Failure::Unknown(format!("an unforeseen answer: {error}")))?;
        Ok(Answer { value, node })
    }

    async fn attempts(&self, request: &Request<'_>) -> Result<(Value, Arc<str>), Failure> {
        let slot = match &self.way {
            Way::Each(_) => slot::of_command(request.cmd),
            Way::One(_) | Way::Slot(..) => 0,
        };
        let mut unknown = None;
        let mut redirected: Option<(Wire, bool)> = None;
        let (mut redirections, mut retries) = (0, 0);
        loop {
            let (wire, asking) = match redirected.take() {
                Some((wire, asking)) => (Some(wire), asking),
                None => (self.wire(slot, request.deadline).await, false),
            };
            let live = match wire {
                Some(wire) => wire.live(request.deadline).await,
                None => None,
            };
            let Some(live) = live else {
                if clock::now() < request.deadline {
                    self.plan.metrics.refused_by_breaker(self.plan.name);
                }
                let why = "there was no connection in time";
                return Err(unknown.map_or_else(|| Failure::refused(why), Failure::Unknown));
            };
            match self.attempt(&live, request, asking).await {
                Attempt::Answered(value) => return Ok((value, Arc::clone(&live.run_id))),
                Attempt::Refused(why) => {
                    return Err(unknown.map_or(Failure::Refused(why), Failure::Unknown));
                }
                Attempt::WrongNode if self.plan.naive => {
                    return Err(Failure::refused("the node is no master"));
                }
                Attempt::Unknown(why) if self.plan.naive => return Err(Failure::Unknown(why)),
                Attempt::WrongNode => {}
                Attempt::TryAgain => tokio::time::sleep(PAUSE).await,
                Attempt::Moved(slot, to) => {
                    redirections += 1;
                    redirected = self.redirect(&to, Some(slot)).map(|wire| (wire, false));
                }
                Attempt::Ask(to) => {
                    redirections += 1;
                    redirected = self.redirect(&to, None).map(|wire| (wire, true));
                }
                Attempt::Unknown(why)
                    if request.repeat == Repeat::Never || retries == self.plan.most_retries =>
                {
                    return Err(Failure::Unknown(why));
                }
                Attempt::Unknown(why) => {
                    retries += 1;
                    unknown = Some(why);
                }
            }
            if redirections > REDIRECTIONS {
                tokio::time::sleep(PAUSE).await;
            }
            if clock::now() >= request.deadline {
                let why = "no master took it in time";
                return Err(unknown.map_or_else(|| Failure::refused(why), Failure::Unknown));
            }
        }
    }

    /// Where a redirection leads. A pinned connection follows by itself when a slot has moved for
    /// good.
    fn redirect(&self, to: &Address, moved: Option<u16>) -> Option<Wire> {
        let (Way::Each(cluster) | Way::Slot(_, cluster)) = &self.way else { return None };
        if let Some(slot) = moved {
            cluster.moved(slot, to);
        }
        match (&self.way, moved) {
            (Way::Slot(..), Some(_)) => None,
            _ => Some(cluster.at(to)),
        }
    }

    async fn attempt(&self, live: &Live, request: &Request<'_>, asking: bool) -> Attempt {
        let first = self.send(live, request.cmd, asking, request.deadline).await;
        match (&first, request.script) {
            (Attempt::Refused(why), Some(script)) if why.starts_with("NOSCRIPT") => {
                self.send(live, &script.whole(), asking, request.deadline).await
            }
            _ => first,
        }
    }

    async fn send(&self, live: &Live, cmd: &Cmd, asking: bool, deadline: Instant) -> Attempt {
        let started = clock::now();
        let reply = tokio::select! {
            biased;
            reply = exchange(live, cmd, asking) => reply,
            () = live.retired() => return Attempt::Unknown("the connection was lost".to_owned()),
            () = tokio::time::sleep_until(deadline) => {
                // A command that waited for its connection has had too little time to prove
                // anything about it.
                if started.elapsed() * 10 >= self.plan.command_timeout * 9 {
                    live.give_up_silent(started);
                }
                return Attempt::Unknown("the time was up".to_owned());
            }
        };
        match reply {
            Ok(value) => Attempt::Answered(value),
            Err(error) => self.weigh(live, &error),
        }
    }

    /// Decides what an error means for the command, and gives the connection up where it must go.
    fn weigh(&self, live: &Live, error: &RedisError) -> Attempt {
        match judge(error) {
            Verdict::WrongNode => {
                live.give_up();
                Attempt::WrongNode
            }
            Verdict::Moved | Verdict::Ask => match destination(error, &live.address) {
                Some((slot, to)) if judge(error) == Verdict::Moved => {
                    if let Way::Slot(..) = self.way {
                        live.give_up();
                    }
                    Attempt::Moved(slot, to)
                }
                Some((_, to)) => Attempt::Ask(to),
                None => Attempt::TryAgain,
            },
            Verdict::TryAgain => Attempt::TryAgain,
            Verdict::Lost => {
                live.give_up();
                Attempt::Unknown(error.to_string())
            }
            Verdict::NoScript => Attempt::Refused(format!("NOSCRIPT {error}")),
            Verdict::Refused => Attempt::Refused(error.to_string()),
            Verdict::Failed => Attempt::Unknown(error.to_string()),
        }
    }
}

/// The command's name, for those who follow it.
fn name_of(cmd: &Cmd) -> std::borrow::Cow<'_, str> {
    match cmd.args_iter().next() {
        Some(redis::Arg::Simple(name)) => String::from_utf8_lossy(name),
        _ => "".into(),
    }
}

async fn exchange(live: &Live, cmd: &Cmd, asking: bool) -> Result<Value, RedisError> {
    let mut connection = live.connection.clone();
    if !asking {
        return connection.send_packed_command(cmd).await?.extract_error();
    }
    let mut pipeline = redis::pipe();
    pipeline.cmd("ASKING").add_command(cmd.clone());
    let mut answers = connection.send_packed_commands(&pipeline, 0, 2).await?;
    answers.pop().unwrap_or(Value::Nil).extract_error()
}

/// The slot and the node of a redirection. A node that does not know its own address leaves the
/// host out: it is the one that was asked (Redis' `cluster.c`, `clusterRedirectClient`).
fn destination(error: &RedisError, asked: &Address) -> Option<(u16, Address)> {
    let (to, slot) = error.redirect_node()?;
    let (host, port) = to.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() || host == "?" { asked.host.as_str() } else { host };
    Some((slot, Address { host: host.to_owned(), port: port.parse().ok()? }))
}
