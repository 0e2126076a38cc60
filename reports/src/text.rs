//! Things of a run in the words of the design.

use crate::format;
use redrill_history::capacity::{End, Step};
use redrill_history::{
    Action, EventKind, Finding, Flags, NO_INSTANCE, NodeRole, Observation, Operation, PlannedFault,
    Report, RunView, Verdict,
};

/// A verdict's mark, so that it is known without its colour.
pub(crate) const fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Inconclusive => "?",
        Verdict::Fail => "✗",
    }
}

/// The headline without the verdict's word before it, for where the word stands by itself.
pub(crate) fn headline(report: &Report) -> &str {
    let headline = report.headline.as_str();
    let name = report.verdict.name();
    let has_word = headline.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
    let rest = headline.get(name.len()..).filter(|_| has_word);
    rest.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(headline)
}

/// A statement's first sentence, and the rest of it.
pub(crate) fn first_sentence(statement: &str) -> (&str, &str) {
    match statement.split_once(". ") {
        Some((first, rest)) => (first, rest),
        None => (statement.strip_suffix('.').unwrap_or(statement), ""),
    }
}

/// The findings, failures first; within a verdict the checkers' order stays.
pub(crate) fn worst_first(report: &Report) -> Vec<&Finding> {
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    findings
}

/// `kill main.master`, `cut main.master from sentinel[0], server[1]`.
pub(crate) fn fault_name(fault: &PlannedFault) -> String {
    let mut name = format!("{} {}", fault.kind, fault.target.join(", "));
    if !fault.from.is_empty() {
        name += &format!(" from {}", fault.from.join(", "));
    }
    if let Some(kind) = &fault.instead_of {
        name += &format!(" (instead of {kind})");
    }
    name
}

/// What an operation did, with its key and value in words.
pub(crate) fn operation(op: &Operation, run: &RunView) -> String {
    let notes = [
        (Flags::FINAL, "final read"),
        (Flags::HIT, "from the cache"),
        (Flags::DEGRADED, "made without Redis"),
        (Flags::FAILED_ON_DEMAND, "failed on demand"),
    ];
    let notes: Vec<_> =
        notes.iter().filter(|(flag, _)| op.flags.has(*flag)).map(|(_, note)| *note).collect();
    let action = action(op, run);
    if notes.is_empty() { action } else { format!("{action} ({})", notes.join(", ")) }
}

fn action(op: &Operation, run: &RunView) -> String {
    let (key, value) = (op.key, op.value);
    match op.action {
        Action::Generate if value == u64::MAX => {
            format!("generate prompt {key}, got an answer to no prompt")
        }
        Action::Generate if value == 0 => format!("generate prompt {key}"),
        Action::Generate => format!("generate prompt {key}, got the answer to {value}"),
        Action::Login => format!("log in, session {key}"),
        Action::SessionWrite => format!("write {value} to session {key}"),
        Action::SessionRead if !op.is_ok() => format!("read session {key}"),
        Action::SessionRead if value == 0 => format!("read session {key}, saw no value"),
        Action::SessionRead => format!("read session {key}, saw {value}"),
        Action::Logout => format!("log out of session {key}"),
        Action::DeadRead => format!("read session {key} after its logout"),
        Action::Hit => hit(op, run),
        Action::Submit => format!("submit job {key} to queue {value}"),
        Action::JobStatus => {
            let state = usize::try_from(value).ok().and_then(|at| Action::JOB_STATES.get(at));
            format!("ask for job {key}: {}", state.unwrap_or(&"no state that is known"))
        }
        Action::Online => format!("user {key} goes online, socket {value}"),
        Action::Offline => format!("user {key} goes offline, socket {value}"),
        Action::Lookup if !op.is_ok() => format!("look user {key} up"),
        Action::Lookup => {
            format!("look user {key} up: {}", if value == 1 { "online" } else { "offline" })
        }
        Action::StatusMessage => {
            let status = if value & 1 == 1 { "online" } else { "offline" };
            format!("message {} says user {key} is {status}", value >> 1)
        }
        Action::Dropped => format!("socket {value} of user {key} is closed by the other side"),
        Action::ModelCall => format!("the model API is called for {key}, attempt {value}"),
        Action::MailCall => format!("the mail API is called for job {key}, attempt {value}"),
    }
}

fn hit(op: &Operation, run: &RunView) -> String {
    let (policy, client) = Action::limiter_parts(op.key);
    let name = run.plan.limit_policy(policy).map_or("no policy of the plan", |p| &p.policy);
    let end = if op.value == 1 { "admitted" } else { "not admitted" };
    format!("client {client} hits {name}: {end}")
}

/// The outcome with the status that told it: `ok 202`, `unknown, no answer`.
pub(crate) fn outcome(op: &Operation) -> String {
    match op.status {
        0 if op.flags.has(Flags::TIMED_OUT) => format!("{}, timed out", op.outcome.name()),
        0 => format!("{}, no answer", op.outcome.name()),
        status => format!("{} {status}", op.outcome.name()),
    }
}

/// The outcome, and what a reader of a witness looks for first: the count, and who gave it.
pub(crate) fn answer(op: &Operation, run: &RunView) -> String {
    let seen = run.observation(op.seq);
    let count = seen.and_then(|seen| seen.counter).map(|count| format!(", count {count}"));
    let node = seen.and_then(|seen| seen.node).map(|node| format!(", by {}", node_name(node, run)));
    format!("{}{}{}", outcome(op), count.unwrap_or_default(), node.unwrap_or_default())
}

/// What the answer told beyond its outcome.
pub(crate) fn observed(op: &Operation, run: &RunView) -> String {
    let Some(seen) = run.observation(op.seq) else { return "–".to_owned() };
    let counts = [
        ("user", seen.owner),
        ("count", seen.counter),
        ("window", seen.window),
        ("limit", seen.limit),
        ("remaining", seen.remaining),
    ];
    let seconds = [("reset in", seen.reset_s), ("retry after", seen.retry_after_s)];
    let told = |(name, value): (&str, Option<u64>)| Some(format!("{name} {}", value?));
    let counts = counts.into_iter().filter_map(told);
    let seconds = seconds.into_iter().filter_map(told).map(|text| format!("{text}\u{a0}s"));
    let age = seen.age_ns.map(|ns| format!("age {}", format::duration(ns as f64)));
    let node = seen.node.map(|number| format!("by {}", node_name(number, run)));
    let parts: Vec<_> = counts.chain(seconds).chain(age).chain(node).collect();
    parts.join(", ")
}

/// The node whose run id an answer named.
fn node_name(number: u64, run: &RunView) -> String {
    let named = run.events.iter().find_map(|event| match &event.kind {
        EventKind::Role { node, run_id: Some(id), .. } => {
            (Observation::node_number(id) == Some(number)).then(|| node.clone())
        }
        _ => None,
    });
    named.unwrap_or_else(|| format!("node {number:016x}"))
}

/// The instance that was asked.
pub(crate) fn instance(op: &Operation) -> String {
    if op.instance == NO_INSTANCE { "–".to_owned() } else { format!("server[{}]", op.instance) }
}

/// What an event tells, as a sentence without its time.
pub(crate) fn event(kind: &EventKind, run: &RunView) -> String {
    let fault = |index: usize| {
        let planned = run.plan.faults.get(index).map(fault_name);
        planned.unwrap_or_else(|| format!("fault {index}"))
    };
    match kind {
        EventKind::EnvironmentReady => "The environment is ready".to_owned(),
        EventKind::LoadStarted { .. } => "The load begins".to_owned(),
        EventKind::LoadEnded { .. } => "The load is over".to_owned(),
        EventKind::ArrivalsAbandoned { count, .. } => {
            format!("{} never started and given up", format::counted(*count, "arrival"))
        }
        EventKind::DrainEnded => "The final reads are done".to_owned(),
        EventKind::FaultBegun { fault: index, target, .. } => {
            format!("Fault begins: {} (hits {target})", fault(*index))
        }
        EventKind::FaultInjected { fault: index, proof } => {
            let proof = proof.as_ref().map(|proof| format!("; proof: {proof}"));
            format!("Fault acts: {}{}", fault(*index), proof.unwrap_or_default())
        }
        EventKind::FaultFailed { fault: index, reason } => {
            format!("Fault did not act as planned: {}: {reason}", fault(*index))
        }
        EventKind::FaultHealed { fault: index } => format!("Fault is healed: {}", fault(*index)),
        EventKind::Role { node, role, .. } => {
            let role = match role {
                NodeRole::Master => "is master",
                NodeRole::Replica => "is replica",
                NodeRole::Down => "does not answer",
            };
            format!("{node} {role}")
        }
        EventKind::Sentinel { sentinel, channel, message } => {
            format!("{sentinel} says {channel} {message}")
        }
        EventKind::ProcessUp { process, pid } => format!("{process} starts (process {pid})"),
        EventKind::ProcessDown { process } => format!("{process} ends"),
        EventKind::RecordsLost { count } => {
            format!("{} lost: the disk was too slow", format::counted(*count, "record"))
        }
        EventKind::Interrupted { reason } => format!("The run is interrupted: {reason}"),
        EventKind::Sealed { .. } => "What the run's files hold is recorded".to_owned(),
        EventKind::RunEnded => "The run is over".to_owned(),
    }
}

/// How a step of a capacity search ended.
pub(crate) fn end(step: &Step) -> String {
    match step.end {
        End::Held => "held".to_owned(),
        End::Void => "says nothing".to_owned(),
        End::Broke => {
            let broken: Vec<String> =
                step.broken.iter().map(|(threshold, _)| threshold.to_string()).collect();
            format!("broke: {}", broken.join(", "))
        }
    }
}

/// The text, or its first letters where a picture has no room for more.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// The command that does the same run again, from where it was started (sides and targets may be
/// paths); RUN is the run's folder, whose plan has every choice of the command line and the seed.
pub(crate) fn replay(run: &RunView) -> String {
    format!("redrill {} RUN/plan.toml", run.plan.kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;

    #[test]
    fn operations_are_told_in_words() {
        let run = synthetic::steady().0;
        let mut op = *run.operations.iter().find(|op| op.action == Action::Hit).unwrap();
        (op.key, op.value) = (Action::limiter_key(0, 7), 0);
        assert_eq!(operation(&op, &run), "client 7 hits general: not admitted");
        op.key = Action::limiter_key(9, 7);
        assert_eq!(operation(&op, &run), "client 7 hits no policy of the plan: not admitted");
        (op.action, op.key, op.value) = (Action::JobStatus, 3, 99);
        assert_eq!(operation(&op, &run), "ask for job 3: no state that is known");
        op.status = 0;
        assert!(outcome(&op).ends_with("no answer"));
        op.flags = Flags::FINAL.with(Flags::TIMED_OUT);
        assert!(outcome(&op).ends_with("timed out"));
        assert!(operation(&op, &run).ends_with("(final read)"));
    }

    #[test]
    fn the_word_of_a_verdict_is_not_said_twice() {
        let (_, mut report) = synthetic::failover();
        "FAIL: 3 jobs were lost.".clone_into(&mut report.headline);
        assert_eq!(headline(&report), "3 jobs were lost.");
        "Failing: 3 jobs".clone_into(&mut report.headline);
        assert_eq!(headline(&report), "Failing: 3 jobs");
        "é".clone_into(&mut report.headline);
        assert_eq!(headline(&report), "é");
    }

    #[test]
    fn a_statement_is_its_first_sentence_and_a_remark() {
        assert_eq!(first_sentence("A job runs once."), ("A job runs once", ""));
        assert_eq!(first_sentence("It holds. Mostly. Yes."), ("It holds", "Mostly. Yes."));
    }

    #[test]
    fn what_an_answer_told_names_the_node() {
        let run = synthetic::failover().0;
        let of = |seq| observed(run.operation(seq).unwrap(), &run);
        assert_eq!(of(1), "count 1, by node[0]");
        assert_eq!(of(200), "–");
        assert_eq!(answer(run.operation(1).unwrap(), &run), "ok 200, count 1, by node[0]");
        assert_eq!(answer(run.operation(200).unwrap(), &run), "ok 200");
    }
}
