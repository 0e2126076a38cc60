//! What was logged out here lately, so that nothing undoes it: no failover, no outcome that is
//! unknown, no client who hangs up before the answer.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock;
use crate::finish::to_the_end;
use crate::redis::{Answer, Failure, Link, Told, tell};

/// A failover may bring back what was deleted shortly before it. Logouts of this long ago and
/// later are repeated on the new master, and on the same one after a logout of unknown outcome.
const REMEMBERED: Duration = Duration::from_secs(120);
/// The pause after such a repetition failed; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Ids of sessions that ended.
#[derive(Clone, Default)]
pub(super) struct Ended(Arc<Shared>);

#[derive(Default)]
struct Shared {
    ids: Mutex<Ids>,
    /// One of them may not have reached Redis.
    doubted: Notify,
}

#[derive(Default)]
struct Ids {
    all: HashSet<String>,
    /// Oldest first.
    order: VecDeque<(Instant, String)>,
}

impl Ids {
    fn remember(&mut self, id: &str) {
        while self.order.front().is_some_and(|(at, _)| at.elapsed() > REMEMBERED) {
            if let Some((_, id)) = self.order.pop_front() {
                self.all.remove(&id);
            }
        }
        if self.all.insert(id.to_owned()) {
            self.order.push_back((clock::now(), id.to_owned()));
        }
    }

    fn forget(&mut self, id: &str) {
        if self.all.remove(id) {
            self.order.retain(|(_, known)| known != id);
        }
    }
}

impl Ended {
    /// Repeats the latest logouts by deleting `prefix` and id, whenever that is due.
    pub(super) fn start(link: Link, prefix: String) -> Self {
        let ended = Self::default();
        tokio::spawn(ended.clone().bury(link, prefix));
        ended
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.ids().all.contains(id)
    }

    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.0.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that `id` ends by `work`. Before `work`, because a logout of unknown outcome must
    /// not be undone by what follows; not after one that was refused, because then it lives on.
    /// `work` goes on if the caller hangs up: a session must not have ended here and nowhere else.
    pub(super) async fn by<T: Send + 'static>(
        &self,
        id: &str,
        work: impl Future<Output = Result<Answer<T>, Failure>> + Send + 'static,
    ) -> Result<Answer<T>, Failure> {
        let (ended, id) = (self.clone(), id.to_owned());
        to_the_end(async move {
            ended.ids().remember(&id);
            let result = work.await;
            match &result {
                Err(Failure::Refused(_)) => ended.ids().forget(&id),
                Err(Failure::Unknown(_)) => ended.0.doubted.notify_one(),
                Ok(_) => {}
            }
            result
        })
        .await
    }

    /// Repeats the latest logouts whenever a new master is there, or one of them may not have
    /// happened.
    async fn bury(self, mut link: Link, prefix: String) {
        let mut node = Arc::from("");
        let mut pause = FIRST_PAUSE;
        let mut told = Told::default();
        loop {
            tokio::select! {
                next = link.next_node(&node) => node = next,
                () = self.0.doubted.notified() => {}
            }
            let keys: Vec<String> =
                self.ids().all.iter().map(|id| format!("{prefix}{id}")).collect();
            if keys.is_empty() {
                continue;
            }
            let Err(failure) = link.unlink(&keys).await else {
                (pause, told) = (FIRST_PAUSE, Told::default());
                continue;
            };
            let reason = failure.to_string();
            tell!(told, &reason, reason, "could not repeat the latest logouts");
            tokio::select! {
                () = tokio::time::sleep(pause) => node = Arc::from(""),
                // Another one may take them at once.
                _ = link.next_node(&node) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
