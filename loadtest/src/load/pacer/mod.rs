//! Load models: pure pacing. When does arrival n start?

mod constant;

pub use constant::Constant;

use redrill_history::CapabilityLoad;
use std::time::Duration;

/// A schedule of arrivals, from the start of the load.
pub trait Pacer: Send {
    /// The next arrival's intended start; `None` when the load is over.
    fn next(&mut self) -> Option<Duration>;
}

/// A kind of schedule.
pub trait Model: Sync {
    /// The name in plans.
    fn name(&self) -> &'static str;
    /// One sentence: how arrivals come.
    fn doc(&self) -> &'static str;
    /// A schedule of this kind for a load of `duration`.
    fn pacer(&self, load: &CapabilityLoad, duration: Duration) -> Box<dyn Pacer>;
}

/// Every load model; the first is the default.
pub const MODELS: &[&dyn Model] = &[&constant::Constant];

/// The model of that name.
pub fn find(name: &str) -> Option<&'static dyn Model> {
    MODELS.iter().copied().find(|model| model.name() == name)
}

/// The names of all models.
pub fn names() -> Vec<&'static str> {
    MODELS.iter().map(|model| model.name()).collect()
}
