//! Status messages that came twice or out of order.

use super::sockets::{Socket, sockets};
use crate::checker::{Checker, Tally, count, many, seconds, witness};
use redrill_history::{Action, Finding, Operation, RunView, Unit, Witness};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Messages;

impl Checker for Messages {
    fn id(&self) -> &'static str {
        "presence.messages"
    }

    fn statement(&self) -> &'static str {
        "On one socket the messages about a user come once and in the order of their numbers."
    }

    fn check(&self, run: &RunView) -> Finding {
        let mut tally = Tally::new(run, self);
        let by_user = sockets(run);
        let mut receivers: BTreeMap<u32, Vec<Socket<'_>>> = BTreeMap::new();
        for socket in by_user.into_values().flatten() {
            receivers.entry(socket.online.vu).or_default().push(socket);
        }
        // The message with the highest number, by the receiver and the user it is about.
        let mut highest: BTreeMap<(u32, u64), &Operation> = BTreeMap::new();
        let heard = heard(run);
        let mut missed = 0;
        for message in numbered(run) {
            let key = (message.vu, message.key);
            let sockets = receivers.get(&message.vu).map_or(&[][..], Vec::as_slice);
            let before = highest.get(&key).filter(|before| same_socket(sockets, before, message));
            let Some(before) = before.copied() else {
                highest.insert(key, message);
                continue;
            };
            tally.examine(message);
            if number(message) > number(before) {
                let skipped = heard
                    .get(&message.key)
                    .map_or(0, |heard| heard.range(number(before) + 1..number(message)).count());
                if skipped > 0 {
                    tally.possible(message);
                    missed += skipped;
                }
                highest.insert(key, message);
                continue;
            }
            tally.definite(message, || proof(run, before, message));
            tally.row("What was wrong?", wrong(run, before, message), 1);
        }
        let name = "messages that others received and this socket did not";
        tally.measure(name, Some(missed as f64), Unit::Count);
        let summary = format!(
            "{} of {} came twice or out of order.",
            count(tally.broken()),
            many(tally.examined(), "status message")
        );
        tally.judged(summary, "no socket received two messages about one user")
    }
}

/// The messages that carry a number, in the order of their arrival.
fn numbered(run: &RunView) -> impl Iterator<Item = &Operation> {
    run.operations.iter().filter(|op| op.action == Action::StatusMessage && number(op) > 0)
}

/// The numbers of the messages about each user that anybody received. Numbers rise and may skip.
fn heard(run: &RunView) -> BTreeMap<u64, BTreeSet<u64>> {
    let mut heard: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for message in numbered(run) {
        heard.entry(message.key).or_default().insert(number(message));
    }
    heard
}

/// The number that the service gave the message; 0 without one.
fn number(message: &Operation) -> u64 {
    message.value >> 1
}

/// True when the receiver can have had no more than one socket from the one message to the other:
/// two sockets rightly receive the same message twice.
fn same_socket(sockets: &[Socket<'_>], before: &Operation, message: &Operation) -> bool {
    let open =
        sockets.iter().filter(|socket| socket.may_overlap(before.started_ns, message.started_ns));
    open.count() == 1 && before.instance == message.instance
}

fn wrong(run: &RunView, before: &Operation, message: &Operation) -> &'static str {
    let between = |at_ns: u64| (before.started_ns..message.started_ns).contains(&at_ns);
    if run.windows.iter().any(|window| between(window.begun_ns)) {
        "the numbers went back during a fault"
    } else if before.value == message.value {
        "it came twice"
    } else {
        "it came after a later one"
    }
}

fn proof(run: &RunView, before: &Operation, message: &Operation) -> Witness {
    let explanation = format!(
        "On one socket of virtual user {} the message number {} about user {} came at {}, and \
         number {} at {}.",
        message.vu,
        number(before),
        message.key,
        seconds(run, before.started_ns),
        number(message),
        seconds(run, message.started_ns)
    );
    witness(explanation, &[before, message], &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, unknown};
    use redrill_history::Verdict;

    /// Messages with these numbers about user 9, on the only socket of virtual user 0.
    fn received(numbers: &[u64]) -> Literal {
        let mut run = Literal::new();
        run.op(Action::Online, 0, 1, (1000, 1010));
        for (place, number) in numbers.iter().enumerate() {
            let at = 2000 + 100 * place as u64;
            run.op(Action::StatusMessage, 9, number << 1 | 1, (at, at));
        }
        run
    }

    #[test]
    fn fewer_than_two_messages_are_inconclusive() {
        let finding = Messages.check(&received(&[4]).view());
        assert_found(&finding, Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn rising_numbers_pass_and_one_that_only_others_received_is_possibly_lost() {
        assert_found(&Messages.check(&received(&[4, 6]).view()), Verdict::Pass, 0, 0);
        let mut run = received(&[4, 6]);
        run.op(Action::StatusMessage, 9, 5 << 1, (2050, 2050)).vu = 1;
        let finding = Messages.check(&run.view());
        assert_found(&finding, Verdict::Pass, 0, 1);
        assert_eq!(finding.measures[0].value, Some(1.0));
    }

    #[test]
    fn a_number_that_comes_again_or_late_is_definite() {
        let twice = Messages.check(&received(&[4, 5, 5]).view());
        assert_found(&twice, Verdict::Fail, 1, 1);
        assert_eq!(twice.witnesses[0].operations, [3, 4]);
        assert_eq!(twice.breakdowns[0].rows, [("it came twice".to_owned(), 1)]);
        assert_found(&Messages.check(&received(&[4, 6, 5]).view()), Verdict::Fail, 1, 2);
    }

    #[test]
    fn a_second_socket_may_receive_it_too() {
        let mut run = received(&[4, 5, 5]);
        unknown(run.op(Action::Online, 0, 2, (1500, 1600)));
        assert_found(&Messages.check(&run.view()), Verdict::Inconclusive, 0, 0);
    }
}
