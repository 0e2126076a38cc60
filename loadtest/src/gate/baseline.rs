//! Saved blocks: written for a later comparison, and held against its conditions.

use super::given::Given;
use crate::exit::unusable;
use crate::input;
use anyhow::{Context as _, Result};
use redrill_history::{Baseline, EnvironmentFacts, ResolvedPlan, RunView, print_duration};
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
        machine: machine(run.environment.cores, &run.environment.kernel, &run.environment.redis),
        load: load(&run.plan),
        conditions: conditions(&run.plan)?,
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
    let saved: Baseline = serde_json::from_str(&text).map_err(|error| {
        unusable(format!("{shown} is no baseline ({error}); write one with --save-baseline"))
    })?;
    let is_measure = |value: &f64| value.is_finite() && *value >= 0.0;
    match saved.blocks.iter().find(|(_, values)| !values.iter().all(is_measure)) {
        None => Ok(saved),
        Some((name, _)) => Err(unusable(format!(
            "{shown}: the saved blocks of '{name}' hold what no measurement gives; write it anew \
             with --save-baseline"
        ))),
    }
}

/// Refuses a file that could not be written when the blocks are measured.
///
/// # Errors
/// [`crate::exit::Unusable`]: its folder does not exist, or it is a folder itself.
pub fn check_path(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let shown = path.display();
    match folder {
        _ if path.is_dir() => Err(unusable(format!("--save-baseline {shown} is a folder"))),
        Some(folder) if !folder.is_dir() => Err(unusable(format!(
            "--save-baseline {shown}: there is no folder {}; make it first",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// Refuses blocks that were measured under another load or on another kind of machine.
///
/// # Errors
/// [`crate::exit::Unusable`]: names the difference.
pub(super) fn check(saved: &Baseline, plan: &ResolvedPlan, here: &EnvironmentFacts) -> Result<()> {
    let here = machine(here.cores, &here.kernel, &here.redis);
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
    if saved.conditions != conditions(plan)? {
        return Err(unusable(
            "the baseline was measured with other keys, virtual users, time-outs, effects, \
             promises, instances or topology: measure it here with --save-baseline, or give --base",
        ));
    }
    Ok(())
}

/// What the blocks of another machine would differ by.
fn machine(cores: u32, kernel: &str, redis: &str) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':')).map_or("", |(_, model)| model.trim());
    let architecture = std::env::consts::ARCH;
    format!("{cores} cores, {architecture} {model}, {kernel}, Redis {redis}")
}

/// The digest of everything in a plan that a block's numbers depend on.
fn conditions(plan: &ResolvedPlan) -> Result<String> {
    let all = (&plan.load, &plan.effects, &plan.target.promises, plan.target.instances);
    let text = serde_json::to_vec(&(all, &plan.environment))?;
    Ok(format!("{:08x}", crc32fast::hash(&text)))
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
        let here = EnvironmentFacts {
            cores: 2,
            kernel: "Linux 6.1".to_owned(),
            redis: "7.0.15".to_owned(),
            ..EnvironmentFacts::default()
        };
        let mut saved = Baseline {
            target: "main".to_owned(),
            began: String::new(),
            machine: machine(2, "Linux 6.1", "7.0.15"),
            load: load(&plan),
            conditions: conditions(&plan).unwrap(),
            blocks: BTreeMap::new(),
        };
        check(&saved, &plan, &here).unwrap();
        let newer = EnvironmentFacts { redis: "7.2.0".to_owned(), ..here.clone() };
        let told = check(&saved, &plan, &newer).unwrap_err().to_string();
        assert!(told.contains("another machine") && told.contains("7.2.0"), "{told}");
        let mut other = plan.clone();
        other.effects.model_takes *= 2;
        let told = check(&saved, &other, &here).unwrap_err().to_string();
        assert!(told.contains("other keys"), "{told}");
        "cache 1/s".clone_into(&mut saved.load);
        assert!(check(&saved, &plan, &here).unwrap_err().to_string().contains("another load"));
    }

    #[test]
    fn blocks_that_no_measurement_gives_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved.json");
        let write = |value: &str| {
            let text = format!(
                r#"{{"target":"main","began":"","machine":"","load":"","conditions":"",
                    "blocks":{{"commands":[4.0,{value}]}}}}"#
            );
            std::fs::write(&path, text).unwrap();
            read(&path)
        };
        write("4.1").unwrap();
        for value in ["-1.0", "1e999"] {
            assert!(write(value).is_err(), "{value}");
        }
        assert!(check_path(&folder.path().join("new.json")).is_ok());
        let nowhere = check_path(&folder.path().join("no/new.json")).unwrap_err().to_string();
        assert!(nowhere.contains("make it first"), "{nowhere}");
        assert!(check_path(folder.path()).is_err());
    }
}
