//! A toxic's place on one direction of one connection: its queue, its stage, its dice.

use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;
use tokio::time::Instant;

use crate::random;
use crate::toxic::Toxic;
use crate::toxics::{Context, Input, Removal, Stage, Step};

/// One toxic of a chain.
pub(super) struct Slot {
    pub(super) toxic: Arc<Toxic>,
    pub(super) input: Input,
    /// The end was passed on: nothing comes out any more.
    pub(super) done: bool,
    stage: Box<dyn Stage>,
    /// Whether the toxic acts on this connection: drawn when it begins and when it is updated.
    acts: bool,
    random: SmallRng,
}

impl Slot {
    /// The place of a toxic on the connection with this seed.
    pub(super) fn new(toxic: Arc<Toxic>, connection_seed: u64) -> Slot {
        let mut random = random::generator(connection_seed, (toxic.direction, &toxic.name));
        let acts = random.random::<f64>() < toxic.toxicity;
        let stage = (toxic.kind.stage)();
        Slot { toxic, input: Input::default(), done: false, stage, acts, random }
    }

    /// Goes on with the next version of the toxic; what the stage counted stays.
    pub(super) fn update(&mut self, toxic: Arc<Toxic>) {
        self.acts = self.random.random::<f64>() < toxic.toxicity;
        self.toxic = toxic;
    }

    /// What goes on now.
    pub(super) fn pull(&mut self, now: Instant) -> Step {
        if !self.acts {
            return self.input.pass();
        }
        let attributes = &self.toxic.attributes;
        self.stage.pull(&mut self.input, &mut Context { attributes, now, random: &mut self.random })
    }

    /// Whether another chunk may be queued.
    pub(super) fn has_room(&self) -> bool {
        !self.done && self.input.charged_bytes() < self.stage.capacity_bytes()
    }

    /// Whether removing it closes the connection.
    pub(super) fn closes_when_removed(&self) -> bool {
        self.acts && self.toxic.kind.removal == Removal::Close
    }
}
