//! The service under test while it runs, and what its virtual users share in all segments.

use super::World;
use crate::effects::{Effects, Played};
use crate::environment::Environment;
use crate::instances;
use anyhow::Result;
use redrill_history::{ResolvedPlan, SegmentPlan};
use redrill_scenarios::load::{Context, Executed};
use redrill_scenarios::target::{Target, TargetFile};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The service's instances and its dependencies; they end with the environment and with this.
pub(crate) struct Service<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) environment: Option<&'a Environment>,
    pub(super) segment: Arc<AtomicU16>,
    pub(super) addresses: Vec<String>,
    target: &'a TargetFile,
    http: reqwest::Client,
    executed: Arc<Executed>,
    numbers: Arc<AtomicU64>,
    pub(super) effects: Effects,
}

impl<'a> Service<'a> {
    /// Starts the service's dependencies and its instances, unless they run already, and waits
    /// until all are ready.
    ///
    /// # Errors
    /// What did not start, or was not ready in time.
    pub(crate) async fn start(
        world: &'a World<'a>,
        environment: &'a Environment,
        target: &'a TargetFile,
    ) -> Result<Self> {
        let service = Self::without_instances(world, Some(environment), target).await?;
        let (plan, program) = (&world.plan.resolved, &world.settings.program);
        let addresses = if plan.target.addresses.is_empty() {
            instances::start(environment, &service.effects, plan, target, program).await?
        } else {
            instances::adopt(&plan.target.addresses, target).await?
        };
        world.stage.folder.write_environment(&environment.facts())?;
        Ok(Self { addresses, ..service })
    }

    /// A service that runs at these addresses, and has its own dependencies.
    ///
    /// # Errors
    /// When no port can be had.
    pub(crate) async fn at(
        world: &'a World<'a>,
        addresses: Vec<String>,
        target: &'a TargetFile,
    ) -> Result<Self> {
        Ok(Self { addresses, ..Self::without_instances(world, None, target).await? })
    }

    async fn without_instances(
        world: &'a World<'a>,
        environment: Option<&'a Environment>,
        target: &'a TargetFile,
    ) -> Result<Self> {
        let (plan, stage) = (&world.plan.resolved, world.stage);
        let executed = Arc::new(Executed::default());
        let segment = Arc::new(AtomicU16::new(0));
        let effects = Effects::start(Played {
            clock: stage.clock,
            recorder: stage.recorder.handle(),
            executed: Arc::clone(&executed),
            segment: Arc::clone(&segment),
            seed: plan.seed,
            attempts: plan.target.promises.job_attempts,
            plan: plan.effects.clone(),
            lease: plan.target.promises.job_lease,
            calls: std::sync::Mutex::default(),
            free: plan.effects.at_once.map(|at_once| Semaphore::new(at_once as usize)),
            disturbances: Arc::default(),
        })
        .await?;
        let timeout = plan.load.client_timeout;
        Ok(Self {
            world,
            environment,
            segment,
            addresses: Vec::new(),
            target,
            http: http_client(timeout)?,
            executed,
            numbers: Arc::default(),
            effects,
        })
    }

    /// Lets the next segment's sessions, jobs and sockets be numbered from here on.
    pub(crate) fn number_from(&self, number: u64) {
        self.numbers.store(number, Ordering::Relaxed);
    }

    /// What the virtual users of a segment share; their plan's load is the segment's.
    pub(super) fn context(&self, segment: &SegmentPlan) -> Arc<Context> {
        let stage = self.world.stage;
        let mut plan: ResolvedPlan = self.world.plan.resolved.clone();
        plan.load.duration = segment.duration;
        plan.load.capabilities.clone_from(&segment.capabilities);
        let timeout = plan.load.client_timeout;
        Arc::new(Context {
            clock: stage.clock,
            recorder: stage.recorder.handle(),
            plan: Arc::new(plan),
            target: Target::new(self.target.clone(), &self.addresses, timeout),
            http: self.http.clone(),
            segment: segment.number,
            progress: Arc::default(),
            executed: Arc::clone(&self.executed),
            drain_deadline_ns: AtomicU64::new(u64::MAX),
            numbers: Arc::clone(&self.numbers),
        })
    }
}

/// The client that all virtual users share. It follows no redirect: another page's 200 would pass
/// for an acknowledgement.
fn http_client(timeout: Duration) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy().connect_timeout(timeout);
    Ok(builder.redirect(reqwest::redirect::Policy::none()).build()?)
}
