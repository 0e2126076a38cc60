//! Single flight: requests for one key at one time share one answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

use super::Found;

type Landing = Shared<BoxFuture<'static, Result<Found, String>>>;

/// The flights under way, by key.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<String, Landing>>>);

impl Flights {
    /// Joins the flight for `key` or starts one. It flies on when those who wait for it leave.
    pub(crate) fn join<F>(&self, key: &str, start: impl FnOnce() -> F) -> Landing
    where
        F: Future<Output = Result<Found, String>> + Send + 'static,
    {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key) {
            return flight.clone();
        }
        let lands = Lands { flights: self.clone(), key: key.to_owned() };
        let work = start();
        let task = tokio::spawn(async move {
            let _lands = lands;
            work.await
        });
        let landing = async move {
            task.await.unwrap_or_else(|error| Err(format!("the request was abandoned: {error}")))
        };
        let landing = landing.boxed().shared();
        flights.insert(key.to_owned(), landing.clone());
        landing
    }
}

/// Ends a flight, even one that panicked.
struct Lands {
    flights: Flights,
    key: String,
}

impl Drop for Lands {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
