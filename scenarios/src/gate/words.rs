//! What comparisons say, in words.

use super::blocks::Block;
use super::sides::Sides;
use crate::checker::{count, many};
use redrill_history::{Comparison, Finding, GatePlan, Verdict};

/// Redis commands that a change is told by.
const COMMANDS_TOLD: usize = 3;
/// A command that is called so much more often, a request, is told: less is the noise of timers.
const TELLING: f64 = 0.005;

/// One sentence on the whole comparison.
pub(crate) fn headline(gate: &GatePlan, verdict: Verdict, findings: &[Finding]) -> String {
    let all: usize = findings.iter().map(|found| found.comparisons.len()).sum();
    let against = match &gate.baseline {
        Some(_) => "saved blocks of the base, which is weaker than blocks run beside it",
        None => "the base",
    };
    let with = |wanted: Verdict| findings.iter().filter(move |found| found.verdict == wanted);
    let first = |found: &Finding| {
        let sentence = found.summary.split(". ").next().unwrap_or_default();
        sentence.trim_end_matches('.').to_owned()
    };
    let others = |count: usize| match count {
        0 => String::new(),
        more => format!("; {} besides", many(more as u64, "other check")),
    };
    match verdict {
        Verdict::Fail => {
            let failed: Vec<&Finding> = with(Verdict::Fail).collect();
            let what = failed.first().map(|found| first(found)).unwrap_or_default();
            let more = others(failed.len() - 1);
            format!("FAIL: compared with {against}, the candidate is worse: {what}{more}.")
        }
        Verdict::Inconclusive => {
            let open: Vec<&Finding> = with(Verdict::Inconclusive).collect();
            let what = open.first().map(|found| first(found)).unwrap_or_default();
            // What was compared and is still open, only more of the same settles.
            let advice = match open.first().is_some_and(|found| !found.comparisons.is_empty()) {
                true => " More pairs, longer blocks or a quieter machine would tell.",
                false => "",
            };
            format!("INCONCLUSIVE: {what}{}.{advice}", others(open.len().saturating_sub(1)))
        }
        Verdict::Pass if all == 0 => "PASS: the blocks were measured, to be compared with.".into(),
        Verdict::Pass => format!(
            "PASS: compared with {against}, the candidate is not worse than tolerated in any of \
             {}.",
            many(all as u64, "comparison")
        ),
    }
}

/// The worst of the comparisons: the gravest verdict, then the largest estimate.
pub(super) fn worst(comparisons: &[Comparison]) -> Option<&Comparison> {
    let order = |one: &&Comparison, other: &&Comparison| {
        one.verdict.cmp(&other.verdict).then(one.estimate.total_cmp(&other.estimate))
    };
    comparisons.iter().max_by(order)
}

/// One sentence about the worst of a metric's comparisons, of a family of so many.
pub(super) fn summary(comparisons: &[Comparison], family: usize) -> String {
    let Some(worst) = worst(comparisons) else { return String::new() };
    let name = match worst.subject.as_str() {
        "" => worst.metric.clone(),
        subject => format!("{} of {subject}", worst.metric),
    };
    // The interval counts what is worse, whichever way the estimate went.
    let (way, counts) = if worst.estimate < 0.0 { ("better", "worse by ") } else { ("worse", "") };
    let between = match (worst.low, worst.high) {
        (Some(low), Some(high)) => format!("{counts}{} to {}", percent(low), percent(high)),
        _ => "so few blocks bound nothing".to_owned(),
    };
    let smallest = match worst.smallest {
        Some(smallest) => format!("from {} on it would have failed", percent(smallest)),
        None => "so few blocks could have failed nothing".to_owned(),
    };
    let verdict = match worst.verdict {
        Verdict::Fail => "more than",
        Verdict::Pass => "surely not more than",
        Verdict::Inconclusive => "perhaps more than",
    };
    let among = match comparisons.len() {
        1 => String::new(),
        all => format!(", the worst of {},", count(all as u64)),
    };
    let no_alarm = if worst.verdict == Verdict::Inconclusive && worst.low > Some(worst.tolerated) {
        format!("; sure enough alone, it is no alarm among {}", many(family as u64, "comparison"))
    } else {
        String::new()
    };
    format!(
        "{name}{among} was {way} by {} ({between}), {verdict} the {} that is tolerated{no_alarm}; \
         {smallest}.",
        percent(worst.estimate.abs()),
        percent(worst.tolerated),
    )
}

/// A share to two digits that tell: `0.12 %`, `−3.4 %`, `120 %`.
fn percent(share: f64) -> String {
    let percent = share.abs() * 100.0;
    let sign = if share < 0.0 { "−" } else { "" };
    match percent {
        below if below < 1.0 => format!("{sign}{percent:.2} %"),
        below if below < 10.0 => format!("{sign}{percent:.1} %"),
        _ => format!("{sign}{percent:.0} %"),
    }
}

/// Which Redis commands a request costs more often, where it tells.
pub(super) fn commands(sides: &Sides<'_>) -> String {
    let mean = |blocks: &[Block<'_>], counter: &str| {
        let each = blocks.iter().filter_map(|block| block.per_request(counter));
        let (sum, number) = each.fold((0.0, 0.0), |(sum, number), one| (sum + one, number + 1.0));
        if number > 0.0 { sum / number } else { 0.0 }
    };
    let Some(last) = sides.candidate.last() else { return String::new() };
    let mut more: Vec<(f64, &str)> = last
        .counters("calls.")
        .map(|name| {
            let counter = format!("calls.{name}");
            (mean(&sides.candidate, &counter) - mean(&sides.base, &counter), name)
        })
        .filter(|(more, _)| *more >= TELLING)
        .collect();
    more.sort_by(|one, other| other.0.total_cmp(&one.0));
    more.truncate(COMMANDS_TOLD);
    if more.is_empty() || sides.base.is_empty() {
        return String::new();
    }
    let each = more.iter().map(|(more, name)| format!("{name} {more:+.3}"));
    format!(" By command, a request: {}.", each.collect::<Vec<_>>().join(", "))
}
