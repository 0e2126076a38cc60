//! Single flight: requests for one key at one time share one answer of the model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

use super::Found;

type Landing = Shared<BoxFuture<'static, Result<Found, String>>>;
type Id = [u8; 32];

/// The latest flight for a key that anybody looks at.
#[derive(Default)]
struct Runway {
    looking: usize,
    /// Number of the latest flight.
    flights: u64,
    landing: Option<Landing>,
    under_way: bool,
}

/// The runways that are looked at.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<Id, Runway>>>);

/// Somebody who looks for a response, first in Redis. A flight that lands meanwhile has stored what
/// Redis did not have a moment ago: it is joined even then, so that the model is not asked twice.
pub(crate) struct Looking {
    flights: Flights,
    id: Id,
    /// Flights up to this one had landed before: what they brought may be out of date.
    landed: u64,
}

impl Flights {
    fn runways(&self) -> MutexGuard<'_, HashMap<Id, Runway>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn look(&self, id: Id) -> Looking {
        let mut runways = self.runways();
        let runway = runways.entry(id).or_default();
        runway.looking += 1;
        let landed = runway.flights - u64::from(runway.under_way);
        drop(runways);
        Looking { flights: self.clone(), id, landed }
    }
}

impl Looking {
    /// The flight that is under way, or has landed since this one looks.
    pub(crate) fn flight(&self) -> Option<Landing> {
        let runways = self.flights.runways();
        let runway = runways.get(&self.id)?;
        (runway.flights > self.landed).then(|| runway.landing.clone())?
    }

    /// Joins that flight or starts one. It flies on when those who wait for it leave.
    pub(crate) fn join<F>(&self, start: impl FnOnce() -> F) -> Landing
    where
        F: Future<Output = Result<Found, String>> + Send + 'static,
    {
        let mut runways = self.flights.runways();
        let runway = runways.entry(self.id).or_default();
        if let Some(landing) = runway.landing.as_ref().filter(|_| runway.flights > self.landed) {
            return landing.clone();
        }
        runway.looking += 1;
        runway.flights += 1;
        runway.under_way = true;
        let looks = Self { flights: self.flights.clone(), id: self.id, landed: runway.flights };
        let lands = Lands(looks);
        let work = start();
        let task = tokio::spawn(async move {
            let _lands = lands;
            work.await
        });
        let landing = async move {
            task.await.unwrap_or_else(|error| Err(format!("the request was abandoned: {error}")))
        };
        let landing = landing.boxed().shared();
        runway.landing = Some(landing.clone());
        landing
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        let mut runways = self.flights.runways();
        if let Some(runway) = runways.get_mut(&self.id) {
            runway.looking -= 1;
            if runway.looking == 0 {
                runways.remove(&self.id);
            }
        }
    }
}

/// Ends a flight, even one that panicked.
struct Lands(Looking);

impl Drop for Lands {
    fn drop(&mut self) {
        if let Some(runway) = self.0.flights.runways().get_mut(&self.0.id) {
            runway.under_way = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a flight that ends with these words, unless there is one to join.
    async fn fly(looking: &Looking, words: &'static str) -> String {
        let found = looking.join(|| async move { Err(words.to_owned()) }).await;
        found.err().unwrap_or_default()
    }

    #[tokio::test]
    async fn who_looked_before_a_flight_landed_shares_it_and_who_looks_later_does_not() {
        let flights = Flights::default();
        let (one, other) = (flights.look([1; 32]), flights.look([1; 32]));
        assert!(one.flight().is_none());
        assert_eq!(fly(&one, "first").await, "first");
        let later = flights.look([1; 32]);
        assert!(later.flight().is_none(), "it landed before");
        assert_eq!(fly(&other, "second").await, "first");
        assert_eq!(fly(&later, "third").await, "third");
        let elsewhere = flights.look([2; 32]);
        assert_eq!(fly(&elsewhere, "fourth").await, "fourth");
        drop((one, other, later, elsewhere));
        // The last flight's own task may end a moment after its answer is there.
        tokio::task::yield_now().await;
        assert!(flights.runways().is_empty(), "nothing is remembered");
    }

    #[tokio::test]
    async fn a_flight_that_panics_is_over() {
        let flights = Flights::default();
        let looking = flights.look([1; 32]);
        let failed = looking.join(|| async { panic!("planted") }).await;
        assert!(failed.is_err_and(|why| why.contains("abandoned")));
        assert_eq!(fly(&flights.look([1; 32]), "next").await, "next");
    }
}
