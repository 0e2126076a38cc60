//! Plans: what is written, strictly read; what is run, every default written out.

mod file;
mod gate;
mod kind;
mod place;
mod resolve;

pub(crate) use gate::tolerate;

use crate::exit::unusable;
use anyhow::Result;
use redrill_history::{ResolvedPlan, RunKind};
use redrill_scenarios::target::TargetFile;
use std::path::Path;

/// The plans that come with redrill: name and text, in the order in which they are listed. The
/// first is the default drill.
pub const PLANS: &[(&str, &str)] = &[
    ("sentinel-failover", include_str!("../../../scenarios/plans/sentinel-failover.toml")),
    ("split-brain", include_str!("../../../scenarios/plans/split-brain.toml")),
    ("capacity", include_str!("../../../scenarios/plans/capacity.toml")),
    ("gate", include_str!("../../../scenarios/plans/gate.toml")),
    ("steady", include_str!("../../../scenarios/plans/steady.toml")),
];

/// The targets that come with redrill: name and text.
pub const TARGETS: &[(&str, &str)] =
    &[("reference", include_str!("../../../scenarios/targets/reference.toml"))];

/// A plan that was read and checked, with the target it names.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Every default written out.
    pub resolved: ResolvedPlan,
    /// The service under test.
    pub target: TargetFile,
}

/// What the command line changes in a plan.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The command that runs it; without one, the plan says for which it is.
    pub kind: Option<RunKind>,
    /// The seed.
    pub seed: Option<u64>,
    /// Thresholds besides the plan's.
    pub fail_if: Vec<String>,
    /// The rate that a capacity search must reach.
    pub at_least: Option<String>,
}

impl Plan {
    /// Reads the plan of that name, or the plan file at that path.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`], with the place in the file where there is one.
    pub fn load(name_or_path: &str, overrides: &Overrides) -> Result<Self> {
        let (label, text) = find(name_or_path, PLANS, "plan", "redrill list")?;
        Self::parse(&label, &text, overrides)
    }

    /// Reads a plan from its text; `label` is what messages call it.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`], with the place in the file where there is one.
    pub fn parse(label: &str, text: &str, overrides: &Overrides) -> Result<Self> {
        let source = place::Source { label, text };
        let file = toml::from_str::<file::PlanFile>(text).map_err(|error| source.toml(&error))?;
        let target = file.target.as_ref().and_then(|target| target.name.clone());
        let target = load_target(target.as_deref().unwrap_or(TARGETS[0].0))?;
        let resolved = resolve::resolve(file, &target, overrides, &source)?;
        Ok(Self { resolved, target })
    }
}

/// The target of that name, or the target file at that path.
///
/// # Errors
/// [`crate::exit::Unusable`], with the place in the file where there is one.
pub(crate) fn load_target(name_or_path: &str) -> Result<TargetFile> {
    let (label, text) = find(name_or_path, TARGETS, "target", "redrill list")?;
    let source = place::Source { label: &label, text: &text };
    TargetFile::parse(&text).map_err(|error| source.toml(&error))
}

/// The text of something that comes with redrill by its name, or else of a file; with its label.
fn find(
    name_or_path: &str,
    built_in: &[(&str, &str)],
    what: &str,
    lists: &str,
) -> Result<(String, String)> {
    if let Some((name, text)) = built_in.iter().find(|(name, _)| *name == name_or_path) {
        return Ok(((*name).to_owned(), (*text).to_owned()));
    }
    let names: Vec<&str> = built_in.iter().map(|(name, _)| *name).collect();
    let path = Path::new(name_or_path);
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name_or_path.to_owned(), text)),
        Err(error) if path.extension().is_some() || path.components().count() > 1 => {
            Err(unusable(format!("cannot read the {what} '{name_or_path}': {error}")))
        }
        Err(_) => Err(unusable(format!(
            "there is no {what} '{name_or_path}'; there are {} ({lists} describes them), \
             or give the path of a {what} file",
            names.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_that_comes_with_redrill_is_good_and_is_called_what_it_says() {
        for (name, _) in PLANS {
            let plan = Plan::load(name, &Overrides::default()).unwrap();
            assert_eq!(plan.resolved.name, *name);
        }
    }

    #[test]
    fn a_resolved_plan_is_a_plan_and_resolves_to_itself() {
        for (name, _) in PLANS {
            let plan =
                Plan::load(name, &Overrides { seed: Some(7), ..Overrides::default() }).unwrap();
            let text = plan.resolved.to_toml().unwrap();
            let again = Plan::parse("again", &text, &Overrides::default()).unwrap();
            assert_eq!(again.resolved, plan.resolved, "{text}");
        }
    }

    fn refusal(text: &str) -> String {
        match Plan::parse("my.toml", text, &Overrides::default()) {
            Ok(_) => panic!("accepted: {text}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_column() {
        let message = refusal("name = \"x\"\n\n[load]\ndurration = \"5s\"\n");
        assert!(message.contains("my.toml:4:1") && message.contains("durration"), "{message}");
    }

    #[test]
    fn a_rate_of_zero_is_refused_where_it_stands() {
        let message = refusal("[load.capabilities.queue]\nrate_per_s = 0\n");
        assert!(message.contains("my.toml:2:") && message.contains("rate_per_s"), "{message}");
    }

    #[test]
    fn an_unknown_fault_is_refused_with_those_that_exist() {
        let fault = "[[fault]]\nkind = \"explode\"\nat = \"1s\"\ntarget = [\"main.master\"]\n";
        let message = refusal(fault);
        assert!(message.contains("my.toml:2:") && message.contains("kill"), "{message}");
    }

    #[test]
    fn an_unknown_node_is_refused_with_those_that_exist() {
        let fault =
            "[[fault]]\nkind = \"kill\"\nat = \"1s\"\nfor = \"1s\"\ntarget = [\"node[9]\"]\n";
        let message = refusal(fault);
        assert!(message.contains("node[9]") && message.contains("my.toml:5:"), "{message}");
    }

    #[test]
    fn too_few_virtual_users_for_the_rate_are_refused() {
        let message = refusal("[load.capabilities.queue]\nrate_per_s = 50\nvus = 3\n");
        assert!(message.contains("vus") && message.contains("100"), "{message}");
    }
}
