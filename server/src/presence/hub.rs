//! What this instance's sockets are told: each change of a user's status once, numbers rising.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::store::{Online, Store};
use crate::clock;
use crate::metrics::Metrics;
use crate::redis::{Heard, subscribe};

/// How far a socket may fall behind before it is closed.
const BACKLOG: usize = 8192;
/// Users who went offline are remembered so many times to live, for the order of late messages:
/// none is later than the last heartbeats of an instance that was cut off.
const REMEMBERED: u32 = 10;

/// A message for all sockets but the one that caused it.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) frame: Utf8Bytes,
    pub(super) origin: Arc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    user_id: String,
    status: String,
    seq: u64,
    origin: String,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    online: bool,
    seq: u64,
    since: Instant,
}

/// Passes on what Redis publishes, and what was missed while the subscription was down.
pub(super) struct Hub {
    metrics: Arc<Metrics>,
    told: broadcast::Sender<Told>,
}

impl Hub {
    pub(super) fn start(store: Arc<Store>, ttl: Duration, metrics: &Arc<Metrics>) -> Arc<Self> {
        let metrics = Arc::clone(metrics);
        let hub = Arc::new(Self { metrics, told: broadcast::channel(BACKLOG).0 });
        let ledger = Ledger { memory: REMEMBERED * ttl, ..Ledger::default() };
        tokio::spawn(Listener { hub: Arc::clone(&hub), store, ledger }.run(ttl));
        hub
    }

    /// Follows all messages from now on.
    pub(super) fn follow(&self) -> broadcast::Receiver<Told> {
        self.told.subscribe()
    }
}

#[derive(Default)]
struct Ledger {
    known: HashMap<String, Known>,
    /// Users known to be online whom the last look did not find.
    missed: HashSet<String>,
    /// How long one who went offline stays known.
    memory: Duration,
}

impl Ledger {
    /// Is this news? A message that comes late or says what is known is not.
    fn learn(&mut self, user: &str, online: bool, seq: u64) -> bool {
        let known = self.known.get(user).copied();
        if known.is_some_and(|known| seq <= known.seq) {
            return false;
        }
        let news = known.map_or(online, |known| known.online != online);
        let since = clock::now();
        self.known.insert(user.to_owned(), Known { online, seq, since });
        news
    }

    /// Compares with who is online; gives who is by that, and who is missed twice: after a failover
    /// it takes a heartbeat until all are registered again.
    fn compare(&mut self, online: Vec<Online>) -> (Vec<Online>, Vec<String>) {
        let there: HashSet<&str> = online.iter().map(|online| online.user.as_str()).collect();
        let absent: HashSet<String> = self
            .known
            .iter()
            .filter(|(user, known)| known.online && !there.contains(user.as_str()))
            .map(|(user, _)| user.clone())
            .collect();
        let missed = absent.intersection(&self.missed).cloned().collect();
        self.missed = absent;
        let mut news = online;
        news.retain(|online| self.learn(&online.user, true, online.seq));
        let memory = self.memory;
        self.known.retain(|_, known| known.online || known.since.elapsed() < memory);
        (news, missed)
    }

    /// Learns that a user is offline of whom no message said so, and gives the number of the news,
    /// if it is some. It may be that Redis forgot the number of the last one.
    fn lose(&mut self, user: &str, seq: u64) -> Option<u64> {
        let seq = self.known.get(user).map_or(seq, |known| seq.max(known.seq + 1));
        self.learn(user, false, seq).then_some(seq)
    }
}

struct Listener {
    hub: Arc<Hub>,
    store: Arc<Store>,
    ledger: Ledger,
}

impl Listener {
    async fn run(mut self, ttl: Duration) {
        let mut heard = subscribe(&self.store.link, self.store.channel.clone());
        let mut look = tokio::time::interval(ttl / 2);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = heard.recv() => match heard {
                    Some(Heard::Message(payload)) => self.message(&payload),
                    Some(Heard::Subscribed) => self.look().await,
                    None => return,
                },
                _ = look.tick() => self.look().await,
            }
        }
    }

    fn message(&mut self, payload: &[u8]) {
        let Ok(message) = serde_json::from_slice::<Message>(payload) else { return };
        let online = message.status == "online";
        if self.ledger.learn(&message.user_id, online, message.seq) {
            self.tell(&message.user_id, online, message.seq, &message.origin);
        }
    }

    /// What Redis holds is what is said, so that whoever is said to be offline here can come online
    /// again: who is missed is settled there first.
    async fn look(&mut self) {
        let Ok(online) = self.store.online().await else { return };
        let (news, missed) = self.ledger.compare(online);
        for online in news {
            self.tell(&online.user, true, online.seq, &online.origin);
        }
        // Where this fails they are missed again.
        let Ok(gone) = self.store.missed(&missed).await else { return };
        for (user, seq) in gone {
            if let Some(seq) = self.ledger.lose(&user, seq) {
                self.tell(&user, false, seq, "");
            }
        }
    }

    fn tell(&self, user: &str, online: bool, seq: u64, origin: &str) {
        let status = if online { "online" } else { "offline" };
        self.hub.metrics.status.add(&[status]);
        let data = json!({ "userId": user, "status": status, "seq": seq });
        let frame = json!({ "event": "user:status", "data": data }).to_string();
        let told = Told { frame: frame.into(), origin: origin.into() };
        let _ = self.hub.told.send(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        Ledger { memory: Duration::from_secs(60), ..Ledger::default() }
    }

    #[test]
    fn late_and_repeated_messages_are_no_news() {
        let mut ledger = ledger();
        assert!(ledger.learn("a", true, 5));
        assert!(!ledger.learn("a", true, 6), "repeated after a failover");
        assert!(!ledger.learn("a", false, 4), "late");
        assert!(ledger.learn("a", false, 7));
        assert!(!ledger.learn("b", false, 1), "never seen online");
    }

    #[test]
    fn what_was_missed_is_told_and_absence_only_when_seen_twice() {
        let mut ledger = ledger();
        let is = |seq| Online { user: "a".to_owned(), seq, origin: String::new() };
        let nobody = || vec![];
        assert_eq!(ledger.compare(vec![is(3)]), (vec![is(3)], nobody()));
        assert_eq!(ledger.compare(vec![]), (vec![], nobody()));
        assert_eq!(ledger.compare(vec![is(9)]), (vec![], nobody()), "it was back in time");
        assert_eq!(ledger.compare(vec![]), (vec![], nobody()));
        for _ in 0..2 {
            let missed = vec!["a".to_owned()];
            assert_eq!(ledger.compare(vec![]), (vec![], missed), "until it is settled");
        }
        assert_eq!(ledger.lose("a", 12), Some(12));
        assert_eq!(ledger.compare(vec![]), (vec![], nobody()));
        assert_eq!(ledger.compare(vec![is(13)]), (vec![is(13)], nobody()), "it returned");
        assert_eq!(ledger.lose("a", 1), Some(14), "Redis forgot its numbers");
        assert_eq!(ledger.lose("a", 15), None, "told already");
    }

    #[test]
    fn who_went_offline_is_forgotten_in_the_end() {
        for (memory, remembered) in [(Duration::from_secs(60), true), (Duration::ZERO, false)] {
            let mut ledger = Ledger { memory, ..Ledger::default() };
            assert!(ledger.learn("a", true, 1) && ledger.learn("a", false, 2));
            assert!(ledger.learn("b", true, 1));
            ledger.compare(vec![]);
            assert_eq!(ledger.known.contains_key("a"), remembered);
            assert!(ledger.known.contains_key("b"), "it may be online");
        }
    }
}
