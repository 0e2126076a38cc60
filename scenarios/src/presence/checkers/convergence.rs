//! How long until other instances show who came online.

use super::sockets::sockets;
use crate::checker::{Checker, Objective, Tally, many};
use redrill_history::{Action, Finding, Operation, ResolvedPlan, RunView, Unit};
use std::collections::BTreeMap;

pub(super) struct Convergence;

impl Checker for Convergence {
    fn id(&self) -> &'static str {
        "presence.convergence"
    }

    fn statement(&self) -> &'static str {
        "Another instance shows a user soon after the acknowledgement. An objective of the plan \
         says how soon at the latest."
    }

    fn objective(&self) -> Objective {
        Objective::Time
    }

    fn applies(&self, plan: &ResolvedPlan) -> bool {
        plan.kind.is_one_load() && plan.target.instances > 1
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let mut signs: BTreeMap<u64, Vec<&Operation>> = BTreeMap::new();
        for op in run.operations.iter().filter(|op| shows_online(op)) {
            signs.entry(op.key).or_default().push(op);
        }
        for signs in signs.values_mut() {
            signs.sort_by_key(|sign| sign.finished_ns);
        }
        let mut times = Vec::new();
        let mut unseen = 0_u64;
        for (user, sockets) in sockets(run) {
            for (place, socket) in sockets.iter().enumerate().filter(|(_, it)| it.online.is_ok()) {
                let next = sockets.get(place + 1).map(|next| next.online.started_ns);
                let end = socket.end.map(|end| end.started_ns);
                let until_ns = next.into_iter().chain(end).min().unwrap_or(u64::MAX);
                let mine = signs.get(&user).map_or(&[][..], Vec::as_slice);
                let first = mine.iter().find(|sign| {
                    sign.instance != socket.online.instance
                        && sign.started_ns >= socket.online.started_ns
                        && sign.finished_ns < until_ns
                });
                match first {
                    Some(sign) => {
                        tally.examine(socket.online);
                        let since = sign.finished_ns.saturating_sub(socket.online.finished_ns);
                        times.push(since as f64);
                    }
                    None => unseen += 1,
                }
            }
        }
        times.sort_by(f64::total_cmp);
        let (longest, median) = (times.last().copied(), times.get(times.len() / 2).copied());
        tally.measure("longest", longest, Unit::Nanoseconds);
        tally.measure("median", median, Unit::Nanoseconds);
        tally.measure("never seen elsewhere", Some(unseen as f64), Unit::Count);
        let in_ms = |time: Option<f64>| time.unwrap_or_default() / 1e6;
        let summary = format!(
            "Another instance showed {} after a median of {:.1} ms, {:.1} ms at most.",
            many(tally.examined(), "arrival"),
            in_ms(median),
            in_ms(longest)
        );
        tally.reported(summary, "no other instance was seen to show a user who came online")
    }
}

/// True for a lookup or a message that shows its user as online.
fn shows_online(op: &Operation) -> bool {
    match op.action {
        Action::Lookup => op.is_ok() && op.value == 1,
        Action::StatusMessage => op.value & 1 == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::Literal;
    use redrill_history::{Bound, Verdict};
    use std::time::Duration;

    /// A user comes online at instance 0; instance 1 tells of it at each of these times.
    fn found(told_ms: &[u64], bound: Option<Duration>) -> Finding {
        let mut run = Literal::new();
        run.op(Action::Online, 5, 1, (1000, 1010));
        run.op(Action::StatusMessage, 5, 3, (1011, 1011));
        for at in told_ms {
            run.op(Action::StatusMessage, 5, 3, (*at, *at)).instance = 1;
        }
        run.op(Action::Offline, 5, 1, (3000, 3010));
        let bound = bound.map(|most| ("presence.convergence".to_owned(), Bound::Time(most)));
        run.parts.plan.objectives.extend(bound);
        Convergence.check(&run.view())
    }

    #[test]
    fn a_user_whom_no_other_instance_shows_is_inconclusive() {
        assert_eq!(found(&[], None).verdict, Verdict::Inconclusive);
        assert_eq!(found(&[3500], None).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn the_first_sign_elsewhere_counts() {
        let finding = found(&[1050, 1900], None);
        assert_eq!(finding.verdict, Verdict::Pass);
        assert_eq!(finding.measures[0].value, Some(40e6));
    }

    #[test]
    fn an_objective_is_held_against_the_longest() {
        let at_most = |most| Some(Duration::from_millis(most));
        assert_eq!(found(&[1050], at_most(40)).verdict, Verdict::Pass);
        assert_eq!(found(&[1050], at_most(39)).verdict, Verdict::Fail);
    }
}
