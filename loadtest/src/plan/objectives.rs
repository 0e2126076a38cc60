//! The `[objectives]` section: bounds on what the checkers find.

use super::place::Source;
use crate::near;
use anyhow::Result;
use redrill_history::{Bound, ResolvedPlan};
use redrill_scenarios::checker::{self, Objective};
use std::collections::BTreeMap;
use toml::Spanned;

/// Where the file names each objective.
type Written = Vec<Spanned<String>>;

/// Those of checkers that there are, each of the kind that says something of its checker.
pub(super) fn resolve(
    written: BTreeMap<Spanned<String>, Spanned<Bound>>,
    source: &Source<'_>,
) -> Result<(BTreeMap<String, Bound>, Written)> {
    let mut objectives = BTreeMap::new();
    let names = written.keys().cloned().collect();
    for (id, bound) in written {
        let name = id.get_ref().as_str();
        let Some(checker) = checker::find(name) else {
            let known = checker::all().filter(|known| known.objective() != Objective::None);
            let known: Vec<&str> = known.map(checker::Checker::id).collect();
            let hint = near::hint(name, known.iter().copied());
            let known = known.join(", ");
            let message = format!("no checker has the id '{name}'; {hint}there are {known}");
            return Err(source.at(&id.span(), &message));
        };
        let kind = checker.objective();
        if kind == Objective::None {
            let message = match name.split_once('.') {
                Some(("gate", _)) => {
                    format!("{name} takes no objective; [gate.tolerated] says what may be worse")
                }
                Some(("capacity", _)) => {
                    format!("{name} takes no objective; capacity.at_least_per_s is the least rate")
                }
                _ => format!("{name} takes no objective: it only tells a number"),
            };
            return Err(source.at(&id.span(), &message));
        }
        if !kind.takes(bound.get_ref()) {
            return Err(source.at(&bound.span(), &format!("{name} takes {}", kind.words())));
        }
        objectives.insert(id.into_inner(), bound.into_inner());
    }
    Ok((objectives, names))
}

/// Refuses an objective that a plan gives nothing to judge: it would hold whatever happens.
pub(super) fn exercised(plan: &ResolvedPlan, written: &Written, source: &Source<'_>) -> Result<()> {
    for id in written {
        if let Some(reason) = checker::unexercised(id.get_ref(), plan) {
            let message = format!("{} would judge nothing: {reason}; take it out", id.get_ref());
            return Err(source.at(&id.span(), &message));
        }
    }
    Ok(())
}
