//! The two ends of a conversation, as stages of the connection's two directions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::conversation::{Conversation, Outgoing};
use crate::toxics::{Chunk, Context, End, Input, Stage, Step};

/// Both stages belong to one connection and run in its task, so nobody ever waits for the lock.
pub(crate) fn lock(conversation: &Mutex<Conversation>) -> MutexGuard<'_, Conversation> {
    conversation.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On the way to the server: the first stage, so that toxics act on what the server gets.
pub(crate) struct Commands {
    conversation: Arc<Mutex<Conversation>>,
    outgoing: VecDeque<Outgoing>,
    /// The rules by which the delays were set.
    revision: u64,
}

/// On the way to the client: the last stage, so that what the proxy says comes in order.
pub(crate) struct Replies {
    conversation: Arc<Mutex<Conversation>>,
    closes: bool,
}

impl Commands {
    /// The stage of a conversation.
    pub(crate) fn new(conversation: Arc<Mutex<Conversation>>) -> Commands {
        Commands { conversation, outgoing: VecDeque::new(), revision: 0 }
    }
}

impl Replies {
    /// The stage of a conversation.
    pub(crate) fn new(conversation: Arc<Mutex<Conversation>>) -> Replies {
        Replies { conversation, closes: false }
    }

    fn chunk(&mut self, data: Bytes, context: &Context<'_>) -> Step {
        Step::Chunk(Chunk { data, arrived: context.now })
    }
}

impl Stage for Commands {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        let mut conversation = lock(&self.conversation);
        if self.revision != conversation.revision() {
            // Nothing waits for a rule that may have gone.
            self.revision = conversation.revision();
            self.outgoing.iter_mut().for_each(|outgoing| outgoing.due = None);
        }
        while self.outgoing.is_empty() {
            if conversation.is_full() {
                return Step::Wait(None);
            }
            let Some(chunk) = input.pop() else {
                if input.ended().is_some()
                    && let Some(data) = conversation.end_commands()
                {
                    return Step::Chunk(Chunk { data, arrived: context.now });
                }
                return input.pass();
            };
            self.outgoing.extend(conversation.commands(&chunk.data, context.now));
        }
        drop(conversation);
        let due = self.outgoing.front().and_then(|outgoing| outgoing.due);
        if due.is_some_and(|due| context.now < due) {
            return Step::Wait(due);
        }
        match self.outgoing.pop_front() {
            Some(Outgoing { data, .. }) => Step::Chunk(Chunk { data, arrived: context.now }),
            None => Step::Wait(None),
        }
    }

    fn holds_bytes(&self) -> bool {
        !self.outgoing.is_empty() || lock(&self.conversation).holds_bytes()
    }
}

impl Stage for Replies {
    fn pull(&mut self, input: &mut Input, context: &mut Context<'_>) -> Step {
        loop {
            if self.closes {
                return Step::End(End::Close);
            }
            let mut conversation = lock(&self.conversation);
            let data = match input.pop() {
                Some(chunk) => chunk.data,
                None if conversation.has_own_words() => Bytes::new(),
                None => {
                    drop(conversation);
                    return input.pass();
                }
            };
            let (said, closes) = conversation.replies(&data);
            drop(conversation);
            self.closes = closes;
            if !said.is_empty() {
                return self.chunk(said, context);
            }
        }
    }
}
