//! What was logged out here lately, so that nothing undoes it: no failover, no outcome that is
//! unknown, no client who hangs up before the answer.

use std::collections::{HashMap, VecDeque};
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
    all: HashMap<String, Fate>,
    /// Oldest first.
    order: VecDeque<(Instant, String)>,
}

/// What is known of an id.
#[derive(Default)]
struct Fate {
    /// So many are ending it at this moment.
    under_way: usize,
    /// Somebody has ended it, or may have: what comes of the others does not matter any more.
    ended: bool,
}

impl Ids {
    fn begin(&mut self, id: &str) {
        while self.order.front().is_some_and(|(at, _)| at.elapsed() > REMEMBERED) {
            if let Some((_, id)) = self.order.pop_front() {
                self.all.remove(&id);
            }
        }
        if !self.all.contains_key(id) {
            self.order.push_back((clock::now(), id.to_owned()));
        }
        self.all.entry(id.to_owned()).or_default().under_way += 1;
    }

    /// `refused`: this one has not ended it.
    fn conclude(&mut self, id: &str, refused: bool) {
        let Some(fate) = self.all.get_mut(id) else { return };
        fate.under_way = fate.under_way.saturating_sub(1);
        fate.ended |= !refused;
        if fate.under_way == 0 && !fate.ended {
            self.all.remove(id);
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
        self.ids().all.contains_key(id)
    }

    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.0.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that `id` ends by `work`. Before `work`, because a logout of unknown outcome must
    /// not be undone by what follows; not after one that was refused, because then it lives on
    /// unless another one ends it.
    /// `work` goes on if the caller hangs up: a session must not have ended here and nowhere else.
    pub(super) async fn by<T: Send + 'static>(
        &self,
        id: &str,
        work: impl Future<Output = Result<Answer<T>, Failure>> + Send + 'static,
    ) -> Result<Answer<T>, Failure> {
        let (ended, id) = (self.clone(), id.to_owned());
        to_the_end(async move {
            ended.ids().begin(&id);
            let result = work.await;
            ended.ids().conclude(&id, matches!(result, Err(Failure::Refused(_))));
            if let Err(Failure::Unknown(_)) = &result {
                ended.0.doubted.notify_one();
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
                self.ids().all.keys().map(|id| format!("{prefix}{id}")).collect();
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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    type Outcome = Result<Answer<()>, Failure>;

    fn done() -> Outcome {
        Ok(Answer { value: (), node: Arc::from("") })
    }

    fn refused() -> Outcome {
        Err(Failure::refused("there is no connection"))
    }

    fn unknown() -> Outcome {
        Err(Failure::Unknown("the time was up".to_owned()))
    }

    #[tokio::test]
    async fn an_end_is_forgotten_only_where_every_attempt_was_refused() {
        for (outcomes, remembered) in [
            (vec![refused()], false),
            (vec![refused(), refused()], false),
            (vec![done(), refused()], true),
            (vec![unknown(), refused()], true),
            (vec![refused(), done(), refused()], true),
        ] {
            let ended = Ended::default();
            let text = format!("{outcomes:?}");
            for outcome in outcomes {
                let _ = ended.by("id", async { outcome }).await;
            }
            assert_eq!(ended.has("id"), remembered, "{text}");
            assert_eq!(ended.ids().order.len(), usize::from(remembered), "{text}");
        }
    }

    #[tokio::test]
    async fn of_two_at_a_time_the_one_that_was_refused_takes_nothing_from_the_other() {
        let ended = Ended::default();
        let (refuse, is_refused) = oneshot::channel();
        let first = tokio::spawn({
            let ended = ended.clone();
            async move { ended.by("id", async { is_refused.await.expect("it is sent") }).await }
        });
        tokio::task::yield_now().await;
        assert!(ended.has("id"), "it is under way");
        assert!(ended.by("id", async { refused() }).await.is_err());
        assert!(ended.has("id"), "it still is");
        assert!(ended.by("id", async { done() }).await.is_ok());
        refuse.send(refused()).expect("it waits");
        assert!(first.await.expect("no panic").is_err());
        assert!(ended.has("id"));
    }
}
