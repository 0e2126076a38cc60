//! What happened, as data.
//!
//! A run leaves a **run folder**; everything to the left of it touches the world, everything to
//! the right of it is a pure function of the folder. This crate holds the folder's formats and the
//! words they are written in: [`Operation`], [`Outcome`], [`Event`], [`Window`], [`Phase`],
//! [`Finding`], [`Verdict`]. It knows neither load generator nor charts.
//!
//! Times are nanoseconds since the run began, on one monotonic clock ([`clock::RunClock`]), unless
//! a name says otherwise.

mod action;
pub mod capacity;
pub mod clock;
mod duration;
mod environment;
mod event;
mod export;
mod external;
mod finding;
mod gate;
mod group;
mod latency;
mod log;
mod observation;
mod operation;
mod outcome;
mod phase;
mod plan;
mod recorder;
mod recovery;
mod run;
mod sample;
mod seal;
mod segment;
mod threshold;
mod traffic;
mod view;

pub use action::{Action, Capability};
pub use duration::{
    LONGEST_DURATION, parse_duration, print_duration, serde_duration, serde_duration_option,
};
pub use environment::{EnvironmentFacts, FoundFacts, ProcessFacts, process_kind};
pub use event::{Event, EventKind, EventLog, NodeRole};
pub use export::{Format, export};
pub use external::{ExternalGroup, ExternalPlan};
pub use finding::{Bound, Breakdown, Finding, Measure, PhaseCount, Report, Unit, Verdict, Witness};
pub use gate::{Baseline, Comparison, GatePlan, Tolerated};
pub use group::{EnvironmentPlan, GroupPlan, Role};
pub use latency::{Latency, LatencySeries, write_interval_logs};
pub use log::{LogError, LogFile, LogWriter, Record};
pub use observation::Observation;
pub use operation::{Flags, NO_INSTANCE, Operation};
pub use outcome::{Outcome, Reply, classify};
pub use phase::{Phase, PhaseSpan, Phases, Window};
pub use plan::{
    CapabilityLoad, CapacityPlan, EffectsPlan, LimitPolicy, LoadPlan, PlannedFault, Promises,
    ResolvedPlan, RunKind, TargetPlan,
};
pub use recorder::{Recorder, RecorderHandle};
pub use run::{RunError, RunFolder};
pub use sample::{Sample, SampleLog};
pub use seal::{Seal, Seals};
pub use segment::{Segment, SegmentLog, SegmentPlan, SegmentRole};
pub use threshold::{METRICS, Metric, Misread, Threshold, parse_rate};
pub use traffic::{Scope, Traffic};
pub use view::{RunView, ViewParts};

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND_NS: u64 = 1_000_000;
