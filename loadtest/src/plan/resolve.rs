//! From what is written to what is run: defaults filled in, every name and number checked.

use super::file::{CapabilityFile, EnvironmentFile, FaultFile, LoadFile, PlanFile, PromisesFile};
use super::place::Source;
use super::{Overrides, gate, kind};
use crate::environment::{TOPOLOGIES, parse_target};
use crate::faults;
use crate::load::pacer;
use anyhow::Result;
use redrill_history::{
    Capability, CapabilityLoad, EffectsPlan, EnvironmentPlan, LimitPolicy, LoadPlan, PlannedFault,
    Promises, ResolvedPlan, RunKind, TargetPlan, parse_duration,
};
use redrill_scenarios::checker;
use redrill_scenarios::target::TargetFile;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

const SECOND: Duration = Duration::from_secs(1);

/// The load of a capability that a plan names without numbers: arrivals a second, keys.
const fn default_load(capability: Capability) -> (f64, u32) {
    match capability {
        Capability::Cache => (40.0, 40),
        Capability::Sessions => (95.0, 1),
        Capability::Limiter => (50.0, 6),
        Capability::Queue => (60.0, 1),
        Capability::Presence => (25.0, 1),
    }
}

pub(super) fn resolve(
    file: PlanFile,
    target: &TargetFile,
    overrides: &Overrides,
    source: &Source<'_>,
) -> Result<ResolvedPlan> {
    let kind = kind::kind(&file, overrides.kind, source)?;
    let fail_if = kind::thresholds(&file.fail_if, kind, overrides, source)?;
    let capacity = kind::capacity(file.capacity.as_ref(), kind, overrides, source)?;
    let effects = effects(file.effects, source)?;
    let name = file.name.unwrap_or_else(|| "unnamed".to_owned());
    let load = load(file.load.unwrap_or_default(), source)?;
    for capability in load.capabilities.keys() {
        let missing = target.missing(capability.name());
        if !missing.is_empty() {
            return Err(source.whole(&format!(
                "the target '{}' does not say how to do {}; add it to the target file, \
                 or leave the capability '{}' out of the plan",
                target.name,
                missing.join(", "),
                capability.name()
            )));
        }
    }
    let environment = environment(file.environment.unwrap_or_default(), source)?;
    let section = file.target.unwrap_or_default();
    let instances = within(section.instances.as_ref(), 2, 1, 16, "instances", source)?;
    let faults = file
        .fault
        .iter()
        .map(|fault| self::fault(fault, &load, &environment, instances, source))
        .collect::<Result<Vec<_>>>()?;
    let objectives = objectives(file.objectives, source)?;
    let gate = match kind {
        RunKind::Gate => {
            Some(gate::resolve(file.gate.unwrap_or_default(), &load, &target.name, source)?)
        }
        RunKind::Drill | RunKind::Load | RunKind::Capacity => None,
    };
    let mut resolved = ResolvedPlan {
        question: file.question.unwrap_or_else(|| format!("What does {name} cost?")),
        name,
        seed: overrides.seed.or(file.seed).unwrap_or(1),
        redrill: env!("CARGO_PKG_VERSION").to_owned(),
        kind,
        fail_if,
        capacity,
        load,
        effects,
        target: TargetPlan {
            name: section.name.unwrap_or_else(|| target.name.clone()),
            instances,
            promises: promises(section.promises.unwrap_or_default()),
        },
        environment,
        faults,
        objectives,
        gate,
    };
    resolved.faults.sort_by_key(|fault| fault.at);
    Ok(resolved)
}

fn effects(written: Option<Spanned<EffectsPlan>>, source: &Source<'_>) -> Result<EffectsPlan> {
    let Some(written) = written else { return Ok(EffectsPlan::default()) };
    if written.get_ref().at_once == Some(0) {
        return Err(
            source.at(&written.span(), "at_once must be 1 or more; leave it out for no bound")
        );
    }
    Ok(written.into_inner())
}

fn objectives(
    written: BTreeMap<Spanned<String>, redrill_history::Bound>,
    source: &Source<'_>,
) -> Result<BTreeMap<String, redrill_history::Bound>> {
    let known = checker::ids();
    let mut objectives = BTreeMap::new();
    for (id, bound) in written {
        if !known.contains(&id.get_ref().as_str()) {
            let message =
                format!("no checker has the id '{}'; there are {}", id.get_ref(), known.join(", "));
            return Err(source.at(&id.span(), &message));
        }
        objectives.insert(id.into_inner(), bound);
    }
    Ok(objectives)
}

fn load(file: LoadFile, source: &Source<'_>) -> Result<LoadPlan> {
    let client_timeout = file.client_timeout.unwrap_or(2 * SECOND);
    let written = match file.capabilities {
        Some(written) => written,
        None => Capability::ALL.map(|kind| (kind, CapabilityFile::default())).into(),
    };
    if written.is_empty() {
        return Err(
            source.whole("the plan exercises no capability; name one, or leave the table out")
        );
    }
    let mut capabilities = BTreeMap::new();
    for (kind, file) in written {
        capabilities.insert(kind, capability(kind, &file, client_timeout, source)?);
    }
    let duration = file.duration.unwrap_or(30 * SECOND);
    if duration < SECOND || client_timeout.is_zero() {
        return Err(source.whole("load.duration must be 1s or more, and client_timeout above zero"));
    }
    Ok(LoadPlan { duration, client_timeout, drain: file.drain.unwrap_or(8 * SECOND), capabilities })
}

fn capability(
    kind: Capability,
    file: &CapabilityFile,
    client_timeout: Duration,
    source: &Source<'_>,
) -> Result<CapabilityLoad> {
    let (rate, keys) = default_load(kind);
    let rate_per_s = file.rate_per_s.as_ref().map_or(rate, |rate| *rate.get_ref());
    if !(rate_per_s > 0.0 && rate_per_s <= 100_000.0)
        && let Some(written) = &file.rate_per_s
    {
        let message = "rate_per_s must be above 0 and at most 100000 arrivals a second; \
                       to leave a capability out, leave its table out";
        return Err(source.at(&written.span(), message));
    }
    let needed = (rate_per_s * client_timeout.as_secs_f64()).ceil() as u32;
    let vus = file.vus.as_ref().map_or(needed.max(10), |vus| *vus.get_ref());
    if let Some(written) = file.vus.as_ref().filter(|_| vus < needed) {
        let message = format!(
            "{vus} vus cannot hold {rate_per_s} arrivals a second while each waits up to \
             client_timeout; at least {needed} are needed (leave vus out to have them)"
        );
        return Err(source.at(&written.span(), &message));
    }
    if let Some(written) = file.keys.as_ref().filter(|keys| *keys.get_ref() == 0) {
        return Err(source.at(&written.span(), "keys must be 1 or more"));
    }
    let model = file.model.as_ref().map_or("constant", |model| model.get_ref().as_str());
    if let Some(written) = file.model.as_ref().filter(|_| pacer::find(model).is_none()) {
        let message = format!("no load model '{model}'; there are {}", pacer::names().join(", "));
        return Err(source.at(&written.span(), &message));
    }
    let keys = file.keys.as_ref().map_or(keys, |keys| *keys.get_ref());
    Ok(CapabilityLoad { model: model.to_owned(), rate_per_s, vus, keys })
}

fn promises(file: PromisesFile) -> Promises {
    let policy = |policy: &str, limit, seconds| LimitPolicy {
        policy: policy.to_owned(),
        limit,
        window: Duration::from_secs(seconds),
    };
    Promises {
        command_timeout: file.command_timeout.unwrap_or(SECOND),
        cache_ttl: file.cache_ttl.unwrap_or(5 * SECOND),
        session_ttl: file.session_ttl.unwrap_or(8 * SECOND),
        job_lease: file.job_lease.unwrap_or(2 * SECOND),
        job_attempts: file.job_attempts.unwrap_or(3),
        presence_ttl: file.presence_ttl.unwrap_or(3 * SECOND),
        limits: file.limits.unwrap_or_else(|| {
            vec![policy("general", 12, 2), policy("llm", 8, 2), policy("burst", 5, 1)]
        }),
    }
}

fn environment(file: EnvironmentFile, source: &Source<'_>) -> Result<EnvironmentPlan> {
    let one_of = |written: Option<Spanned<String>>, known: &[&str], what: &str| match written {
        None => Ok(known[0].to_owned()),
        Some(written) if known.contains(&written.get_ref().as_str()) => Ok(written.into_inner()),
        Some(written) => {
            let message =
                format!("no {what} '{}'; there is {}", written.get_ref(), known.join(", "));
            Err(source.at(&written.span(), &message))
        }
    };
    let names: Vec<&str> = TOPOLOGIES.iter().map(|(name, _)| *name).collect();
    let topology = one_of(file.topology, &names, "topology")?;
    let (replicas, sentinels, quorum) = if TOPOLOGIES.contains(&(topology.as_str(), true)) {
        let sentinels = within(file.sentinels.as_ref(), 3, 3, 7, "sentinels", source)?;
        (
            within(file.replicas.as_ref(), 2, 1, 5, "replicas", source)?,
            sentinels,
            within(file.quorum.as_ref(), sentinels / 2 + 1, 1, sentinels, "quorum", source)?,
        )
    } else {
        let none = |written: Option<&Spanned<u8>>, what| within(written, 0, 0, 0, what, source);
        (
            none(file.replicas.as_ref(), "replicas")?,
            none(file.sentinels.as_ref(), "sentinels")?,
            none(file.quorum.as_ref(), "quorum")?,
        )
    };
    Ok(EnvironmentPlan {
        backend: one_of(file.backend, &["processes"], "backend")?,
        topology,
        replicas,
        sentinels,
        quorum,
        down_after: file.down_after.unwrap_or(SECOND),
        failover_timeout: file.failover_timeout.unwrap_or(3 * SECOND),
    })
}

fn within(
    written: Option<&Spanned<u8>>,
    default: u8,
    least: u8,
    most: u8,
    what: &str,
    source: &Source<'_>,
) -> Result<u8> {
    match written {
        Some(written) if !(least..=most).contains(written.get_ref()) => {
            Err(source.at(&written.span(), &format!("{what} must be from {least} to {most}")))
        }
        written => Ok(written.map_or(default, |written| *written.get_ref())),
    }
}

fn fault(
    file: &FaultFile,
    load: &LoadPlan,
    environment: &EnvironmentPlan,
    instances: u8,
    source: &Source<'_>,
) -> Result<PlannedFault> {
    let duration = |written: &Spanned<String>| {
        parse_duration(written.get_ref()).map_err(|message| source.at(&written.span(), &message))
    };
    let Some(kind) = faults::find(file.kind.get_ref()) else {
        let names = faults::names().join(", ");
        let message = format!("no fault '{}'; there are {names}", file.kind.get_ref());
        return Err(source.at(&file.kind.span(), &message));
    };
    for target in file.target.iter().chain(&file.from) {
        parse_target(target.get_ref(), environment, instances)
            .map_err(|error| source.at(&target.span(), &error.to_string()))?;
    }
    let planned = PlannedFault {
        kind: file.kind.get_ref().clone(),
        at: duration(&file.at)?,
        lasts: file.lasts.as_ref().map(duration).transpose()?,
        target: file.target.iter().map(|target| target.get_ref().clone()).collect(),
        from: file.from.iter().map(|target| target.get_ref().clone()).collect(),
        with: file.with.clone(),
    };
    let end = planned.at.saturating_add(planned.lasts.unwrap_or_default());
    if end > load.duration {
        let message = "the fault must begin and be healed within load.duration, \
                       so that its cost can be seen";
        return Err(source.at(&file.at.span(), message));
    }
    kind.check(&planned).map_err(|error| source.at(&file.kind.span(), &error.to_string()))?;
    Ok(planned)
}
