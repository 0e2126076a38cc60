//! Each virtual user is a user of the service: it comes online, goes offline, and asks instances
//! about others.

use super::socket::{Ear, Failed, Socket};
use crate::capability::Capability;
use crate::checker::Checker;
use crate::load::{Arrival, Begun, Context, Ended, VirtualUser, What};
use crate::random::{below, mix};
use crate::text;
use futures_util::future::BoxFuture;
use redrill_history::{Action, Flags, Observation, Outcome, Reply, Role, classify};
use std::sync::Arc;
use std::time::Duration;

const KIND: redrill_history::Capability = redrill_history::Capability::Presence;
/// Of those who are online and ask, so many in a hundred leave after it.
const LEAVE_PERCENT: u64 = 12;
/// Of those who leave, one in so many stays away for long.
const LONG_ONE_IN: u64 = 4;

/// The capability.
#[derive(Debug)]
pub struct Presence;

impl Capability for Presence {
    fn kind(&self) -> redrill_history::Capability {
        KIND
    }

    fn lives_in(&self) -> Role {
        Role::Sessions
    }

    fn doc(&self) -> &'static str {
        "comes online over a WebSocket, goes offline, asks instances about other users"
    }

    fn user(&self, context: &Arc<Context>, vu: u32) -> Box<dyn VirtualUser> {
        Box::new(Person { context: Arc::clone(context), vu, socket: None, away_until_ns: 0 })
    }

    fn checkers(&self) -> &'static [&'static dyn Checker] {
        super::checkers::CHECKERS
    }
}

struct Person {
    context: Arc<Context>,
    vu: u32,
    socket: Option<Socket>,
    /// Who left for long comes back no sooner: only then can a ghost be told from a late goodbye.
    away_until_ns: u64,
}

impl VirtualUser for Person {
    fn operate(&mut self, arrival: Arrival) -> BoxFuture<'_, ()> {
        Box::pin(self.step(arrival))
    }

    fn finish(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            for instance in 0..self.context.target.instances() {
                let instance = u8::try_from(instance).unwrap_or(0);
                let begun = self.context.begin_unasked(self.vu, Flags::FINAL);
                self.look_up(begun, u64::from(self.vu), instance).await;
            }
            self.leave().await;
        })
    }
}

impl Person {
    async fn step(&mut self, arrival: Arrival) {
        let context = Arc::clone(&self.context);
        let instance = context.instance(arrival.number);
        let draw = mix(context.plan.seed ^ 0x9e5, arrival.number);
        if self.socket.as_ref().is_some_and(Socket::is_over) {
            self.socket = None;
        }
        let is_away = context.clock.now_ns() < self.away_until_ns;
        if self.socket.is_none() && !is_away {
            let begun = context.begin(self.vu, arrival);
            self.come(begun, instance).await;
            return;
        }
        // Half of the questions are about oneself: there the asker knows best what is true.
        let load = context.plan.load.capabilities.get(&KIND);
        let users = load.map_or(1, |load| u64::from(load.vus).max(1));
        let other = below(mix(draw, 1), users);
        let user = if below(mix(draw, 2), 2) == 0 { u64::from(self.vu) } else { other };
        let begun = context.begin(self.vu, arrival);
        self.look_up(begun, user, instance).await;
        // After the question: how long a goodbye takes is not part of what was asked.
        if self.socket.is_some() && below(draw, 100) < LEAVE_PERCENT {
            self.leave().await;
            if below(mix(draw, 3), LONG_ONE_IN) == 0 {
                self.away_until_ns = context.clock.now_ns().saturating_add(self.long_ns());
            }
        }
    }

    /// How long who leaves for long stays away: until nobody may show them any more, and as long
    /// again, so that others can ask.
    fn long_ns(&self) -> u64 {
        let promises = &self.context.plan.target.promises;
        let long = promises.presence_ttl * 2 + promises.command_timeout + Duration::from_secs(2);
        u64::try_from(long.as_nanos()).unwrap_or(u64::MAX)
    }

    async fn come(&mut self, begun: Begun, instance: u8) {
        let context = &*self.context;
        let number = context.next_number();
        let user = u64::from(self.vu);
        let ear = Ear { context: Arc::clone(&self.context), vu: self.vu, user };
        let opened =
            tokio::time::timeout(context.target.timeout(), Socket::open(ear, instance, number))
                .await;
        let (reply, flags) = match opened {
            Ok(Ok(socket)) => {
                self.socket = Some(socket);
                (Reply::Status { status: 101, promised_refused: false }, Flags::default())
            }
            Ok(Err(Failed::NotConnected)) => (Reply::NotConnected, Flags::default()),
            Ok(Err(Failed::Refused(status))) => {
                (Reply::Status { status, promised_refused: false }, Flags::default())
            }
            Ok(Err(Failed::Unknown)) => (Reply::Broken, Flags::default()),
            Err(_) => (Reply::Broken, Flags::TIMED_OUT),
        };
        let status = if let Reply::Status { status, .. } = reply { status } else { 0 };
        let outcome = classify(reply, true);
        let ended = Ended { outcome, status, flags, observation: Observation::default() };
        let what =
            What { capability: KIND, action: Action::Online, key: user, value: number, instance };
        context.end(begun, what, ended);
        if outcome == Outcome::Unknown {
            // The user may be online by a socket that is gone by now.
            let begun = context.begin_unasked(self.vu, Flags::default());
            let what = What { action: Action::Offline, ..what };
            context.end(begun, what, Ended { outcome: Outcome::Ok, status: 0, ..ended });
        }
    }

    /// Closes the socket, if there is one.
    async fn leave(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        let context = &*self.context;
        let begun = context.begin_unasked(self.vu, Flags::default());
        let (number, instance) = (socket.number, socket.instance);
        let closed = tokio::time::timeout(context.target.timeout(), socket.close()).await;
        let (reply, flags) = match closed {
            Ok(true) => (Reply::Status { status: 101, promised_refused: false }, Flags::default()),
            Ok(false) => (Reply::Broken, Flags::default()),
            Err(_) => (Reply::Broken, Flags::TIMED_OUT),
        };
        let outcome = classify(reply, true);
        let ended = Ended { outcome, status: 0, flags, observation: Observation::default() };
        let key = u64::from(self.vu);
        let what = What { capability: KIND, action: Action::Offline, key, value: number, instance };
        context.end(begun, what, ended);
    }

    async fn look_up(&self, begun: Begun, user: u64, instance: u8) {
        let context = &*self.context;
        let Some(call) = context.target.call("presence.lookup") else { return };
        let values = [("user", Some(text::user(user)))];
        let answer = context.target.make(&context.http, instance, call, &values, None).await;
        let counter = answer.number(call, "sockets");
        let ended = answer.ended(false, Observation { counter, ..Observation::default() });
        let value = u64::from(answer.read(call, "online").as_deref() == Some("true"));
        let what = What { capability: KIND, action: Action::Lookup, key: user, value, instance };
        context.end(begun, what, ended);
    }
}
