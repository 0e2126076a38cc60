//! One connection's commands and replies, and what the rules make of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::command::Command;
use super::reply::Reply;
use super::rule::{Action, Rule};
use crate::toxic::Toxic;

/// A command is judged by what has come of it when so much of it waits.
const JUDGED_AT_BYTES: usize = 64 * 1024;
/// So many runs of replies may be awaited: then no command is taken until one has come. Far more
/// than clients pipeline, and 10 MB.
const MOST_AWAITED: usize = 1 << 18;
/// What stands for an EXEC that is refused, so that the server forgets the transaction.
const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";

/// What is to become of the next reply.
#[derive(Debug)]
enum Awaited {
    /// So many replies go on.
    Pass(u64),
    /// The reply to the MULTI of this transaction goes on; an error means that there is none.
    Begin(u64),
    /// No reply comes; this is sent in its place.
    Inject(Bytes),
    /// A reply comes; this is sent in its place.
    Replace(Bytes),
    /// It and all behind it vanishes.
    Lose,
    /// When it comes, the connection closes.
    CloseOnReply,
    /// No reply comes; the connection closes.
    Close,
    /// It and all behind it goes on untouched.
    Untouched,
}

/// What is to become of the bytes of a direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Followed,
    Untouched,
    Lost,
}

/// Both directions of a followed connection.
pub(crate) struct Conversation {
    seed: u64,
    rules: Vec<Rule>,
    revision: u64,
    untouched: Arc<AtomicU64>,
    awaited: VecDeque<Awaited>,
    up: Mode,
    down: Mode,
    command: Command,
    /// The bytes of a command that is not judged yet.
    unjudged: BytesMut,
    /// Whether the rest of a judged command goes on.
    rest_passes: Option<bool>,
    /// In a transaction: what is to happen to it.
    transaction: Option<Option<Action>>,
    /// Counts the transactions that have begun.
    transactions: u64,
    reply: Reply,
    /// Whether the rest of a reply goes on.
    reply_passes: Option<bool>,
}

/// Commands that go on, and not before a time.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) data: Bytes,
    pub(super) due: Option<Instant>,
}

impl Conversation {
    /// The conversation of the connection with this seed, which counts itself in `untouched` when
    /// it passes on what it does not understand.
    pub(crate) fn new(seed: u64, untouched: Arc<AtomicU64>) -> Conversation {
        Conversation {
            seed,
            rules: Vec::new(),
            revision: 0,
            untouched,
            awaited: VecDeque::new(),
            up: Mode::Followed,
            down: Mode::Followed,
            command: Command::default(),
            unjudged: BytesMut::new(),
            rest_passes: None,
            transaction: None,
            transactions: 0,
            reply: Reply::default(),
            reply_passes: None,
        }
    }

    /// Obeys these toxics from now on. What the rules that stay have drawn stays too.
    pub(crate) fn set_rules<'a>(&mut self, toxics: impl Iterator<Item = &'a Toxic>) {
        let mut before = std::mem::take(&mut self.rules);
        let mut changed = false;
        for toxic in toxics {
            let known = before.iter().position(|rule| rule.was_of(toxic));
            let known = known.map(|place| before.remove(place));
            if known.is_none() && self.up != Mode::Followed {
                // No command is judged any more: the places of the first are for others.
                continue;
            }
            let same = known.as_ref().is_some_and(|rule| rule.is_of(toxic));
            changed |= !same;
            self.rules.push(match known {
                Some(rule) if same => rule,
                before => Rule::new(toxic, self.seed, before.as_ref()),
            });
        }
        if changed || !before.is_empty() {
            self.revision += 1;
        }
    }

    /// Counts how often the rules have changed.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether no more commands are to be taken until replies have come.
    pub(crate) fn is_full(&self) -> bool {
        self.awaited.len() >= MOST_AWAITED
    }

    /// Whether a part of a command waits to be judged.
    pub(super) fn holds_bytes(&self) -> bool {
        !self.unjudged.is_empty()
    }

    /// What goes on to the server, of what the client sent.
    pub(super) fn commands(&mut self, data: &Bytes, now: Instant) -> Vec<Outgoing> {
        let mut outgoing = Outbox::default();
        let mut at = 0;
        while at < data.len() {
            match self.up {
                Mode::Lost => break,
                Mode::Untouched => {
                    outgoing.pass(&data[at..]);
                    break;
                }
                Mode::Followed => at += self.follow_command(&data[at..], now, &mut outgoing),
            }
        }
        outgoing.finish()
    }

    /// The client sends no more: the part of a command that waits to be judged goes on as it is.
    pub(super) fn end_commands(&mut self) -> Option<Bytes> {
        (!self.unjudged.is_empty()).then(|| self.unjudged.split().freeze())
    }

    fn follow_command(&mut self, data: &[u8], now: Instant, outgoing: &mut Outbox) -> usize {
        let Ok(taken) = self.command.feed(data) else {
            outgoing.pass(&std::mem::take(&mut self.unjudged));
            self.give_up();
            return 0;
        };
        match self.rest_passes {
            Some(true) => outgoing.pass(&data[..taken]),
            Some(false) => {}
            None => self.unjudged.extend_from_slice(&data[..taken]),
        }
        let is_due = self.command.is_done() || self.unjudged.len() >= JUDGED_AT_BYTES;
        if self.rest_passes.is_none() && is_due {
            self.judge(now, outgoing);
        }
        if self.command.is_done() {
            self.command = Command::default();
            self.rest_passes = None;
        }
        taken
    }

    /// What cannot be followed passes untouched from here on; replies awaited already are still
    /// treated as they were to be.
    fn give_up(&mut self) {
        self.untouched.fetch_add(1, Ordering::Relaxed);
        self.up = Mode::Untouched;
        self.awaited.push_back(Awaited::Untouched);
    }

    /// Decides about the current command.
    fn judge(&mut self, now: Instant, outgoing: &mut Outbox) {
        let name = self.command.name();
        let head = std::mem::take(&mut self.unjudged);
        if is_uncountable(&name, &self.command) {
            outgoing.pass(&head);
            self.up = Mode::Untouched;
            self.awaited.push_back(Awaited::Untouched);
            return;
        }
        let transactions = self.transactions;
        let action = self.choose(&name);
        let begins = transactions != self.transactions;
        self.rest_passes = Some(matches!(
            &action,
            None | Some(Action::Delay(_) | Action::LoseReply | Action::CloseAfter)
        ));
        match action {
            None => self.await_reply(outgoing, &head, begins),
            Some(Action::Delay(delay)) => {
                outgoing.delay(now, delay);
                self.await_reply(outgoing, &head, begins);
            }
            Some(Action::Error(error)) if name == "EXEC" => {
                outgoing.pass(DISCARD);
                self.awaited.push_back(Awaited::Replace(error));
            }
            Some(Action::Error(error)) => self.awaited.push_back(Awaited::Inject(error)),
            Some(Action::Drop) => self.up = Mode::Lost,
            Some(Action::LoseReply) => {
                outgoing.pass(&head);
                self.awaited.push_back(Awaited::Lose);
            }
            Some(Action::CloseBefore) => {
                self.up = Mode::Lost;
                self.awaited.push_back(Awaited::Close);
            }
            Some(Action::CloseAfter) => {
                outgoing.pass(&head);
                self.awaited.push_back(Awaited::CloseOnReply);
            }
        }
    }

    fn await_reply(&mut self, outgoing: &mut Outbox, head: &[u8], begins: bool) {
        outgoing.pass(head);
        if begins {
            return self.awaited.push_back(Awaited::Begin(self.transactions));
        }
        match self.awaited.back_mut() {
            Some(Awaited::Pass(count)) => *count += 1,
            _ => self.awaited.push_back(Awaited::Pass(1)),
        }
    }

    /// What happens to a command, or to a transaction at its EXEC.
    fn choose(&mut self, name: &str) -> Option<Action> {
        let meant = |rules: &mut Vec<Rule>, command: &Command| {
            rules.iter_mut().find_map(|rule| rule.act_on(name, command))
        };
        match (name, &mut self.transaction) {
            ("MULTI", _) => {
                let named = self.rules.iter_mut().filter(|rule| rule.names("MULTI"));
                let action = named.filter_map(|rule| rule.act_on(name, &self.command)).next();
                // A nested one is refused by the server and changes nothing, nor does one with
                // arguments begin anything.
                let may_begin = self.transaction.is_none() && self.command.is_bare();
                if may_begin && !matches!(action, Some(Action::Error(_))) {
                    self.transaction = Some(None);
                    self.transactions += 1;
                }
                action
            }
            ("EXEC", transaction) => {
                let queued = transaction.take().flatten();
                queued.or_else(|| meant(&mut self.rules, &self.command))
            }
            ("DISCARD" | "RESET", Some(_)) => {
                self.transaction = None;
                None
            }
            (_, Some(queued)) => {
                if queued.is_none() {
                    *queued = meant(&mut self.rules, &self.command);
                }
                None
            }
            (_, None) => meant(&mut self.rules, &self.command),
        }
    }

    /// What goes on to the client, of what the server sent, and whether the connection closes then.
    pub(super) fn replies(&mut self, data: &[u8]) -> (Bytes, bool) {
        let mut outgoing = BytesMut::new();
        let mut at = 0;
        while self.down == Mode::Followed {
            if self.reply_passes.is_none() && !self.begin_reply(data.get(at), &mut outgoing) {
                break;
            }
            if self.down != Mode::Followed {
                break;
            }
            let Ok(taken) = self.reply.feed(&data[at..]) else {
                self.lose_track();
                break;
            };
            if self.reply_passes == Some(true) {
                outgoing.extend_from_slice(&data[at..at + taken]);
            }
            at += taken;
            if !self.reply.is_done() {
                break;
            }
            self.reply = Reply::default();
            self.reply_passes = None;
        }
        if self.down == Mode::Untouched {
            outgoing.extend_from_slice(&data[at..]);
        }
        let closes = self.reply_passes.is_none()
            && matches!(self.awaited.front(), Some(Awaited::Close))
            && self.down == Mode::Followed;
        (outgoing.freeze(), closes)
    }

    /// Settles what becomes of the reply that begins with this byte; false if none begins.
    fn begin_reply(&mut self, first: Option<&u8>, outgoing: &mut BytesMut) -> bool {
        while let Some(Awaited::Inject(error)) = self.awaited.front() {
            outgoing.extend_from_slice(error);
            self.awaited.pop_front();
        }
        let Some(first) = first else { return false };
        if *first == b'>' {
            // Pushed, not asked for.
            self.reply_passes = Some(true);
            return true;
        }
        match self.awaited.front_mut() {
            Some(Awaited::Pass(count)) => {
                *count -= 1;
                if *count == 0 {
                    self.awaited.pop_front();
                }
                self.reply_passes = Some(true);
            }
            Some(Awaited::Begin(number)) => {
                if *first == b'-' && *number == self.transactions {
                    self.transaction = None;
                }
                self.awaited.pop_front();
                self.reply_passes = Some(true);
            }
            Some(Awaited::Replace(error)) => {
                outgoing.extend_from_slice(error);
                self.awaited.pop_front();
                self.reply_passes = Some(false);
            }
            Some(Awaited::Lose) => self.down = Mode::Lost,
            Some(Awaited::CloseOnReply) => {
                self.awaited.push_front(Awaited::Close);
                return false;
            }
            Some(Awaited::Close) => return false,
            Some(Awaited::Untouched) => self.down = Mode::Untouched,
            Some(Awaited::Inject(_)) => return false,
            None => self.lose_track(),
        }
        true
    }

    /// A reply that nobody asked for, or that is no RESP: nothing can be told from here on.
    fn lose_track(&mut self) {
        if self.up == Mode::Followed {
            self.untouched.fetch_add(1, Ordering::Relaxed);
            self.up = Mode::Untouched;
        }
        self.down = Mode::Untouched;
    }

    /// Whether something is to be sent to the client without waiting for the server.
    pub(super) fn has_own_words(&self) -> bool {
        self.down == Mode::Followed
            && self.reply_passes.is_none()
            && matches!(self.awaited.front(), Some(Awaited::Inject(_) | Awaited::Close))
    }
}

/// Whether a command's replies cannot be counted.
fn is_uncountable(name: &str, command: &Command) -> bool {
    match name {
        "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "UNSUBSCRIBE" | "PUNSUBSCRIBE"
        | "SUNSUBSCRIBE" | "MONITOR" | "SYNC" | "PSYNC" => true,
        "CLIENT" => command.argument(1) == "REPLY",
        _ => false,
    }
}

/// Collects what goes on, in as few pieces as the delays allow.
#[derive(Default)]
struct Outbox {
    done: Vec<Outgoing>,
    run: BytesMut,
    due: Option<Instant>,
}

impl Outbox {
    fn pass(&mut self, data: &[u8]) {
        self.run.extend_from_slice(data);
    }

    fn delay(&mut self, now: Instant, delay: Duration) {
        self.cut();
        self.due = Some(now + delay);
    }

    fn cut(&mut self) {
        if !self.run.is_empty() {
            let data = self.run.split().freeze();
            self.done.push(Outgoing { data, due: self.due.take() });
        }
    }

    fn finish(mut self) -> Vec<Outgoing> {
        self.cut();
        self.done
    }
}
