//! Virtual users hit the limited routes as a few clients, more often than these may.

use crate::capability::Capability;
use crate::checker::Checker;
use crate::load::{Arrival, Context, VirtualUser, What};
use crate::random::{below, mix};
use crate::text;
use futures_util::future::BoxFuture;
use redrill_history::{Action, Observation, Outcome, Role};
use std::sync::Arc;

/// The capability.
#[derive(Debug)]
pub struct Limiter;

impl Capability for Limiter {
    fn kind(&self) -> redrill_history::Capability {
        redrill_history::Capability::Limiter
    }

    fn lives_in(&self) -> Role {
        Role::Main
    }

    fn doc(&self) -> &'static str {
        "hits limited routes as a few clients, more often than these may"
    }

    fn user(&self, context: &Arc<Context>, vu: u32) -> Box<dyn VirtualUser> {
        Box::new(Hitter { context: Arc::clone(context), vu })
    }

    fn checkers(&self) -> &'static [&'static dyn Checker] {
        super::checkers::CHECKERS
    }
}

struct Hitter {
    context: Arc<Context>,
    vu: u32,
}

impl VirtualUser for Hitter {
    fn operate(&mut self, arrival: Arrival) -> BoxFuture<'_, ()> {
        Box::pin(self.hit(arrival))
    }

    fn finish(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl Hitter {
    async fn hit(&self, arrival: Arrival) {
        let context = &*self.context;
        let capability = redrill_history::Capability::Limiter;
        let policies = &context.plan.target.promises.limits;
        let load = context.plan.load.capabilities.get(&capability);
        let clients = load.map_or(1, |load| load.keys.max(1));
        let drawn = below(mix(context.plan.seed ^ 0x11, arrival.number), u64::from(clients));
        let client = u32::try_from(drawn).unwrap_or(0);
        // A client keeps to one policy, so that its rate against the limit is known.
        let policy = client % u32::try_from(policies.len().max(1)).unwrap_or(1);
        let Some(name) = context.plan.limit_policy(policy).map(|policy| policy.policy.clone())
        else {
            return;
        };
        let instance = context.instance(arrival.number);
        let begun = context.begin(self.vu, arrival);
        let Some(call) = context.target.call("limiter.hit") else { return };
        let route = call.names.get(&name).cloned();
        let values = [
            ("client", Some(text::user(u64::from(client)))),
            ("policy", Some(name)),
            ("route", route),
        ];
        let answer = context.target.make(&context.http, instance, call, &values, None).await;
        let observation = Observation {
            counter: answer.number(call, "count"),
            window: answer.number(call, "window"),
            limit: answer.number(call, "limit"),
            remaining: answer.number(call, "remaining"),
            reset_s: answer.number(call, "reset"),
            retry_after_s: answer.number(call, "retry_after"),
            ..Observation::default()
        };
        let mut ended = answer.ended(true, observation);
        if ended.status == 429 {
            // A limiter's answer is its service.
            ended.outcome = Outcome::Ok;
        }
        let value = u64::from((200..300).contains(&answer.status()));
        let key = Action::limiter_key(policy, client);
        context.end(begun, What { capability, action: Action::Hit, key, value, instance }, ended);
    }
}
