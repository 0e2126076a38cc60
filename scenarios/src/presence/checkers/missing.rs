//! Users who are connected and not shown.

use super::sockets::{Socket, lookups, sockets};
use crate::checker::{
    Checker, Tally, count, fault_end_ns, latest_effect_ns, many, plus, seconds, span, witness,
};
use crate::service::rates::lag_ns;
use redrill_history::{Action, Finding, Flags, Operation, Phase, RunView, SECOND_NS, Witness};
use std::ops::Range;
use std::time::Duration;

/// What a service may need besides a call to Redis until a lookup shows what it acknowledged.
const CONVERGENCE: Duration = Duration::from_secs(1);

pub(super) struct Missing;

impl Checker for Missing {
    fn id(&self) -> &'static str {
        "presence.missing"
    }

    fn statement(&self) -> &'static str {
        "A user who is connected is shown by every instance. While a fault acts, and until the \
         service has recovered and had the time of one sign of life, a gap counts as possible \
         only; so it does where the machine stood still, and no sign of life could be given."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let sockets = sockets(run);
        let standstills = standstills(run);
        for lookup in lookups(run) {
            let users = sockets.get(&lookup.key).map_or(&[][..], Vec::as_slice);
            let Some(socket) = users.iter().find(|socket| is_alive(run, socket, lookup)) else {
                continue;
            };
            tally.examine(lookup);
            if lookup.value == 1 {
                continue;
            }
            if is_quiet(run, lookup) && !is_within(&standstills, run, lookup) {
                tally.definite(lookup, || proof(run, socket, lookup));
                let other = lookup.instance != socket.online.instance;
                let whom = if other { "another instance" } else { "the user's own instance" };
                tally.row("Who did not show the user?", whom, 1);
            } else {
                tally.possible(lookup);
            }
        }
        let summary = format!(
            "{} of {} about connected users did not show them.",
            count(tally.broken()),
            many(tally.examined(), "lookup")
        );
        tally.judged(summary, "nobody asked about a user who was connected for certain")
    }
}

/// True when the socket was acknowledged long enough before the lookup began, and is known to
/// have been open until after it ended.
fn is_alive(run: &RunView, socket: &Socket<'_>, lookup: &Operation) -> bool {
    let shown_ns = plus(socket.online.finished_ns, bound(run));
    let Some(end) = socket.end.filter(|end| end.is_ok()) else { return false };
    // The other side may have known of its own close before its user did.
    let known_by = if end.action == Action::Dropped { SECOND_NS } else { 0 };
    let open_until_ns = end.started_ns.saturating_sub(known_by);
    socket.online.is_ok() && shown_ns <= lookup.started_ns && lookup.finished_ns <= open_until_ns
}

fn bound(run: &RunView) -> Duration {
    run.plan.target.promises.command_timeout + CONVERGENCE
}

/// True when no fault acted shortly before or during the lookup, and the service had recovered
/// from an earlier one: what a failover loses is written again with the next sign of life.
fn is_quiet(run: &RunView, lookup: &Operation) -> bool {
    let ttl = run.plan.target.promises.presence_ttl;
    let recovered_ns = plus(run.phases.span(Phase::After).start_ns, ttl);
    run.windows.iter().all(|window| {
        if lookup.finished_ns < window.begun_ns {
            return true;
        }
        let settled_ns = fault_end_ns(run, window).and_then(|end| latest_effect_ns(run, end));
        let settled_ns = settled_ns.map(|at_ns| plus(at_ns, ttl).max(recovered_ns));
        settled_ns.is_some_and(|at_ns| at_ns < lookup.started_ns)
    })
}

/// When arrivals started late because the generator was slow: it shares the machine with the
/// service, whose signs of life were late with it. A quarter of the time that users are shown
/// without one is long enough to be doubted.
fn standstills(run: &RunView) -> Vec<Range<u64>> {
    let ttl_ns = plus(0, run.plan.target.promises.presence_ttl);
    let is_long = |op: &&Operation| {
        op.is_load() && !op.flags.has(Flags::NO_IDLE_VU) && lag_ns(op) >= ttl_ns / 4
    };
    let late = run.operations.iter().filter(is_long);
    late.map(|op| op.intended_ns..op.started_ns).collect()
}

/// True when a standstill, or what it may have let lapse, reaches into the lookup.
fn is_within(standstills: &[Range<u64>], run: &RunView, lookup: &Operation) -> bool {
    let ttl = run.plan.target.promises.presence_ttl;
    let reaches = |still: &Range<u64>| {
        still.start <= lookup.finished_ns && lookup.started_ns <= plus(still.end, ttl)
    };
    standstills.iter().any(reaches)
}

fn proof(run: &RunView, socket: &Socket<'_>, lookup: &Operation) -> Witness {
    let until = socket.end.map_or(0, |end| end.started_ns);
    let explanation = format!(
        "User {} was acknowledged as online by instance {} at {} and stayed connected until {}. \
         Instance {} was asked from {} and said that the user was offline.",
        lookup.key,
        socket.online.instance,
        seconds(run, socket.online.finished_ns),
        seconds(run, until),
        lookup.instance,
        span(run, lookup)
    );
    let mut operations = vec![socket.online, lookup];
    operations.extend(socket.end);
    witness(explanation, &operations, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found};
    use redrill_history::Verdict;

    /// A socket from 5 s to `end_ms`, and a lookup; a command may take 1 s.
    fn found(mut run: Literal, end: Action, end_ms: u64, lookup_ms: u64, online: u64) -> Finding {
        run.op(Action::Online, 5, 1, (4990, 5000));
        run.op(Action::Lookup, 5, online, (lookup_ms, lookup_ms + 5)).instance = 1;
        run.op(end, 5, 1, (end_ms, end_ms));
        Missing.check(&run.view())
    }

    #[test]
    fn a_lookup_that_is_too_early_or_after_the_end_is_no_evidence() {
        for (lookup_ms, end_ms, end) in [
            (6900, 9000, Action::Offline),
            (9000, 9001, Action::Offline),
            (8500, 9000, Action::Dropped),
        ] {
            let finding = found(Literal::new(), end, end_ms, lookup_ms, 0);
            assert_found(&finding, Verdict::Inconclusive, 0, 0);
        }
    }

    #[test]
    fn a_connected_user_who_is_shown_passes() {
        let finding = found(Literal::new(), Action::Offline, 9000, 7100, 1);
        assert_found(&finding, Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_connected_user_who_is_not_shown_is_missing() {
        for (end, end_ms) in [(Action::Offline, 7106), (Action::Dropped, 8200)] {
            let finding = found(Literal::new(), end, end_ms, 7100, 0);
            assert_found(&finding, Verdict::Fail, 1, 1);
            assert_eq!(finding.witnesses[0].operations, [1, 2, 3]);
        }
    }

    #[test]
    fn a_machine_that_stood_still_is_not_the_services_fault() {
        let late = |lag_ms: u64| {
            let mut run = Literal::new();
            let op = run.op(Action::SessionRead, 9, 1, (6500, 6510));
            op.intended_ns = op.started_ns - lag_ms * redrill_history::MILLISECOND_NS;
            found(run, Action::Offline, 9000, 7100, 0)
        };
        assert_found(&late(2000), Verdict::Pass, 0, 1);
        assert_found(&late(100), Verdict::Fail, 1, 1);
    }

    #[test]
    fn during_a_fault_and_its_aftermath_it_is_possible_only() {
        let run = || Literal::new().fault("kill", "node[0]", 6000, Some(8000));
        let finding = found(run(), Action::Offline, 29_000, 7100, 0);
        assert_found(&finding, Verdict::Pass, 0, 1);
        let finding = found(run(), Action::Offline, 29_000, 12_900, 0);
        assert_found(&finding, Verdict::Pass, 0, 1);
    }
}
