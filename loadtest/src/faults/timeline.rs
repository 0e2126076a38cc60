//! The timeline: each fault of a plan at its time, and healed at its time or when the run stops.

use super::{Injected, Injection, kind};
use crate::effects::Effects;
use crate::environment::{Environment, record};
use anyhow::{Context, Result};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use redrill_history::clock::RunClock;
use redrill_history::{EventKind, EventLog, PlannedFault};
use std::time::Duration;
use tokio::time::sleep_until;

/// Injects every fault at its time and heals it after its duration; windows may overlap. When
/// `stop` is ready, nothing more is injected and everything injected is healed at once. A fault
/// that could not be injected is an event.
///
/// # Errors
/// A fault that could not be healed: what follows it in the run says nothing.
pub async fn run_timeline(
    environment: &Environment,
    effects: Option<&Effects>,
    faults: &[PlannedFault],
    clock: RunClock,
    load_start_ns: u64,
    events: &EventLog,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let timeline = Timeline { environment, effects, clock, load_start_ns, events };
    let stop = stop.shared();
    let each = faults
        .iter()
        .enumerate()
        .map(|(index, planned)| timeline.play(index, planned, stop.clone()));
    join_all(each).await.into_iter().collect()
}

struct Timeline<'a> {
    environment: &'a Environment,
    effects: Option<&'a Effects>,
    clock: RunClock,
    load_start_ns: u64,
    events: &'a EventLog,
}

impl<'a> Timeline<'a> {
    async fn play(
        &self,
        index: usize,
        planned: &'a PlannedFault,
        stop: impl Future<Output = ()> + Clone,
    ) -> Result<()> {
        if self.reaches(planned.at, stop.clone()).await {
            let mut injected = match self.inject(index, planned).await {
                Ok(injected) => injected,
                Err(error) => {
                    let reason = format!("{error:#}");
                    self.record(EventKind::FaultFailed { fault: index, reason });
                    return Ok(());
                }
            };
            let proof = Some(injected.proof().to_owned());
            self.record(EventKind::FaultInjected { fault: index, proof });
            if injected.needs_healing() {
                let end = planned.at + planned.lasts.unwrap_or_default();
                let is_whole = tokio::select! {
                    is_whole = self.reaches(end, stop.clone()) => is_whole,
                    Err(error) = injected.act() => {
                        let reason = format!("it did not go on: {error:#}");
                        self.record(EventKind::FaultFailed { fault: index, reason });
                        self.reaches(end, stop).await;
                        false
                    }
                };
                if let Some(reason) = lacking(is_whole, &mut injected).await {
                    self.record(EventKind::FaultFailed { fault: index, reason });
                }
                let what = || format!("fault {index}, {}, could not be healed", planned.kind);
                injected.heal().await.with_context(what)?;
                self.record(EventKind::FaultHealed { fault: index });
            }
        }
        Ok(())
    }

    /// Waits until this time of the load; false when the run stops before.
    async fn reaches(&self, at: Duration, stop: impl Future<Output = ()>) -> bool {
        let at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let due = self.clock.instant(self.load_start_ns.saturating_add(at_ns));
        tokio::select! {
            biased;
            () = stop => false,
            () = sleep_until(due.into()) => true,
        }
    }

    async fn inject(&self, index: usize, planned: &'a PlannedFault) -> Result<Injected<'a>> {
        let resolved = async {
            let targets = self.environment.resolve(&planned.target).await?;
            anyhow::Ok((targets, self.environment.resolve(&planned.from).await?))
        };
        let resolved = resolved.await;
        let target = match &resolved {
            Ok((targets, from)) => describe(targets, from),
            Err(_) => describe(&planned.target, &planned.from),
        };
        let kind_name = planned.kind.clone();
        self.record(EventKind::FaultBegun { fault: index, kind: kind_name, target });
        let (targets, from) = resolved?;
        let (environment, effects) = (self.environment, self.effects);
        let injection = Injection { environment, effects, planned, index, targets, from };
        kind(planned)?.inject(injection).await
    }

    fn record(&self, kind: EventKind) {
        record(self.events, self.clock.now_ns(), kind);
    }
}

/// Why a fault that lasted to its end did not act as planned, if it did not.
async fn lacking(is_whole: bool, injected: &mut Injected<'_>) -> Option<String> {
    if !is_whole {
        return None;
    }
    if let Some(undone) = injected.undone().await {
        return Some(format!("somebody else has undone it before its time: {undone}"));
    }
    let is_idle = matches!(injected.is_idle().await, Ok(true));
    is_idle.then(|| "the service gave no command on which it acts".to_owned())
}

/// `node[0]`, or `node[0] from node[1], sentinel[0]`.
fn describe(targets: &[String], from: &[String]) -> String {
    let targets = targets.join(", ");
    if from.is_empty() { targets } else { format!("{targets} from {}", from.join(", ")) }
}
