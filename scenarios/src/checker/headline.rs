//! One sentence for somebody who knows nothing of the run.

use super::evidence::{count, many};
use crate::gate;
use redrill_history::{
    Event, EventKind, Finding, NodeRole, Role, RunView, SECOND_NS, Verdict, Window,
};

/// Which failed finding a stranger must hear first: what was promised and is gone, then what was
/// wrong, then what was slow.
const GRAVEST: &[&str] = &[
    "sessions.leak",
    "cache.wrong",
    "queue.lost",
    "sessions.lost-writes",
    "sessions.revived",
    "sessions.lost",
    "queue.refused-but-executed",
    "queue.stuck",
    "limiter.over-admission",
    "limiter.false-rejection",
];

/// Characters that a headline takes of a finding's summary.
const LONGEST: usize = 160;

/// The verdict, the gravest finding, the fault and the recovery.
pub(super) fn headline(run: &RunView, verdict: Verdict, findings: &[Finding]) -> String {
    let with = |wanted: Verdict| findings.iter().filter(move |found| found.verdict == wanted);
    if let Some(rate) = findings.iter().find(|found| found.id == "capacity.rate") {
        return search(rate, verdict, findings);
    }
    if let Some(gate) = &run.plan.gate {
        return gate::headline(gate, verdict, findings);
    }
    let after = recovery(run);
    match verdict {
        Verdict::Fail => {
            let failed = with(Verdict::Fail).count() as u64;
            let what = with(Verdict::Fail).min_by_key(|found| rank(&found.id)).map(first_sentence);
            let what = what.unwrap_or_default();
            let others = match failed - 1 {
                0 => String::new(),
                more => format!("; {} failed besides", many(more, "other check")),
            };
            format!("FAIL: {what}{}{after}{others}.", faults(run))
        }
        Verdict::Inconclusive => {
            let open = with(Verdict::Inconclusive).count() as u64;
            let all = many(findings.len() as u64, "check");
            let judged = format!("{} of {all} could not be judged{}", count(open), faults(run));
            let mut doubts = with(Verdict::Inconclusive);
            match with(Verdict::Inconclusive).find(|found| found.id.starts_with("trust.")) {
                Some(doubt) => format!("INCONCLUSIVE: {}; {judged}.", first_sentence(doubt)),
                None => {
                    let why = doubts
                        .next()
                        .map(|found| format!("; {}: {}", found.id, first_sentence(found)));
                    format!("INCONCLUSIVE: {judged}{}.", why.unwrap_or_default())
                }
            }
        }
        Verdict::Pass => format!(
            "PASS: all {} held{}{after}.",
            many(findings.len() as u64, "check"),
            faults(run)
        ),
    }
}

/// Of a capacity search: the rate, after what makes it doubtful.
fn search(rate: &Finding, verdict: Verdict, findings: &[Finding]) -> String {
    let word = verdict.name().to_uppercase();
    let deciding = || findings.iter().filter(|found| found.verdict == verdict);
    // What cannot be trusted is open whatever it says.
    let doubt = deciding().find(|found| found.id.starts_with("trust."));
    let doubt = doubt.filter(|_| verdict == Verdict::Inconclusive);
    let decides = (rate.verdict == verdict).then_some(rate);
    match doubt.or(decides).or_else(|| deciding().next()) {
        Some(lead) if lead.id != rate.id => {
            format!("{word}: {}; {}: {}.", first_sentence(lead), rate.id, first_sentence(rate))
        }
        _ => format!("{word}: {}.", first_sentence(rate)),
    }
}

fn rank(id: &str) -> usize {
    GRAVEST.iter().position(|grave| *grave == id).unwrap_or(GRAVEST.len())
}

/// The summary up to the end of its first sentence or line, in a length that a headline bears.
fn first_sentence(finding: &Finding) -> String {
    let line = finding.summary.lines().next().unwrap_or_default();
    let text = line.split(". ").next().unwrap_or_default().trim_end_matches(['.', ':', ' ']);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            let whole_words = text[..end].rsplit_once(' ').map_or(&text[..end], |(start, _)| start);
            format!("{whole_words} …")
        }
        None => text.to_owned(),
    }
}

/// ` when node[0] (the master) was killed`, of what was done, not of what was planned or tried.
fn faults(run: &RunView) -> String {
    let mut told: Vec<(String, usize)> = Vec::new();
    for window in run.windows.iter().filter(|window| window.injected_ns.is_some()) {
        let what = fault(run, window);
        match told.iter_mut().find(|(known, _)| *known == what) {
            Some((_, times)) => *times += 1,
            None => told.push((what, 1)),
        }
    }
    let more: usize = told.iter().skip(2).map(|(_, times)| times).sum();
    let told: Vec<String> = told.into_iter().take(2).map(often).collect();
    match (told.is_empty(), more) {
        (true, _) if !run.plan.faults.is_empty() => ", and no fault was injected".to_owned(),
        (true, _) => " under load without a fault".to_owned(),
        (false, 0) => format!(" when {}", told.join(" and ")),
        (false, more) => {
            format!(" when {} and {}", told.join(", "), many(more as u64, "more fault"))
        }
    }
}

fn often((what, times): (String, usize)) -> String {
    match times {
        1 => what,
        2 => format!("{what} twice"),
        times => format!("{what} {times} times"),
    }
}

fn fault(run: &RunView, window: &Window) -> String {
    // A cut names both of its sides.
    let (target, others) = match window.target.split_once(" from ") {
        Some((target, others)) => (target, Some(others)),
        None => (window.target.as_str(), None),
    };
    let role = match role_at(&run.events, target, window.begun_ns) {
        Some(NodeRole::Master) if is_one_of_several(run, target) => " (a master)",
        Some(NodeRole::Master) => " (the master)",
        Some(NodeRole::Replica) => " (a replica)",
        Some(NodeRole::Down) | None => "",
    };
    let were = if target.contains(", ") { "were" } else { "was" };
    let target = listed(target);
    match (window.kind.as_str(), others) {
        ("kill", _) => format!("{target}{role} {were} killed"),
        ("stop", _) => format!("{target}{role} {were} stopped"),
        ("pause", _) => format!("{target}{role} {were} paused"),
        ("flap", _) => format!("{target}{role} kept going away and coming back"),
        ("restart", _) => format!("{target}{role} {were} restarted"),
        ("failover", _) => format!("{target}{role} {were} failed over on command"),
        ("cut", Some(others)) => {
            format!("{target}{role} {were} cut off from {}", listed(others))
        }
        ("cut", None) => format!("{target}{role} {were} cut off"),
        (kind, _) => format!("{target}{role} {were} hit by '{kind}'"),
    }
}

/// `a, b and c` of `a, b, c`.
fn listed(names: &str) -> String {
    names.rsplit_once(", ").map_or_else(|| names.to_owned(), |(a, b)| format!("{a} and {b}"))
}

/// Whether a node is of a group with several masters.
fn is_one_of_several(run: &RunView, node: &str) -> bool {
    let role = node.split_once('.').and_then(|(role, _)| Role::from_name(role));
    run.plan.environment.home(role.unwrap_or(Role::Main)).1.masters > 1
}

fn role_at(events: &[Event], node: &str, at_ns: u64) -> Option<NodeRole> {
    let before = events.iter().take_while(|event| event.at_ns <= at_ns);
    before
        .filter_map(|event| match &event.kind {
            EventKind::Role { node: of, role, .. } if of == node => Some(*role),
            _ => None,
        })
        .last()
}

/// `; the service recovered in 3 s`. Of several faults the longest time is told, as the most that
/// it can be where its end is not known.
fn recovery(run: &RunView) -> String {
    let done = run.windows.iter().filter(|window| window.injected_ns.is_some()).count();
    match (done == 0, run.phases.time_to_recover_ns) {
        (true, _) => String::new(),
        (false, Some(time)) if run.phases.least_to_recover_ns < time => {
            format!("; the service recovered within {} s", time.div_ceil(SECOND_NS))
        }
        (false, Some(time)) if done > 1 => {
            format!("; the service recovered in {} s at the longest", rounded(time))
        }
        (false, Some(time)) => format!("; the service recovered in {} s", rounded(time)),
        (false, None) if run.phases.never_recovered() => {
            "; the service did not recover before the load ended".to_owned()
        }
        (false, None) => "; the service kept answering".to_owned(),
    }
}

/// In seconds, as the finding tells it.
const fn rounded(time_ns: u64) -> u64 {
    (time_ns + SECOND_NS / 2) / SECOND_NS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::Literal;
    use redrill_history::RunKind;

    fn finding(id: &str, verdict: Verdict, summary: &str) -> Finding {
        Finding { verdict, summary: summary.to_owned(), ..Finding::new(id, "It holds.") }
    }

    #[test]
    fn the_gravest_failure_and_the_fault_are_told() {
        let run = Literal::new()
            .role("node[0]", NodeRole::Master, 100)
            .fault("kill", "node[0]", 12_000, Some(22_000))
            .view();
        let findings = [
            finding("queue.stuck", Verdict::Fail, "2 jobs were stuck."),
            finding("queue.lost", Verdict::Fail, "14 of 2,412 acknowledged jobs were lost. More."),
            finding("cache.wrong", Verdict::Pass, "None."),
        ];
        let told = headline(&run, Verdict::Fail, &findings);
        assert!(
            told.starts_with(
                "FAIL: 14 of 2,412 acknowledged jobs were lost when node[0] (the master) was \
                 killed; "
            ),
            "{told}"
        );
        assert!(told.ends_with("; 1 other check failed besides."), "{told}");
    }

    #[test]
    fn a_cut_names_its_master_and_the_other_side() {
        let run = Literal::new()
            .role("node[0]", NodeRole::Master, 100)
            .fault("cut", "node[0] from node[1], sentinel[0]", 12_000, Some(22_000))
            .view();
        let told = headline(&run, Verdict::Pass, &[]);
        let cut = " when node[0] (the master) was cut off from node[1] and sentinel[0]; ";
        assert!(told.contains(cut), "{told}");
    }

    #[test]
    fn what_was_not_done_is_not_told_and_what_was_done_often_is_told_once() {
        let begun = |run: Literal, fault, kind: &str, target: &str| {
            let (kind, target) = (kind.to_owned(), target.to_owned());
            run.event(13_000, EventKind::FaultBegun { fault, kind, target })
        };
        let run = Literal::new().fault("kill", "server[0], server[1]", 12_000, Some(14_000));
        let run = begun(run, 1, "pause", "server[0]");
        let both = " when server[0] and server[1] were killed; ";
        let told = headline(&run.view(), Verdict::Pass, &[]);
        assert!(told.contains(both), "{told}");
        let mut run = Literal::new();
        for fault in 0..3 {
            run = begun(run, fault, "script-flush", "node[0]");
            run = run.event(13_001, EventKind::FaultInjected { fault, proof: None });
        }
        let mut run = run.view();
        run.phases.time_to_recover_ns = Some(2 * SECOND_NS + SECOND_NS / 2);
        run.phases.least_to_recover_ns = SECOND_NS;
        assert!(
            headline(&run, Verdict::Pass, &[]).ends_with("; the service recovered within 3 s.")
        );
        run.phases.least_to_recover_ns = 2 * SECOND_NS + SECOND_NS / 2;
        let told = headline(&run, Verdict::Pass, &[]);
        let often = " when node[0] was hit by 'script-flush' 3 times; the service recovered in 3 s \
                     at the longest.";
        assert!(told.ends_with(often), "{told}");
        run.windows.pop();
        assert!(headline(&run, Verdict::Pass, &[]).contains("'script-flush' twice; "));
        let mut run = begun(Literal::new(), 0, "pause", "server[0]");
        run.parts.plan.faults.push(redrill_history::PlannedFault::example());
        let told = headline(&run.view(), Verdict::Pass, &[]);
        assert_eq!(told, "PASS: all 0 checks held, and no fault was injected.");
    }

    #[test]
    fn a_sentence_that_is_too_long_is_cut_between_words() {
        let long = finding("queue.lost", Verdict::Fail, &"acknowledged ".repeat(20));
        assert_eq!(first_sentence(&long), format!("{} …", ["acknowledged"; 12].join(" ")));
    }

    #[test]
    fn a_search_leads_with_what_decides_it() {
        let mut run = Literal::new().view();
        run.plan.kind = RunKind::Capacity;
        let rate = |verdict| finding("capacity.rate", verdict, "The service carries 497/s. More.");
        let history = |verdict| finding("trust.history", verdict, "The run was interrupted.");
        let told = |verdict, findings: &[Finding]| headline(&run, verdict, findings);
        let trusted = [rate(Verdict::Pass), history(Verdict::Pass)];
        assert_eq!(told(Verdict::Pass, &trusted), "PASS: The service carries 497/s.");
        for of_rate in [Verdict::Pass, Verdict::Inconclusive] {
            assert_eq!(
                told(Verdict::Inconclusive, &[rate(of_rate), history(Verdict::Inconclusive)]),
                "INCONCLUSIVE: The run was interrupted; capacity.rate: The service carries 497/s."
            );
        }
        let failed = [rate(Verdict::Fail), history(Verdict::Inconclusive)];
        assert_eq!(told(Verdict::Fail, &failed), "FAIL: The service carries 497/s.");
    }

    #[test]
    fn an_open_verdict_names_what_made_it_so() {
        let run = Literal::new().view();
        let findings = [
            finding("queue.lost", Verdict::Inconclusive, "Nothing."),
            finding("trust.sentinel", Verdict::Inconclusive, "Sentinel was in TILT."),
            finding("cache.wrong", Verdict::Pass, "None."),
        ];
        assert_eq!(
            headline(&run, Verdict::Inconclusive, &findings),
            "INCONCLUSIVE: Sentinel was in TILT; 2 of 3 checks could not be judged under load \
             without a fault."
        );
        assert_eq!(
            headline(&run, Verdict::Inconclusive, &findings[..1]),
            "INCONCLUSIVE: 1 of 1 check could not be judged under load without a fault; \
             queue.lost: Nothing."
        );
    }
}
