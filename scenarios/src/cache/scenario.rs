//! Virtual users ask for responses to a fixed set of prompts.

use crate::capability::Capability;
use crate::checker::Checker;
use crate::load::{Arrival, Context, VirtualUser, What};
use crate::random::{below, mix};
use crate::text;
use futures_util::future::BoxFuture;
use redrill_history::{Action, Flags, MILLISECOND_NS, Observation, Role};
use std::sync::Arc;

/// The capability.
#[derive(Debug)]
pub struct Cache;

impl Capability for Cache {
    fn kind(&self) -> redrill_history::Capability {
        redrill_history::Capability::Cache
    }

    fn lives_in(&self) -> Role {
        Role::Cache
    }

    fn calls(&self) -> &'static [&'static str] {
        &["model"]
    }

    fn doc(&self) -> &'static str {
        "asks for responses to a set of prompts, each again and again"
    }

    fn user(&self, context: &Arc<Context>, vu: u32) -> Box<dyn VirtualUser> {
        Box::new(Asker { context: Arc::clone(context), vu })
    }

    fn checkers(&self) -> &'static [&'static dyn Checker] {
        super::checkers::CHECKERS
    }
}

struct Asker {
    context: Arc<Context>,
    vu: u32,
}

impl VirtualUser for Asker {
    fn operate(&mut self, arrival: Arrival) -> BoxFuture<'_, ()> {
        Box::pin(self.ask(arrival))
    }

    fn finish(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl Asker {
    async fn ask(&self, arrival: Arrival) {
        let context = &*self.context;
        let load = context.plan.load.capabilities.get(&redrill_history::Capability::Cache);
        let keys = load.map_or(1, |load| u64::from(load.keys).max(1));
        let key = below(mix(context.plan.seed ^ 0xca, arrival.number), keys);
        let instance = context.instance(arrival.number);
        let begun = context.begin(self.vu, arrival);
        let Some(call) = context.target.call("cache.generate") else { return };
        let values =
            [("prompt", Some(text::prompt(key))), ("model", Some(text::model(key).to_owned()))];
        let answer = context.target.make(&context.http, instance, call, &values, None).await;
        let mut ended = answer.ended(false, Observation::default());
        // A read's value is which question the answer belongs to: none, where there is no response.
        let response = answer.read(call, "answer");
        let value = response.and_then(|text| text::key_of_answer(&text)).unwrap_or(u64::MAX);
        if answer.read(call, "cache").is_some_and(|cache| cache.eq_ignore_ascii_case("hit")) {
            ended.flags = ended.flags.with(Flags::HIT);
            let now_ms = context.clock.wall_origin_ms() + context.clock.now_ns() / MILLISECOND_NS;
            let age_ms = answer.number(call, "stored_ms").map(|then| now_ms.saturating_sub(then));
            ended.observation.age_ns = age_ms.map(|age| age * MILLISECOND_NS);
        }
        let capability = redrill_history::Capability::Cache;
        context.end(
            begun,
            What { capability, action: Action::Generate, key, value, instance },
            ended,
        );
    }
}
