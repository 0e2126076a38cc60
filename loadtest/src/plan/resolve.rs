//! From what is written to what is run: defaults filled in, every name and number checked.

use super::file::PlanFile;
use super::place::Source;
use super::{
    Overrides, capacity, chaos, effects, environment, fault, gate, image, kind, load, name,
    objectives, overlap, target,
};
use anyhow::Result;
use redrill_history::{ResolvedPlan, RunKind};
use redrill_scenarios::target::TargetFile;
use toml::Spanned;

pub(super) fn resolve(
    file: PlanFile,
    target: &TargetFile,
    overrides: &Overrides,
    source: &Source<'_>,
) -> Result<ResolvedPlan> {
    name::version(file.redrill.as_ref(), source)?;
    let kind = kind::kind(&file, overrides.kind, source)?;
    let name = name::name(file.name.as_ref(), source)?;
    let question = name::question(&file, kind, &name, source)?;
    let capacity = capacity::resolve(file.capacity.as_ref(), kind, overrides, source)?;
    let effects = effects::resolve(&file.effects, source)?;
    let load = load::resolve(&file.load, source)?;
    let fail_if = kind::thresholds(&file.fail_if, kind, &load, overrides, source)?;
    let mut environment = match &overrides.environment {
        Some(path) => environment::read(path, target)?,
        None => environment::resolve(file.environment, target, source)?,
    };
    image::take(overrides.image.as_deref(), &mut environment)?;
    if kind == RunKind::Gate && environment.external.is_some() {
        let message = "'redrill gate' empties the Redis of each side, and so takes none that \
                       somebody else runs: leave out the backend external";
        return Err(source.whole(message));
    }
    let service = target::resolve(&file.target, target, &load, source)?;
    let fault = |fault| fault::resolve(fault, &load, &environment, service.started(), source);
    let mut faults = file.fault.iter().map(fault).collect::<Result<Vec<_>>>()?;
    overlap::check(&file.fault, &faults, &environment, source)?;
    let seed = overrides.seed.or(file.seed).unwrap_or(1);
    let chaos = file.chaos.as_ref();
    faults.extend(chaos::resolve(
        chaos,
        seed,
        &load,
        &environment,
        service.started(),
        &faults,
        source,
    )?);
    faults.sort_by_key(|fault| fault.at);
    let (objectives, written) = objectives::resolve(file.objectives, source)?;
    let length = file.load.duration.as_ref().map(Spanned::span);
    let gate = match kind {
        RunKind::Gate => {
            let written = file.gate.map(Spanned::into_inner).unwrap_or_default();
            Some(gate::resolve(written, &load, source, length)?)
        }
        RunKind::Drill | RunKind::Load | RunKind::Capacity => None,
    };
    let plan = ResolvedPlan {
        name,
        question,
        seed,
        redrill: env!("CARGO_PKG_VERSION").to_owned(),
        kind,
        fail_if,
        capacity,
        load,
        effects,
        target: service,
        environment,
        faults,
        objectives,
        gate,
    };
    objectives::exercised(&plan, &written, source)?;
    Ok(plan)
}
