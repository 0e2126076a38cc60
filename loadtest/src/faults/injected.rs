//! A fault that acts, and how it is healed.

use crate::environment::Environment;
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redrill_history::PlannedFault;

/// What is injected: a fault of the plan, with its roles resolved.
#[derive(Clone)]
pub struct Injection<'a> {
    /// Where.
    pub environment: &'a Environment,
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
    healing: Option<BoxFuture<'a, Result<()>>>,
}

impl<'a> Injected<'a> {
    /// One that is healed by this future, which asserts that it has healed.
    pub(super) fn new(
        proof: String,
        healing: impl Future<Output = Result<()>> + Send + 'a,
    ) -> Self {
        Self { proof, healing: Some(healing.boxed()) }
    }

    /// One that is over.
    pub(super) fn over(proof: String) -> Self {
        Self { proof, healing: None }
    }

    /// What a probe saw of it.
    pub fn proof(&self) -> &str {
        &self.proof
    }

    /// Whether there is anything to heal.
    pub fn needs_healing(&self) -> bool {
        self.healing.is_some()
    }

    /// Heals it, and makes sure that it is healed.
    ///
    /// # Errors
    /// It still acts, or may.
    pub async fn heal(self) -> Result<()> {
        match self.healing {
            Some(healing) => healing.await,
            None => Ok(()),
        }
    }

    /// Several as one: all are healed, whatever goes wrong with one.
    fn all(parts: Vec<Self>) -> Self {
        let proof = parts.iter().map(|part| part.proof.as_str()).collect::<Vec<_>>().join("; ");
        let healings: Vec<_> = parts.into_iter().filter_map(|part| part.healing).collect();
        if healings.is_empty() {
            return Self::over(proof);
        }
        Self::new(proof, async move {
            let mut first = Ok(());
            for healing in healings {
                first = first.and(healing.await);
            }
            first
        })
    }
}

/// Injects into each target in order; when one fails, those before it are healed.
pub(super) async fn each<'a>(
    injection: Injection<'a>,
    inject: impl AsyncFn(&Injection<'a>, &str) -> Result<Injected<'a>>,
) -> Result<Injected<'a>> {
    let mut injected = Vec::new();
    for target in &injection.targets {
        match inject(&injection, target).await {
            Ok(part) => injected.push(part),
            Err(error) => {
                // What cannot be healed now, the guardian heals.
                return Err(match Injected::all(injected).heal().await {
                    Ok(()) => error,
                    Err(unhealed) => error.context(format!("and undoing it failed: {unhealed:#}")),
                });
            }
        }
    }
    Ok(Injected::all(injected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

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
