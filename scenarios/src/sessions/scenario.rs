//! Each virtual user has one session at a time and is its only writer: it logs in, writes rising
//! numbers, reads them back, logs out and tries the dead cookie. Now and then it leaves a session
//! alone until after its time and asks for it again.

use crate::capability::Capability;
use crate::checker::Checker;
use crate::load::{Arrival, Begun, Context, VirtualUser, What};
use crate::random::{below, mix};
use crate::target::{Answer, Call};
use crate::text;
use futures_util::future::BoxFuture;
use redrill_history::{Action, Flags, Observation, Outcome, Role};
use std::sync::Arc;

const KIND: redrill_history::Capability = redrill_history::Capability::Sessions;

/// The capability.
#[derive(Debug)]
pub struct Sessions;

impl Capability for Sessions {
    fn kind(&self) -> redrill_history::Capability {
        KIND
    }

    fn lives_in(&self) -> Role {
        Role::Sessions
    }

    fn doc(&self) -> &'static str {
        "logs in, writes rising numbers, reads them back, logs out, tries the dead cookie"
    }

    fn user(&self, context: &Arc<Context>, vu: u32) -> Box<dyn VirtualUser> {
        Box::new(Member { context: Arc::clone(context), vu, state: State::Out, parked: None })
    }

    fn checkers(&self) -> &'static [&'static dyn Checker] {
        super::checkers::CHECKERS
    }
}

struct Member {
    context: Arc<Context>,
    vu: u32,
    state: State,
    parked: Option<(Session, u64)>,
}

#[derive(Clone)]
struct Session {
    number: u64,
    cookie: String,
    written: u64,
}

enum State {
    Out,
    In(Session),
    LoggedOut(Session),
}

impl VirtualUser for Member {
    fn operate(&mut self, arrival: Arrival) -> BoxFuture<'_, ()> {
        Box::pin(self.step(arrival))
    }

    fn finish(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let number = u64::from(self.vu);
            if let State::In(mut session) = std::mem::replace(&mut self.state, State::Out) {
                let begun = self.context.begin_unasked(self.vu, Flags::FINAL);
                self.read(begun, &mut session, Action::SessionRead, number).await;
            }
            let begun = self.context.begin_unasked(self.vu, Flags::FINAL);
            if let Some((mut session, _)) = self.take_overdue(begun) {
                self.read(begun, &mut session, Action::SessionRead, number).await;
            }
        })
    }
}

impl Member {
    async fn step(&mut self, arrival: Arrival) {
        let begun = self.context.begin(self.vu, arrival);
        let number = arrival.number;
        if let Some((mut session, _)) = self.take_overdue(begun) {
            self.read(begun, &mut session, Action::SessionRead, number).await;
            return;
        }
        let draw = below(mix(self.context.plan.seed ^ 0x5e55, number), 100);
        self.state = match std::mem::replace(&mut self.state, State::Out) {
            State::Out => self.login(begun, number).await,
            State::LoggedOut(mut session) => {
                self.read(begun, &mut session, Action::DeadRead, number).await;
                State::Out
            }
            State::In(session) if draw < 65 => self.write(begun, session, number).await,
            State::In(mut session) if draw < 95 => {
                let status = self.read(begun, &mut session, Action::SessionRead, number).await;
                if status == 401 { State::Out } else { State::In(session) }
            }
            State::In(mut session) if draw < 97 && self.parked.is_none() => {
                // Left alone after this read, until its time is over.
                let status = self.read(begun, &mut session, Action::SessionRead, number).await;
                if status == 200 {
                    self.parked = Some((session, self.context.clock.now_ns()));
                }
                State::Out
            }
            State::In(session) => self.logout(begun, session, number).await,
        };
    }

    /// The session that was left alone, once its time is over by a second and more.
    fn take_overdue(&mut self, begun: Begun) -> Option<(Session, u64)> {
        let ttl = self.context.plan.target.promises.session_ttl;
        let due = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX) * 5 / 4;
        let (_, since) = self.parked.as_ref()?;
        if begun.started_ns().saturating_sub(*since) > due { self.parked.take() } else { None }
    }

    async fn login(&self, begun: Begun, number: u64) -> State {
        let session = self.context.next_number();
        let (answer, ended_ok) =
            self.call(begun, "sessions.login", Action::Login, session, 0, number, None).await;
        match answer.and_then(|answer| answer.cookies()) {
            Some(cookie) if ended_ok => State::In(Session { number: session, cookie, written: 0 }),
            _ => State::Out,
        }
    }

    async fn write(&self, begun: Begun, mut session: Session, number: u64) -> State {
        session.written += 1;
        let (answer, _) = self
            .call(
                begun,
                "sessions.write",
                Action::SessionWrite,
                session.number,
                session.written,
                number,
                Some(&session.cookie),
            )
            .await;
        if answer.as_ref().is_some_and(|answer| answer.status() == 401) {
            return State::Out;
        }
        // A rolling session may hand out a fresh cookie with every answer.
        if let Some(cookie) = answer.and_then(|answer| answer.cookies()) {
            session.cookie = cookie;
        }
        State::In(session)
    }

    async fn logout(&self, begun: Begun, session: Session, number: u64) -> State {
        let cookie = Some(session.cookie.as_str());
        let action = Action::Logout;
        let (_, ended_ok) =
            self.call(begun, "sessions.logout", action, session.number, 0, number, cookie).await;
        // What an unanswered logout left is not known; the session is of no more use.
        if ended_ok { State::LoggedOut(session) } else { State::Out }
    }

    /// Reads the session's field; returns the status.
    async fn read(&self, begun: Begun, session: &mut Session, action: Action, number: u64) -> u16 {
        let cookie = Some(session.cookie.as_str());
        let (answer, _) =
            self.call(begun, "sessions.read", action, session.number, 0, number, cookie).await;
        let Some(answer) = answer else { return 0 };
        let status = answer.status();
        // A rolling session may hand out a fresh cookie with every answer; a 401 takes it away.
        if let Some(cookie) = answer.cookies().filter(|_| status == 200) {
            session.cookie = cookie;
        }
        status
    }

    #[allow(clippy::too_many_arguments)]
    async fn call(
        &self,
        begun: Begun,
        name: &str,
        action: Action,
        session: u64,
        written: u64,
        number: u64,
        cookie: Option<&str>,
    ) -> (Option<Answer>, bool) {
        let context = &*self.context;
        let Some(call) = context.target.call(name) else { return (None, false) };
        let instance = context.instance(number);
        let values = [("user", Some(text::user(session))), ("value", Some(written.to_string()))];
        let answer = context.target.make(&context.http, instance, call, &values, cookie).await;
        let observation = Observation { owner: owner(&answer, call), ..Observation::default() };
        let mut ended = answer.ended(action.is_write(), observation);
        let reads = matches!(action, Action::SessionRead | Action::DeadRead);
        if reads && ended.status == 401 {
            // "There is no such session" answers a read; a checker asks whether it is true.
            ended.outcome = Outcome::Ok;
        }
        let value = if reads { answer.number(call, "value").unwrap_or(0) } else { written };
        let what = What { capability: KIND, action, key: session, value, instance };
        let operation = context.end(begun, what, ended);
        (Some(answer), operation.outcome == Outcome::Ok)
    }
}

/// The user whom the answer names; one that the harness never made is `u64::MAX`.
fn owner(answer: &Answer, call: &Call) -> Option<u64> {
    let name = answer.read(call, "owner")?;
    Some(text::user_of(&name).unwrap_or(u64::MAX))
}
