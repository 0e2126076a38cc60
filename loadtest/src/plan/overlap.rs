//! Faults that meet: what one holds no other may touch, and what one has taken away no other can
//! hit.
//!
//! Roles move while a plan runs. What is held is held of every node that a name may stand for; that
//! a process is away is only said of one that surely is.

use super::fault::FaultFile;
use super::place::Source;
use crate::environment::{Target, Which};
use crate::faults::{self, Condition, Hits};
use anyhow::Result;
use redrill_history::{EnvironmentPlan, PlannedFault, print_duration};

/// Refuses a fault that begins while another lasts that it cannot be injected beside.
pub(super) fn check(
    files: &[FaultFile],
    faults: &[PlannedFault],
    environment: &EnvironmentPlan,
    source: &Source<'_>,
) -> Result<()> {
    let plan = Meeting { faults, environment };
    for (file, second) in files.iter().zip(faults) {
        for (index, first) in faults.iter().enumerate() {
            let is_itself = std::ptr::eq(first, second);
            let lasts = first.at..first.at + first.lasts.unwrap_or_default();
            if is_itself || !lasts.contains(&second.at) {
                continue;
            }
            if let Some(message) = plan.refusal(first, second) {
                let message = format!("{message}: [[fault]] {} of the plan", index + 1);
                return Err(source.at(&file.at.span(), &message));
            }
        }
    }
    Ok(())
}

/// Whether two names stand for the same process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Same {
    Never,
    /// If a role is, or has moved, there.
    Perhaps,
    /// As long as no role moves.
    WhileRolesStay,
    Surely,
}

struct Meeting<'a> {
    faults: &'a [PlannedFault],
    environment: &'a EnvironmentPlan,
}

impl Meeting<'_> {
    /// Why the second cannot be injected while the first lasts.
    fn refusal(&self, first: &PlannedFault, second: &PlannedFault) -> Option<String> {
        let (before, kind) = (faults::find(&first.kind)?, faults::find(&second.kind)?);
        let pairs = || {
            let both = |one| second.target.iter().map(move |other| (one, other));
            first.target.iter().flat_map(both)
        };
        let name = kind.name();
        let since = format!(
            "{} of {} lasts from {} to {}",
            first.kind,
            first.target.join(", "),
            print_duration(first.at),
            print_duration(first.at + first.lasts.unwrap_or_default())
        );
        if let Some(held) = before.holds().iter().find(|held| kind.holds().contains(held))
            && pairs().any(|(one, other)| self.same(one, other) > Same::Never)
        {
            return Some(format!(
                "{name} sets {held} of what may be a node on which another fault has, and the \
                 first to end would undo both; let it begin when that is over, or name the nodes \
                 in one fault. {since}"
            ));
        }
        let left = before.leaves(first);
        let (_, other) = pairs().find(|(one, other)| {
            !kind.bears(left)
                && match self.same(one, other) {
                    Same::Surely => true,
                    Same::WhileRolesStay => self.roles_stay(one, first, second),
                    Same::Never | Same::Perhaps => false,
                }
        })?;
        let told = left.told();
        Some(format!(
            "{name} cannot act on {other}, which {told} then; let it begin when that is over. \
             {since}"
        ))
    }

    fn same(&self, one: &str, other: &str) -> Same {
        let (Some(one), Some(other)) = (Target::read(one), Target::read(other)) else {
            return Same::Never;
        };
        match (one, other) {
            (Target::Servers, other) if other.is_server() => Same::Surely,
            (one, Target::Servers) if one.is_server() => Same::Surely,
            (Target::Redis(role, which), Target::Redis(its, that)) => {
                let (home, group) = self.environment.home(role);
                match home == self.environment.home(its).0 {
                    true => same(which, that, group.nodes() == 1),
                    false => Same::Never,
                }
            }
            _ if one == other => Same::Surely,
            _ => Same::Never,
        }
    }

    /// Whether no other node can have the role when the second begins: no Sentinel has missed the
    /// master yet, and none was told to replace it.
    fn roles_stay(&self, target: &str, first: &PlannedFault, second: &PlannedFault) -> bool {
        let then = second.at;
        let Some(Target::Redis(role, _)) = Target::read(target) else { return true };
        let group = self.environment.home(role).1;
        let moves = |fault: &PlannedFault| {
            faults::find(&fault.kind).is_some_and(|kind| kind.hits() == Hits::Master)
                && fault.at <= then
        };
        let is_soon = then < first.at + group.down_after;
        let is_other = |fault: &&PlannedFault| {
            fault.at <= then && !std::ptr::eq(*fault, first) && !std::ptr::eq(*fault, second)
        };
        // Those who are connected stay so, Sentinels among them.
        let left = faults::find(&first.kind).map(|kind| kind.leaves(first));
        let is_missed = left != Some(Condition::Full) || self.faults.iter().any(|f| is_other(&f));
        group.replicas == 0 || ((is_soon || !is_missed) && !self.faults.iter().any(moves))
    }
}

/// The same of nodes and Sentinels of a group.
fn same(one: Which, other: Which, is_alone: bool) -> Same {
    use Which::{All, Replica, Replicas, Sentinel, Sentinels};
    let is_sentinel = |which| matches!(which, Sentinel(_) | Sentinels);
    let is_node = |which| matches!(which, Which::Node(_));
    match (one, other) {
        _ if is_sentinel(one) != is_sentinel(other) => Same::Never,
        (All | Sentinels, _) | (_, All | Sentinels) => Same::Surely,
        _ if one == other && (is_node(one) || is_sentinel(one)) => Same::Surely,
        _ if is_sentinel(one) || (is_node(one) && is_node(other)) => Same::Never,
        _ if one == other => Same::WhileRolesStay,
        (Replicas, Replica(_)) | (Replica(_), Replicas) => Same::WhileRolesStay,
        // The master is the node.
        _ if is_alone => Same::Surely,
        // A role and a node, or one that becomes the other.
        _ => Same::Perhaps,
    }
}
