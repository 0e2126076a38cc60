//! What every checker needs: words for numbers and times, and bounds on what can still happen.

use redrill_history::{EventKind, Operation, RunView, SECOND_NS, Window, Witness};
use std::time::Duration;

/// What timers, truncation to milliseconds and a busy scheduler may add to any stated bound.
const SLACK_NS: u64 = SECOND_NS;

/// Nanoseconds of a duration.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A time with a duration added.
pub(crate) fn plus(at_ns: u64, duration: Duration) -> u64 {
    at_ns.saturating_add(nanoseconds(duration))
}

/// A time from the start of the load, as plans and charts count it: `12.345 s`.
pub(crate) fn seconds(run: &RunView, at_ns: u64) -> String {
    let sign = if at_ns < run.load_start_ns { "−" } else { "" };
    let milliseconds = at_ns.abs_diff(run.load_start_ns) / 1_000_000;
    format!("{sign}{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}

/// From when to when an operation lasted.
pub(crate) fn span(run: &RunView, op: &Operation) -> String {
    format!("{} to {}", seconds(run, op.started_ns), seconds(run, op.finished_ns))
}

/// A number with its thousands parted: `2,412`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 job`, `2,412 jobs`.
pub(crate) fn many(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A proof: the operations and effects in order of time.
pub(crate) fn witness(
    explanation: String,
    operations: &[&Operation],
    effects: &[&Operation],
) -> Witness {
    let in_order = |operations: &[&Operation]| {
        let mut operations = operations.to_vec();
        operations.sort_by_key(|op| (op.started_ns, op.seq));
        operations.iter().map(|op| op.seq).collect()
    };
    Witness { explanation, operations: in_order(operations), effects: in_order(effects) }
}

/// Why what is absent from the history may have happened all the same, if it may.
pub(crate) fn whole(run: &RunView) -> Result<(), String> {
    if !run.altered.is_empty() {
        return Err(run.altered.join("; "));
    }
    let lost: u64 = run
        .events
        .iter()
        .map(|event| if let EventKind::RecordsLost { count } = event.kind { count } else { 0 })
        .sum();
    if lost > 0 {
        return Err(format!("{} lost", were(lost, "record")));
    }
    if run.unreadable > 0 {
        return Err(format!("{} unreadable", were(run.unreadable as u64, "record")));
    }
    if let Some(reason) = run.interruption() {
        return Err(format!("the run was interrupted ({reason})"));
    }
    if run.is_complete() { Ok(()) } else { Err("the run was cut off before its end".to_owned()) }
}

fn were(number: u64, thing: &str) -> String {
    format!("{} {}", many(number, thing), if number == 1 { "was" } else { "were" })
}

/// The latest time at which a command that the service sent at `sent_ns` may take effect. A node
/// that is stopped or cut off can carry it out after the healing, so that a fault which acts
/// meanwhile moves the bound behind its end; `None` where that end is not known.
pub(crate) fn latest_effect_ns(run: &RunView, sent_ns: u64) -> Option<u64> {
    let settle = |at_ns: u64| plus(at_ns, run.plan.target.promises.command_timeout) + SLACK_NS;
    let mut latest = settle(sent_ns);
    for window in &run.windows {
        let end = fault_end_ns(run, window).map(settle);
        let is_over = end.is_some_and(|end| end < sent_ns);
        if window.begun_ns <= latest && !is_over {
            latest = latest.max(end?);
        }
    }
    Some(latest)
}

/// When a fault stopped acting: its healing, or its injection where the plan lets it need none.
/// `None` when it should have been healed and was not.
pub(crate) fn fault_end_ns(run: &RunView, window: &Window) -> Option<u64> {
    let planned = run.plan.faults.get(window.fault);
    let needs_no_healing = planned.is_some_and(|fault| fault.lasts.is_none());
    window.healed_ns.or(window.injected_ns.filter(|_| needs_no_healing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::Literal;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(2412), "2,412");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(many(1, "job"), "1 job");
        let mut run = Literal::new().view();
        run.load_start_ns = 2_000_000_000;
        assert_eq!(seconds(&run, 12_345_678_901), "10.345 s");
        assert_eq!(seconds(&run, 1_500_000_000), "−0.500 s");
    }

    #[test]
    fn a_command_settles_in_its_timeout_or_after_the_fault_that_holds_it() {
        let quiet = Literal::new().view();
        assert_eq!(latest_effect_ns(&quiet, 10 * SECOND_NS), Some(12 * SECOND_NS));
        let held = Literal::new().fault("pause", "node[0]", 11_000, Some(20_000)).view();
        assert_eq!(latest_effect_ns(&held, 5 * SECOND_NS), Some(7 * SECOND_NS));
        assert_eq!(latest_effect_ns(&held, 10 * SECOND_NS), Some(22 * SECOND_NS));
        assert_eq!(latest_effect_ns(&held, 23 * SECOND_NS), Some(25 * SECOND_NS));
        let open = Literal::new().fault("pause", "node[0]", 11_000, None).view();
        assert_eq!(latest_effect_ns(&open, 10 * SECOND_NS), None);
    }

    #[test]
    fn a_hole_in_the_history_is_named() {
        let mut run = Literal::new().view();
        assert_eq!(whole(&run), Ok(()));
        run.unreadable = 2;
        assert_eq!(whole(&run), Err("2 records were unreadable".to_owned()));
        assert!(whole(&Literal::nothing().view()).unwrap_err().contains("cut off"));
    }
}
