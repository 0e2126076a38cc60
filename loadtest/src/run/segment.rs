//! One segment of load: virtual users, arrivals, and the timeline of faults beside them.

use super::{Service, World};
use crate::faults;
use crate::load::attack::Attack;
use crate::load::pacemaker::{self, Lane};
use crate::load::pacer;
use anyhow::{Context as _, Result, ensure};
use redrill_history::clock::instant_now;
use redrill_history::{EventKind, PlannedFault, ResolvedPlan, SECOND_NS, SegmentPlan};
use redrill_scenarios::capability::CAPABILITIES;
use redrill_scenarios::load::{Context, arrivals};
use redrill_scenarios::visit::Fleet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// From the decision to start the load to its first arrival.
const LEAD_NS: u64 = SECOND_NS / 10;
/// How long goose may take to launch the virtual users.
const BOARD_WITHIN: Duration = Duration::from_secs(20);
/// Final reads of one capability at once.
const AT_ONCE: usize = 16;

/// The virtual users of a segment after its load: they know what they were promised.
pub(crate) struct Loaded {
    context: Arc<Context>,
    fleets: Vec<Fleet>,
}

impl Service<'_> {
    /// Runs a segment until every arrival was answered or given up, while the faults act. One at a
    /// time: goose has one attack in a process.
    ///
    /// # Errors
    /// Virtual users that did not start, and a fault that could not be healed.
    pub(crate) async fn load(
        &self,
        segment: &SegmentPlan,
        faults: &[PlannedFault],
    ) -> Result<Loaded> {
        let World { stage, interrupt, .. } = self.world;
        let timeline = async |start_ns: u64| match self.environment {
            Some(environment) => {
                let (clock, stop) = (stage.clock, interrupt.wait());
                let effects = Some(&self.effects);
                let events = &stage.events;
                faults::run_timeline(environment, effects, faults, clock, start_ns, events, stop)
                    .await
            }
            None => Ok(()),
        };
        self.load_beside(segment, timeline).await
    }

    /// As [`Service::load`], with something else beside the load; it is told when the first arrival
    /// is due, on the run's clock.
    ///
    /// # Errors
    /// Virtual users that did not start, and what failed beside them.
    pub(crate) async fn load_beside(
        &self,
        segment: &SegmentPlan,
        beside: impl AsyncFnOnce(u64) -> Result<()>,
    ) -> Result<Loaded> {
        let World { stage, .. } = self.world;
        stage.segments.append(segment).context("cannot record the segment")?;
        self.segment.store(segment.number, Ordering::Relaxed);
        let context = self.context(segment);
        let (fleets, lanes) = fleets(&context, &context.plan);
        let attack = Attack::new(&fleets, &format!("http://{}", self.addresses[0]))?;
        let conducted = self.conduct(&context, &fleets, lanes, beside);
        let (metrics, conducted) = tokio::join!(attack.execute(), conducted);
        metrics?;
        conducted?;
        self.world.record(EventKind::LoadEnded { segment: segment.number });
        let panics: u64 = fleets.iter().map(Fleet::panics).sum();
        ensure!(panics == 0, "{panics} operations of virtual users ended in a panic");
        Ok(Loaded { context, fleets })
    }

    /// Waits for the virtual users, starts the arrivals, and waits until they and what goes on
    /// beside them are over.
    async fn conduct(
        &self,
        context: &Context,
        fleets: &[Fleet],
        lanes: Vec<Lane>,
        beside: impl AsyncFnOnce(u64) -> Result<()>,
    ) -> Result<()> {
        let World { stage, progress, .. } = self.world;
        boarded(fleets).await?;
        let start_ns = stage.clock.now_ns() + LEAD_NS;
        stage.events.append(start_ns, EventKind::LoadStarted { segment: context.segment })?;
        let stop = Arc::new(AtomicBool::new(false));
        let pacemaker = pacemaker::start(lanes, stage.clock, start_ns, Arc::clone(&stop))
            .context("cannot start the pacemaker")?;
        let over = self.answered(context, fleets, &stop);
        let elapsed = || stage.clock.now_ns().saturating_sub(start_ns);
        let shown = progress.show_load(&context.plan, &context.progress, elapsed);
        let both = async { tokio::join!(beside(start_ns), over) };
        let ended = tokio::select! {
            (ended, ()) = both => ended,
            // Showing the load ends only when it is dropped.
            () = shown => Ok(()),
        };
        pacemaker.join().map_err(|_| anyhow::anyhow!("the pacemaker panicked"))?;
        ended
    }

    /// Waits until every arrival was answered or given up. What nobody has begun a client's
    /// time-out after the last arrival, or after an interruption, is given up and counted.
    async fn answered(&self, context: &Context, fleets: &[Fleet], stop: &AtomicBool) {
        let mut give_up_at = None;
        while !fleets.iter().all(Fleet::is_done) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let interrupted = self.world.interrupt.is_set();
            if interrupted {
                stop.store(true, Ordering::Relaxed);
            }
            if !fleets.iter().all(Fleet::is_over) {
                continue;
            }
            let timeout = context.plan.load.client_timeout;
            let due = *give_up_at.get_or_insert_with(|| instant_now() + timeout);
            if interrupted || instant_now() >= due {
                let count = fleets.iter().map(Fleet::abandon).sum();
                if count > 0 {
                    let segment = context.segment;
                    self.world.record(EventKind::ArrivalsAbandoned { segment, count });
                }
            }
        }
    }

    /// Waits at most `drain` for what was acknowledged, and reads the final state. False when that
    /// was interrupted.
    pub(crate) async fn drain(&self, loaded: &Loaded, drain: Duration) -> bool {
        let World { stage, interrupt, .. } = self.world;
        let drain_ns = u64::try_from(drain.as_nanos()).unwrap_or(u64::MAX);
        let deadline_ns = stage.clock.now_ns().saturating_add(drain_ns);
        loaded.context.drain_deadline_ns.store(deadline_ns, Ordering::Relaxed);
        let finished = loaded.fleets.iter().map(|fleet| fleet.finish(AT_ONCE));
        // Each reads once more at the deadline; who has no answer then is not waited for.
        let late = tokio::time::sleep(drain + loaded.context.plan.load.client_timeout);
        tokio::select! {
            _ = futures_util::future::join_all(finished) => true,
            () = late => true,
            () = interrupt.wait() => false,
        }
    }
}

fn fleets(context: &Arc<Context>, plan: &ResolvedPlan) -> (Vec<Fleet>, Vec<Lane>) {
    let mut fleets = Vec::new();
    let mut lanes = Vec::new();
    for capability in CAPABILITIES {
        let Some(load) = plan.load.capabilities.get(&capability.kind()) else { continue };
        // The plan was refused if it names a model that there is not.
        let Some(model) = pacer::find(&load.model) else { continue };
        let (sender, arrivals) = arrivals();
        fleets.push(capability.fleet(context, load.vus, arrivals));
        lanes.push(Lane { pacer: model.pacer(load, plan.load.duration), sender });
    }
    (fleets, lanes)
}

/// Waits until every virtual user waits for an arrival.
async fn boarded(fleets: &[Fleet]) -> Result<()> {
    let deadline = instant_now() + BOARD_WITHIN;
    while !fleets.iter().all(Fleet::is_ready) {
        ensure!(instant_now() < deadline, "goose did not launch the virtual users in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
