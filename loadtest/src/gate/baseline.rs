//! Saved blocks: written for a later comparison, and held against its conditions.

use super::given::Given;
use crate::exit::unusable;
use crate::input;
use anyhow::{Context as _, Result};
use redrill_history::{Baseline, ResolvedPlan, RunView, print_duration};
use redrill_scenarios::gate::block_values;
use std::path::Path;

/// Writes the blocks of the base, or of the candidate where it alone was run.
pub(super) fn save(
    path: &Path,
    run: &RunView,
    base: Option<&Given>,
    candidate: &Given,
) -> Result<()> {
    let saved = Baseline {
        target: base.unwrap_or(candidate).text().to_owned(),
        began: run.environment.began.clone(),
        machine: machine(run.environment.cores, &run.environment.redis),
        load: load(&run.plan),
        blocks: block_values(run),
    };
    let text = serde_json::to_vec_pretty(&saved)?;
    std::fs::write(path, text).with_context(|| format!("cannot save to {}", path.display()))?;
    crate::output::note(&format!("baseline: {}", path.display()));
    Ok(())
}

/// Reads what was saved.
///
/// # Errors
/// [`crate::exit::Unusable`]: the file cannot be read, or is none.
pub fn read(path: &Path) -> Result<Baseline> {
    let shown = path.display();
    let text = input::text(path, "baseline").map_err(unusable)?;
    serde_json::from_str(&text).map_err(|error| {
        unusable(format!("{shown} is no baseline ({error}); write one with --save-baseline"))
    })
}

/// Refuses blocks that were measured under another load or on another kind of machine.
pub(super) fn check(saved: &Baseline, plan: &ResolvedPlan, redis: &str) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let here = machine(u32::try_from(cores).unwrap_or(0), redis);
    for (what, saved, now) in
        [("machine", &saved.machine, &here), ("load", &saved.load, &load(plan))]
    {
        if saved != now {
            return Err(unusable(format!(
                "the baseline was measured with another {what} ({saved}; here it is {now}): \
                 measure it here with --save-baseline, or give --base"
            )));
        }
    }
    Ok(())
}

fn machine(cores: u32, redis: &str) -> String {
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{cores} cores, {system} {architecture}, Redis {redis}")
}

fn load(plan: &ResolvedPlan) -> String {
    let each = plan.load.capabilities.iter();
    let rates: Vec<String> =
        each.map(|(kind, load)| format!("{} {}/s", kind.name(), load.rate_per_s)).collect();
    let discard = plan.gate.as_ref().map(|gate| gate.discard).unwrap_or_default();
    format!(
        "{}, {} of which {} are discarded",
        rates.join(", "),
        print_duration(plan.load.duration),
        print_duration(discard)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn another_load_or_machine_is_another_measure() {
        let plan = ResolvedPlan::example();
        let cores = std::thread::available_parallelism().unwrap().get();
        let mut saved = Baseline {
            target: "main".to_owned(),
            began: String::new(),
            machine: machine(u32::try_from(cores).unwrap(), "7.0.15"),
            load: load(&plan),
            blocks: BTreeMap::new(),
        };
        check(&saved, &plan, "7.0.15").unwrap();
        let told = check(&saved, &plan, "7.2.0").unwrap_err().to_string();
        assert!(told.contains("another machine") && told.contains("7.2.0"), "{told}");
        "cache 1/s".clone_into(&mut saved.load);
        assert!(check(&saved, &plan, "7.0.15").unwrap_err().to_string().contains("another load"));
    }
}
