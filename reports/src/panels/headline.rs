//! The verdict: word, mark, colour, a sentence, and the few numbers behind it.

use super::Panel;
use crate::{format, series, text};
use maud::{Markup, html};
use redrill_history::capacity::{Answer, Bottleneck, Level, Step};
use redrill_history::{EventKind, Phase, Report, RunKind, RunView, Verdict};

pub(super) struct Headline;

impl Panel for Headline {
    fn id(&self) -> &'static str {
        "verdict"
    }

    fn title(&self) -> &'static str {
        "Verdict"
    }

    fn question(&self) -> &'static str {
        "Did the service keep its promises?"
    }

    fn draw(&self, run: &RunView, report: &Report) -> Markup {
        let verdict = report.verdict;
        html! {
            div.verdict.(verdict.name()) {
                p.word {
                    span.mark aria-hidden="true" { (text::mark(verdict)) } " " (verdict.name())
                }
                p.sentence { (text::headline(report)) }
            }
            @for notice in notices(run) { p.notice { strong { (notice.0) } " " (notice.1) } }
            dl.numbers {
                @for (name, value, note) in numbers(run, report) {
                    div { dt { (name) } dd { (value) } dd.note { (note) } }
                }
            }
        }
    }
}

/// What the reader must know before any number.
fn notices(run: &RunView) -> Vec<(&'static str, String)> {
    let mut notices = Vec::new();
    if !run.is_complete() {
        let last = if has_load(run) {
            let at = format::moment(last_ns(run), run.load_start_ns);
            format!("the last thing recorded happened {at} after the load began")
        } else {
            "its load had not begun".to_owned()
        };
        let text = format!(
            "The run did not reach its end; {last}. All that follows is about the part that was \
             recorded."
        );
        notices.push(("Cut off.", text));
    }
    if let Some(reason) = run.interruption() {
        notices.push((
            "Interrupted.",
            format!("The run was stopped before its plan was done: {reason}."),
        ));
    }
    let requests = series::requests(run, None).count();
    if requests == 0 {
        let text = "No request was recorded, so nothing can be said about the service.";
        notices.push(("Empty.", text.to_owned()));
    } else if series::requests(run, None).all(|op| !op.is_ok()) {
        let text = "Not one request of the whole load was acknowledged.";
        notices.push(("Total outage.", text.to_owned()));
    }
    notices
}

fn has_load(run: &RunView) -> bool {
    run.events.iter().any(|event| matches!(event.kind, EventKind::LoadStarted { .. }))
}

fn last_ns(run: &RunView) -> u64 {
    let events = run.events.iter().map(|event| event.at_ns);
    let samples = run.samples.iter().map(|sample| sample.at_ns);
    events.chain(samples).chain([run.load_end_ns]).max().unwrap_or(0)
}

fn numbers(run: &RunView, report: &Report) -> Vec<(&'static str, String, String)> {
    let of = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let failed = (
        "Findings failed",
        of(Verdict::Fail).to_string(),
        format!("{} passed, {} inconclusive", of(Verdict::Pass), of(Verdict::Inconclusive)),
    );
    if run.plan.kind == RunKind::Capacity {
        return [failed].into_iter().chain(capacity(run)).collect();
    }
    let phases = series::by_phase(run, None);
    let answered = phases.iter().map(|phase| phase.tally.answered).sum();
    let all = phases.iter().map(|phase| phase.tally.intended).sum();
    let overall = (
        "Availability",
        format::part(answered, all),
        format!("{} of {} answered", format::count(answered), format::counted(all, "request")),
    );
    let mut numbers = vec![failed, overall];
    if let Some(gate) = &run.plan.gate {
        let each = report.findings.iter().map(|finding| finding.comparisons.len() as u64);
        let note = format!("over {}", format::counted(u64::from(gate.pairs), "pair"));
        numbers.push(("Comparisons", format::count(each.sum()), format!("{note} of blocks")));
        return numbers;
    }
    if run.windows.is_empty() {
        let planned = run.plan.faults.len() as u64;
        let note = match planned {
            0 => "nothing was broken on purpose".to_owned(),
            _ => format!("{} planned, none begun", format::count(planned)),
        };
        numbers.push(("Fault", "none".to_owned(), note));
        return numbers;
    }
    let during = &phases[Phase::Fault as usize].tally;
    numbers.push((
        "Availability during the fault",
        format::part(during.answered, during.intended),
        format!("{} not answered", format::counted(during.intended - during.answered, "request")),
    ));
    numbers.push(recovery(run));
    // Of several faults it is most likely the last one's doing.
    let before = |at_ns| run.windows.iter().rev().find(move |window| window.begun_ns <= at_ns);
    let promoted = run.promotion().and_then(|(at_ns, node)| Some((at_ns, node, before(at_ns)?)));
    if let Some((at_ns, node, window)) = promoted {
        let after = format::duration(at_ns.saturating_sub(window.begun_ns) as f64);
        numbers.push(("Promotion", after, format!("{node} was seen as master")));
    }
    numbers
}

/// What a capacity search found.
fn capacity(run: &RunView) -> Vec<(&'static str, String, String)> {
    let steps = Step::all(run);
    let answer = Answer::of_steps(&steps);
    let rate = |level: Option<Level>| {
        level
            .map_or_else(|| "–".to_owned(), |level| format!("{}/s", format::rate(level.rate_per_s)))
    };
    let tried = |level: Option<Level>, none: &str| match level {
        Some(level) => {
            format!("tried in {}", format::counted(u64::from(level.steps()), "step"))
        }
        None => none.to_owned(),
    };
    let full = Bottleneck::at_knee(&steps, run);
    let full = full.map_or("–", |full| full.resource.name());
    vec![
        ("Carried", rate(answer.held), tried(answer.held, "no rate that was tried")),
        ("Broke", rate(answer.broke), tried(answer.broke, "no rate that was tried")),
        ("Full", full.to_owned(), "at the lowest rate that broke".to_owned()),
    ]
}

fn recovery(run: &RunView) -> (&'static str, String, String) {
    let symptom = run.phases.time_to_symptom_ns.map(|ns| format::duration(ns as f64));
    let first = symptom.as_ref().map_or_else(
        || "every request was answered".to_owned(),
        |after| format!("first symptom {after} after the injection"),
    );
    let least_ns = run.phases.least_to_recover_ns;
    let value = match run.phases.time_to_recover_ns {
        // A next fault hid when it was over, or nothing was asked then.
        Some(ns) if least_ns < ns => {
            format!("{} to {}", format::duration(least_ns as f64), format::duration(ns as f64))
        }
        Some(ns) => format::duration(ns as f64),
        None if run.phases.never_recovered() && run.is_complete() => "never".to_owned(),
        None if run.phases.never_recovered() => "not seen".to_owned(),
        None if symptom.is_some() => return ("Time to recover", "none".to_owned(), no_worse()),
        None => "not needed".to_owned(),
    };
    ("Time to recover", value, first)
}

fn no_worse() -> String {
    "no whole second was worse than the baseline".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;

    #[test]
    fn a_recovery_that_a_next_fault_hides_is_told_from_least_to_most() {
        let (mut run, _) = synthetic::failover();
        let most_ns = run.phases.time_to_recover_ns.expect("it recovered");
        run.phases.least_to_recover_ns = most_ns;
        let sure = recovery(&run).1;
        run.phases.least_to_recover_ns = 1_000_000_000;
        assert_eq!(recovery(&run).1, format!("1\u{a0}s to {sure}"));
    }

    #[test]
    fn a_promotion_is_counted_from_the_fault_before_it() {
        for (run, report) in [synthetic::failover(), synthetic::thrice()] {
            let all = numbers(&run, &report);
            let promotion = all.into_iter().find(|(name, ..)| *name == "Promotion");
            let (_, after, note) = promotion.expect("there was one");
            assert_eq!(
                (after.as_str(), note.as_str()),
                ("1.86\u{a0}s", "node[1] was seen as master")
            );
        }
    }
}
