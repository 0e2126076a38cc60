//! Users who are shown though they are long gone.

use super::sockets::{Socket, lookups, sockets};
use crate::checker::{
    Checker, Tally, count, latest_effect_ns, many, nanoseconds, plus, seconds, span, witness,
};
use redrill_history::{Finding, Operation, RunView, Witness, print_duration};

pub(super) struct Ghosts;

impl Checker for Ghosts {
    fn id(&self) -> &'static str {
        "presence.ghosts"
    }

    fn statement(&self) -> &'static str {
        "A user whose every socket is closed is no longer shown once the time since the last sign \
         of life is over."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let sockets = sockets(run);
        for lookup in lookups(run) {
            let begun = sockets.get(&lookup.key).map_or(&[][..], Vec::as_slice);
            let begun: Vec<Socket<'_>> = begun
                .iter()
                .copied()
                .filter(|socket| socket.online.started_ns < lookup.finished_ns)
                .collect();
            match (gone_ns(run, &begun), gone_ns_if_unknown_closed(run, &begun)) {
                (Some(gone_ns), _) if gone_ns < lookup.started_ns => {
                    tally.examine(lookup);
                    if lookup.value == 1 {
                        tally.definite(lookup, || proof(run, lookup, &begun));
                    }
                }
                (None, gone_ns) if gone_ns < lookup.started_ns && lookup.value == 1 => {
                    tally.possible(lookup);
                }
                _ => {}
            }
        }
        let summary = format!(
            "{} of {} about users long gone showed a ghost.",
            count(tally.broken()),
            many(tally.examined(), "lookup")
        );
        tally.judged(summary, "nobody asked about a user who had been gone for long enough")
    }
}

/// When the last sign of life of closed sockets has run out at the latest; `None` while one of
/// them may be open, or may still be written by a node that was stopped.
fn gone_ns(run: &RunView, sockets: &[Socket<'_>]) -> Option<u64> {
    let mut last_ns = 0;
    for socket in sockets {
        last_ns = last_ns.max(latest_effect_ns(run, socket.closed_ns()?)?);
    }
    Some(plus(last_ns, run.plan.target.promises.presence_ttl))
}

/// The same if every socket whose end is not known had ended when it was last heard of.
fn gone_ns_if_unknown_closed(run: &RunView, sockets: &[Socket<'_>]) -> u64 {
    let heard = |socket: &Socket<'_>| socket.end.unwrap_or(socket.online).finished_ns;
    let last_ns = sockets.iter().map(heard).max().unwrap_or(0);
    last_ns.saturating_add(nanoseconds(run.plan.target.promises.presence_ttl))
}

fn proof(run: &RunView, lookup: &Operation, sockets: &[Socket<'_>]) -> Witness {
    let last = sockets.iter().max_by_key(|socket| socket.closed_ns());
    let gone = match last.and_then(Socket::closed_ns) {
        Some(at_ns) => format!("closed the last of its sockets at {}", seconds(run, at_ns)),
        None => "never came online".to_owned(),
    };
    let explanation = format!(
        "User {} {gone} and opened none after that. A user may be shown for {} after the last \
         sign of life; the lookup from {} showed it as online.",
        lookup.key,
        print_duration(run.plan.target.promises.presence_ttl),
        span(run, lookup)
    );
    let mut operations = vec![lookup];
    operations.extend(last.map(|socket| socket.online));
    operations.extend(last.and_then(|socket| socket.end));
    witness(explanation, &operations, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, unknown};
    use redrill_history::{Action, Verdict};

    /// A socket from 1 s to 2 s, and a lookup; the time to live is 3 s, a command's 1 s.
    fn found(mut run: Literal, closed: bool, lookup_ms: u64, online: u64) -> Finding {
        run.op(Action::Online, 5, 1, (1000, 1010));
        let close = run.op(Action::Offline, 5, 1, (1990, 2000));
        if !closed {
            unknown(close);
        }
        run.op(Action::Lookup, 5, online, (lookup_ms, lookup_ms + 5));
        Ghosts.check(&run.view())
    }

    #[test]
    fn a_lookup_within_the_time_is_no_evidence() {
        assert_found(&found(Literal::new(), true, 6900, 1), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_user_who_is_gone_passes() {
        assert_found(&found(Literal::new(), true, 7100, 0), Verdict::Pass, 0, 0);
    }

    #[test]
    fn a_user_who_is_shown_long_after_is_a_ghost() {
        let finding = found(Literal::new(), true, 7100, 1);
        assert_found(&finding, Verdict::Fail, 1, 1);
        assert_eq!(finding.witnesses[0].operations, [1, 2, 3]);
        assert!(finding.witnesses[0].explanation.contains("at 2.000 s"));
    }

    #[test]
    fn a_close_without_an_answer_makes_it_possible_only() {
        assert_found(&found(Literal::new(), false, 7100, 1), Verdict::Inconclusive, 0, 1);
    }

    #[test]
    fn a_user_who_comes_again_is_no_ghost() {
        let mut run = Literal::new();
        unknown(run.op(Action::Online, 5, 2, (7000, 7200)));
        assert_found(&found(run, true, 7100, 1), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_stopped_node_may_have_kept_the_last_sign_of_life() {
        let run = Literal::new().fault("pause", "node[0]", 2500, Some(9000));
        assert_found(&found(run, true, 13_900, 1), Verdict::Inconclusive, 0, 0);
        let run = Literal::new().fault("pause", "node[0]", 2500, Some(9000));
        assert_found(&found(run, true, 14_100, 1), Verdict::Fail, 1, 1);
    }
}
