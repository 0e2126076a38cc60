//! The catalogue of the plans that come with redrill, as Markdown.

use super::{Overrides, PLANS, Plan, picture};
use anyhow::Result;
use redrill_history::ResolvedPlan;
use redrill_scenarios::checker;
use std::fmt::Write as _;

/// Columns of a drawing.
const WIDTH: usize = 96;

/// Every plan with its question, its explanation, its timeline and its objectives.
///
/// # Errors
/// None but a defect: a plan of redrill's own cannot be read.
pub(crate) fn catalogue() -> Result<String> {
    let mut out = String::from(
        "# The plans that come with redrill\n\n\
         `redrill drill NAME` runs one of them; `redrill plan show NAME --toml` writes one out to \
         begin\nanother from.\n",
    );
    for (name, text) in PLANS {
        let plan = Plan::parse(name, text, &Overrides::default())?.resolved;
        let _ = write!(out, "\n## {name}\n\n**{}**\n\n{}\n", plan.question, explained(text));
        let _ = write!(out, "\n```text\n{}\n```\n", picture(&plan, WIDTH, false));
        out.push_str(&objectives(&plan));
    }
    Ok(out)
}

/// The comment at the head of a plan is its explanation.
fn explained(text: &str) -> String {
    let comment = text.lines().map_while(|line| line.strip_prefix('#'));
    comment.map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// What must hold, by the plan's own bounds.
fn objectives(plan: &ResolvedPlan) -> String {
    if plan.objectives.is_empty() {
        return String::new();
    }
    let mut out = String::from("\nObjectives:\n\n");
    for (id, bound) in &plan.objectives {
        let statement = checker::find(id).map(checker::Checker::statement).unwrap_or_default();
        let _ = writeln!(out, "- `{id}`, {}: {statement}", bound.words());
    }
    out
}
