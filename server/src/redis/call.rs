//! Sending one command: its deadline, what may be repeated, and who acknowledged it.

use std::sync::Arc;

use redis::{Cmd, FromRedisValue, RedisError, Value};
use tokio::time::Instant;

use super::failure::{Failure, Verdict, judge};
use super::link::{Link, Live};
use super::script::Invocation;
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
    WrongNode,
    Unknown(String),
}

impl Link {
    /// The moment by which a command that begins now must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        clock::now() + self.plan.command_timeout
    }

    /// Sends a command and waits for its answer at most the command time-out.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn call<T: FromRedisValue>(
        &self,
        cmd: &Cmd,
        repeat: Repeat,
    ) -> Result<Answer<T>, Failure> {
        let deadline = self.deadline();
        self.exchange(cmd, None, repeat, deadline).await
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
        let deadline = self.deadline();
        self.exchange(&script.by_hash, Some(&script.whole), repeat, deadline).await
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
        if !self.is_up() {
            return Err(Failure::refused("there is no connection"));
        }
        self.exchange(cmd, None, repeat, deadline).await
    }

    async fn exchange<T: FromRedisValue>(
        &self,
        cmd: &Cmd,
        whole: Option<&Cmd>,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<Answer<T>, Failure> {
        let started = clock::now();
        let result = self.attempts(cmd, whole, repeat, deadline).await;
        self.plan.metrics.redis_command(self.plan.name, started.elapsed(), result.is_ok());
        let (value, node) = result?;
        let value = redis::from_redis_value(value)
            .map_err(|error| Failure::Unknown(format!("an unforeseen answer: {error}")))?;
        Ok(Answer { value, node })
    }

    async fn attempts(
        &self,
        cmd: &Cmd,
        whole: Option<&Cmd>,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<(Value, Arc<str>), Failure> {
        let mut unknown = None;
        loop {
            let Some(live) = self.live(deadline).await else {
                return Err(unknown.map_or_else(
                    || Failure::refused("there was no connection in time"),
                    Failure::Unknown,
                ));
            };
            match self.attempt(&live, cmd, whole, deadline).await {
                Attempt::Answered(value) => return Ok((value, Arc::clone(&live.run_id))),
                Attempt::Refused(why) => {
                    return Err(unknown.map_or(Failure::Refused(why), Failure::Unknown));
                }
                Attempt::WrongNode => {}
                Attempt::Unknown(why) if repeat == Repeat::Never => {
                    return Err(Failure::Unknown(why));
                }
                Attempt::Unknown(why) => unknown = Some(why),
            }
            if clock::now() >= deadline {
                return Err(unknown.map_or_else(
                    || Failure::refused("no master took it in time"),
                    Failure::Unknown,
                ));
            }
        }
    }

    async fn attempt(
        &self,
        live: &Live,
        cmd: &Cmd,
        whole: Option<&Cmd>,
        deadline: Instant,
    ) -> Attempt {
        let first = self.send(live, cmd, deadline).await;
        match (&first, whole) {
            (Attempt::Refused(why), Some(whole)) if why.starts_with("NOSCRIPT") => {
                self.send(live, whole, deadline).await
            }
            _ => first,
        }
    }

    async fn send(&self, live: &Live, cmd: &Cmd, deadline: Instant) -> Attempt {
        let started = clock::now();
        let mut connection = live.connection.clone();
        let reply = tokio::select! {
            biased;
            reply = connection.send_packed_command(cmd) => reply.and_then(Value::extract_error),
            () = live.retired() => return Attempt::Unknown("the connection was lost".to_owned()),
            () = tokio::time::sleep_until(deadline) => {
                // A command that waited for its connection has had too little time to prove
                // anything about it.
                if started.elapsed() * 10 >= self.plan.command_timeout * 9 {
                    live.give_up();
                }
                return Attempt::Unknown("the time was up".to_owned());
            }
        };
        match reply {
            Ok(value) => Attempt::Answered(value),
            Err(error) => weigh(live, &error),
        }
    }
}

/// Decides what an error means for the command, and gives the connection up where it must go.
fn weigh(live: &Live, error: &RedisError) -> Attempt {
    match judge(error) {
        Verdict::WrongNode => {
            live.give_up();
            Attempt::WrongNode
        }
        Verdict::Lost => {
            live.give_up();
            Attempt::Unknown(error.to_string())
        }
        Verdict::NoScript => Attempt::Refused(format!("NOSCRIPT {error}")),
        Verdict::Refused => Attempt::Refused(error.to_string()),
        Verdict::Failed => Attempt::Unknown(error.to_string()),
    }
}
