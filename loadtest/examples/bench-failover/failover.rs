//! One failover and what it cost each mode.

use crate::service::{MODES, Mode, Service, Taken};
use crate::watch::Watch;
use anyhow::{Context, Result, ensure};
use redrill::environment::{Environment, RedisBinary, Setup, Supply};
use redrill::faults::{self, Injection};
use redrill_history::clock::RunClock;
use redrill_history::{EnvironmentPlan, EventLog, GroupPlan, PlannedFault, SampleLog};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long jobs are taken before the fault.
const BEFORE: Duration = Duration::from_secs(1);
/// How long a Sentinel may take to promote a replica.
const PROMOTED_WITHIN: Duration = Duration::from_secs(20);
/// How long after the promotion the modes are watched.
const AFTER: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Fault {
    Kill,
    Pause,
    Failover,
    Cut,
}

impl Fault {
    fn planned(self) -> PlannedFault {
        let (kind, lasts, from): (_, _, &[&str]) = match self {
            Self::Kill => ("kill", true, &[]),
            Self::Pause => ("pause", true, &[]),
            Self::Failover => ("failover", false, &[]),
            Self::Cut => ("cut", true, &["replicas", "sentinels", "servers"]),
        };
        PlannedFault {
            kind: kind.to_owned(),
            at: Duration::ZERO,
            lasts: lasts.then_some(PROMOTED_WITHIN),
            target: vec!["main.master".to_owned()],
            from: from.iter().map(ToString::to_string).collect(),
            with: BTreeMap::new(),
            otherwise: None,
            instead_of: None,
        }
    }
}

/// What a failover cost one mode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) fault: Fault,
    pub(crate) mode: Mode,
    /// From the injection to the change of role, in ms.
    pub(crate) promoted_ms: f64,
    /// From the change of role to the first acknowledgement by the promoted node, in ms.
    pub(crate) from_role_ms: Option<f64>,
    /// From the first message of a Sentinel to that, in ms; 0 where the message came later.
    pub(crate) from_message_ms: Option<f64>,
    /// Jobs that were acknowledged, by whomever.
    pub(crate) acknowledged: usize,
    /// Those of them that the promoted node does not have in the end.
    pub(crate) lost: usize,
    /// Those of them that it had acknowledged itself.
    pub(crate) lost_by_promoted: usize,
    /// When the first and the last of the lost ones were acknowledged, in ms after the change of
    /// role.
    pub(crate) lost_ms: Option<(f64, f64)>,
}

/// Starts an environment, breaks its master, and measures. Nothing where the Sentinels replaced the
/// promoted node in turn, as they do on a machine that stalls: that is another failover.
pub(crate) async fn run(redrill: &Path, fault: Fault) -> Result<Option<Vec<Cost>>> {
    let redrill = redrill.canonicalize().with_context(|| redrill.display().to_string())?;
    let folder = tempfile::tempdir()?;
    let clock = RunClock::start();
    let plan = EnvironmentPlan {
        backend: "processes".to_owned(),
        image: None,
        main: GroupPlan::example(),
        cache: None,
        sessions: None,
        external: None,
    };
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let environment = Environment::start(Setup {
        plan: &plan,
        supply: Supply::Program(RedisBinary::find(&path)?),
        redrill: &redrill,
        logs: &logs,
        clock,
        events: EventLog::create(&folder.path().join("events.ndjson"))?,
        samples: SampleLog::create(&folder.path().join("samples.ndjson"))?,
        watched: true,
    })
    .await?;
    let costs = measure(&environment, &redrill, fault, clock).await;
    environment.stop().await?;
    costs
}

async fn measure(
    environment: &Environment,
    redrill: &Path,
    fault: Fault,
    clock: RunClock,
) -> Result<Option<Vec<Cost>>> {
    let start = MODES.iter().map(|mode| Service::start(environment, redrill, *mode, clock));
    let services = futures_util::future::try_join_all(start).await?;
    let mut watch = Watch::start(environment, clock).await?;
    sleep(BEFORE).await;
    let planned = fault.planned();
    let injected_ns = clock.now_ns();
    let injected = faults::find(&planned.kind).context("there is this fault")?.inject(Injection {
        environment,
        effects: None,
        planned: &planned,
        index: 0,
        targets: environment.resolve(&planned.target).await?,
        from: match planned.from.is_empty() {
            true => Vec::new(),
            false => environment.resolve(&planned.from).await?,
        },
    });
    let injected = injected.await?;
    let promoted = timeout(PROMOTED_WITHIN, watch.promotion()).await;
    let promoted = promoted.with_context(|| format!("no promotion after {fault:?}"))??;
    sleep(AFTER).await;
    let mut costs = Vec::new();
    for service in services {
        let mode = service.mode;
        let taken = service.stop().await;
        let first = taken.iter().filter(|taken| taken.node == promoted.run_id);
        let first = first.map(|taken| taken.at_ns).min();
        let since = |from_ns: u64| first.map(|at| at.saturating_sub(from_ns) as f64 / 1e6);
        let lost = promoted.lost(mode, &taken).await?;
        let own = lost.iter().filter(|taken| taken.node == promoted.run_id).count();
        let after = |taken: &&Taken| (taken.at_ns as f64 - promoted.role_ns as f64) / 1e6;
        let first_lost = lost.iter().map(after).min_by(f64::total_cmp);
        let last_lost = lost.iter().map(after).max_by(f64::total_cmp);
        costs.push(Cost {
            fault,
            mode,
            promoted_ms: promoted.role_ns.saturating_sub(injected_ns) as f64 / 1e6,
            from_role_ms: since(promoted.role_ns),
            from_message_ms: since(promoted.message_ns),
            acknowledged: taken.len(),
            lost: lost.len(),
            lost_by_promoted: own,
            lost_ms: first_lost.zip(last_lost),
        });
    }
    let is_void = watch.has_changed_again();
    if injected.needs_healing() {
        injected.heal().await?;
    }
    if is_void {
        return Ok(None);
    }
    ensure!(costs.iter().all(|cost| cost.acknowledged > 0), "a mode took no job: {costs:?}");
    Ok(Some(costs))
}
