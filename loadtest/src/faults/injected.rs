//! A fault that acts, and how it is healed.

use crate::effects::Effects;
use crate::environment::Environment;
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use redrill_history::PlannedFault;
use std::future::pending;
use tokio::sync::oneshot;

/// What is injected: a fault of the plan, with its roles resolved.
#[derive(Clone)]
pub struct Injection<'a> {
    /// Where.
    pub environment: &'a Environment,
    /// The service's other dependencies, where the harness plays them.
    pub effects: Option<&'a Effects>,
    /// What, as the plan says.
    pub planned: &'a PlannedFault,
    /// Its index on the timeline.
    pub index: usize,
    /// The processes that it hits.
    pub targets: Vec<String>,
    /// The other group of a cut.
    pub from: Vec<String>,
}

/// A fault that acts.
#[must_use = "it acts until it is healed"]
pub struct Injected<'a> {
    proof: String,
    activity: Option<Activity<'a>>,
    healing: Option<BoxFuture<'a, Result<()>>>,
    counts: Vec<Count<'a>>,
    looks: Vec<Look<'a>>,
}

/// On how much of the service's it has acted, but for the probe.
type Count<'a> = BoxFuture<'a, Result<u64>>;

/// What of it somebody else has undone already, if anything.
type Look<'a> = BoxFuture<'a, Result<Option<String>>>;

/// What looks at a fault again, once.
#[derive(Default)]
pub(super) struct Looks<'a>(Vec<Look<'a>>);

impl Looks<'_> {
    /// What somebody else has undone.
    pub(super) async fn look(self) -> Option<String> {
        let mut undone = Vec::new();
        for look in self.0 {
            undone.extend(look.await.ok().flatten());
        }
        (!undone.is_empty()).then(|| undone.join("; "))
    }
}

/// What goes on while a fault acts.
struct Activity<'a> {
    going_on: BoxFuture<'a, Result<()>>,
    stops: Vec<oneshot::Sender<()>>,
}

impl<'a> Injected<'a> {
    /// One that is healed by this future, which asserts that it has healed.
    pub(super) fn new(
        proof: String,
        healing: impl Future<Output = Result<()>> + Send + 'a,
    ) -> Self {
        Self { healing: Some(healing.boxed()), ..Self::over(proof) }
    }

    /// One that is over.
    pub(super) fn over(proof: String) -> Self {
        Self { proof, activity: None, healing: None, counts: Vec::new(), looks: Vec::new() }
    }

    /// One that goes on acting, until `stop` is dropped: then the activity heals what it has done,
    /// and ends.
    pub(super) fn acting(
        proof: String,
        stop: oneshot::Sender<()>,
        activity: impl Future<Output = Result<()>> + Send + 'a,
    ) -> Self {
        let activity = Activity { going_on: activity.boxed(), stops: vec![stop] };
        Self { activity: Some(activity), ..Self::over(proof) }
    }

    /// Itself, with more that a probe saw.
    pub(super) fn and_told(mut self, more: &str) -> Self {
        self.proof = format!("{}; {more}", self.proof);
        self
    }

    /// Itself, whose acts can be counted before it is healed.
    pub(super) fn counted(mut self, count: Option<Count<'a>>) -> Self {
        self.counts.extend(count);
        self
    }

    /// Itself, which this looks at again before it is healed: what of it is gone by then?
    pub(super) fn looked_at(
        mut self,
        look: impl Future<Output = Result<Option<String>>> + Send + 'a,
    ) -> Self {
        self.looks.push(look.boxed());
        self
    }

    /// What of it somebody else has undone, to be asked before it is healed. What cannot be looked
    /// at is taken to act still.
    pub async fn undone(&mut self) -> Option<String> {
        self.take_looks().look().await
    }

    /// What looks at it, for somebody else to ask.
    pub(super) fn take_looks(&mut self) -> Looks<'a> {
        Looks(std::mem::take(&mut self.looks))
    }

    /// Whether all that it has done is known to be nothing: to be asked before it is healed.
    ///
    /// # Errors
    /// It cannot be counted any more.
    pub async fn is_idle(&mut self) -> Result<bool> {
        let can_be_told = !self.counts.is_empty();
        let mut acts = 0;
        for count in std::mem::take(&mut self.counts) {
            acts += count.await?;
        }
        Ok(can_be_told && acts == 0)
    }

    /// Itself if a probe saw it act. Otherwise it is healed, and the error says what was seen.
    pub(super) async fn if_proven(self, is_proven: bool, otherwise: &str) -> Result<Self> {
        if is_proven {
            return Ok(self);
        }
        let proof = self.proof.clone();
        self.heal().await?;
        anyhow::bail!("{otherwise}: {proof}")
    }

    /// What a probe saw of it.
    pub fn proof(&self) -> &str {
        &self.proof
    }

    /// Whether there is anything to heal.
    pub fn needs_healing(&self) -> bool {
        self.activity.is_some() || self.healing.is_some()
    }

    /// Goes on acting, which has no end but an error.
    pub async fn act(&mut self) -> Result<()> {
        let Some(activity) = &mut self.activity else { return pending().await };
        let ended = (&mut activity.going_on).await;
        self.activity = None;
        ended
    }

    /// Heals it, and makes sure that it is healed.
    ///
    /// # Errors
    /// It still acts, or may.
    pub async fn heal(self) -> Result<()> {
        let ended = match self.activity {
            Some(Activity { going_on, stops }) => {
                drop(stops);
                going_on.await
            }
            None => Ok(()),
        };
        match self.healing {
            Some(healing) => healing.await.and(ended),
            None => ended,
        }
    }

    /// Several as one: all are healed, whatever goes wrong with one.
    fn all(parts: Vec<Self>) -> Self {
        let mut proofs = Vec::new();
        let mut healings = Vec::new();
        let (mut going_on, mut all_stops) = (Vec::new(), Vec::new());
        let (mut all_counts, mut all_looks) = (Vec::new(), Vec::new());
        for Self { proof, activity, healing, counts, looks } in parts {
            proofs.push(proof);
            all_counts.extend(counts);
            all_looks.extend(looks);
            healings.extend(healing);
            if let Some(Activity { going_on: one, stops }) = activity {
                going_on.push(one);
                all_stops.extend(stops);
            }
        }
        let (has_activity, has_healing) = (!going_on.is_empty(), !healings.is_empty());
        let healing = async move {
            let mut first = Ok(());
            for healing in healings {
                first = first.and(healing.await);
            }
            first
        };
        let all_end = async move { join_all(going_on).await.into_iter().collect() };
        Self {
            proof: proofs.join("; "),
            activity: has_activity
                .then(|| Activity { going_on: all_end.boxed(), stops: all_stops }),
            healing: has_healing.then(|| healing.boxed()),
            counts: all_counts,
            looks: all_looks,
        }
    }
}

/// Injects into each target in order; when one fails, those before it are healed.
pub(super) async fn each<'a>(
    injection: Injection<'a>,
    inject: impl AsyncFn(&Injection<'a>, &str) -> Result<Injected<'a>>,
) -> Result<Injected<'a>> {
    let mut parts = Parts::default();
    for target in &injection.targets {
        parts.add(inject(&injection, target).await).await?;
    }
    Ok(parts.all())
}

/// What is injected into several targets, one after the other.
#[derive(Default)]
pub(super) struct Parts<'a>(Vec<Injected<'a>>);

impl<'a> Parts<'a> {
    /// Takes the next, or heals those before it.
    pub(super) async fn add(&mut self, part: Result<Injected<'a>>) -> Result<()> {
        match part {
            Ok(part) => {
                self.0.push(part);
                Ok(())
            }
            // What cannot be healed now, the guardian heals.
            Err(error) => {
                let before = std::mem::take(&mut self.0);
                Err(match Injected::all(before).heal().await {
                    Ok(()) => error,
                    Err(unhealed) => error.context(format!("and undoing it failed: {unhealed:#}")),
                })
            }
        }
    }

    /// All of them as one.
    pub(super) fn all(self) -> Injected<'a> {
        Injected::all(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn what_has_acted_on_nothing_anywhere_is_idle() {
        let part = |acts: u64| {
            let counted = Injected::over(String::new());
            counted.counted(Some(async move { Ok(acts) }.boxed()))
        };
        for (acts, is_idle) in [(&[0, 0][..], true), (&[0, 3], false), (&[], false)] {
            let mut all = Injected::all(acts.iter().map(|acts| part(*acts)).collect());
            assert_eq!(all.is_idle().await.unwrap(), is_idle, "{acts:?}");
        }
    }

    #[tokio::test]
    async fn all_parts_are_healed_and_the_first_failure_is_told() {
        let healed = AtomicU32::new(0);
        let part = |name: &str, works: bool| {
            let (name, healed) = (name.to_owned(), &healed);
            Injected::new(name.clone(), async move {
                healed.fetch_add(1, Ordering::Relaxed);
                if works { Ok(()) } else { Err(anyhow::anyhow!(name)) }
            })
        };
        let all = Injected::all(vec![part("a", true), part("b", false), part("c", false)]);
        assert_eq!(all.proof(), "a; b; c");
        assert_eq!(all.heal().await.unwrap_err().to_string(), "b");
        assert_eq!(healed.load(Ordering::Relaxed), 3);
    }
}
