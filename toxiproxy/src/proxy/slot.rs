//! A toxic's place on one direction of one connection: its queue, its stage, its dice.

use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;
use tokio::time::Instant;

use crate::random;
use crate::toxic::Toxic;
use crate::toxics::{Attributes, Context, Input, Removal, Runs, Stage, Step};

/// One toxic of a chain, or an end of the connection's conversation.
pub(super) struct Slot {
    /// None for an end of the conversation.
    pub(super) toxic: Option<Arc<Toxic>>,
    pub(super) input: Input,
    /// The end was passed on: nothing comes out any more.
    pub(super) done: bool,
    stage: Box<dyn Stage>,
    /// Whether the toxic acts on this connection: drawn when it begins and when it is updated.
    acts: bool,
    random: SmallRng,
    attributes: Attributes,
}

impl Slot {
    /// The place of a toxic on the connection with this seed; none if it acts on commands.
    pub(super) fn new(toxic: Arc<Toxic>, connection_seed: u64) -> Option<Slot> {
        let Runs::OnBytes(stage) = toxic.kind.runs else { return None };
        let mut random = random::generator(connection_seed, toxic.dice());
        let acts = toxic.picks(random.random());
        let attributes = toxic.attributes.clone();
        let input = Input::default();
        let slot =
            Slot { toxic: None, input, done: false, stage: stage(), acts, random, attributes };
        Some(Slot { toxic: Some(toxic), ..slot })
    }

    /// An end of the conversation.
    pub(super) fn of_conversation(stage: Box<dyn Stage>) -> Slot {
        Slot {
            toxic: None,
            input: Input::default(),
            done: false,
            stage,
            acts: true,
            random: random::generator(0, "unused"),
            attributes: Attributes::defaults(&[]),
        }
    }

    /// Goes on with the next version of the toxic; what the stage counted stays.
    pub(super) fn update(&mut self, toxic: Arc<Toxic>) {
        let may_act = self.acts || toxic.scope.has_places_for_all();
        self.acts = may_act && self.random.random::<f64>() < toxic.toxicity;
        self.attributes = toxic.attributes.clone();
        self.toxic = Some(toxic);
    }

    /// What goes on now.
    pub(super) fn pull(&mut self, now: Instant) -> Step {
        if !self.acts {
            return self.input.pass();
        }
        let attributes = &self.attributes;
        self.stage.pull(&mut self.input, &mut Context { attributes, now, random: &mut self.random })
    }

    /// Whether it keeps bytes that have not gone on.
    pub(super) fn holds_bytes(&self) -> bool {
        !self.input.is_empty() || self.stage.holds_bytes()
    }

    /// Whether another chunk may be queued.
    pub(super) fn has_room(&self) -> bool {
        !self.done && self.input.charged_bytes() < self.stage.capacity_bytes()
    }

    /// Whether removing it closes the connection.
    pub(super) fn closes_when_removed(&self) -> bool {
        let closes = |toxic: &Arc<Toxic>| toxic.kind.removal == Removal::Close;
        self.acts && self.toxic.as_ref().is_some_and(closes)
    }
}
