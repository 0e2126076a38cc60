//! What a checker is, and running all of them.

mod evidence;
mod headline;
#[cfg(test)]
pub(crate) mod literal;
mod objective;
mod origin;
#[cfg(test)]
mod planted;
mod tally;

pub(crate) use evidence::{
    count, fault_end_ns, latest_effect_ns, many, nanoseconds, plus, seconds, span, whole, witness,
};
pub use objective::Objective;
pub(crate) use origin::acknowledged_by;
pub(crate) use tally::Tally;

use crate::{cache, capacity, gate, limiter, presence, queue, service, sessions};
use redrill_history::{Capability, Finding, Report, ResolvedPlan, RunView, Verdict};
use service::thresholds;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A pure function of a run: one statement that must hold, and what was found of it.
pub trait Checker: Sync {
    /// `<capability>.<name>`; objectives in plans name it.
    fn id(&self) -> &'static str;
    /// What must hold, in plain words.
    fn statement(&self) -> &'static str;
    /// What an objective of a plan bounds in it.
    fn objective(&self) -> Objective {
        Objective::Count
    }
    /// False for a plan that cannot give evidence by its nature: recovery without a fault, or the
    /// promises of a service in a search that overloads it.
    fn applies(&self, plan: &ResolvedPlan) -> bool {
        plan.kind.is_one_load()
    }
    /// Examines the run and judges it by the plan's objective for this id.
    fn check(&self, run: &RunView) -> Finding;
}

/// The checkers of a capability, or those of every run.
type Group = (Option<Capability>, &'static [&'static dyn Checker]);

/// Every checker, in the order of reports.
const GROUPS: &[Group] = &[
    (Some(Capability::Cache), cache::checkers::CHECKERS),
    (Some(Capability::Sessions), sessions::checkers::CHECKERS),
    (Some(Capability::Limiter), limiter::checkers::CHECKERS),
    (Some(Capability::Queue), queue::checkers::CHECKERS),
    (Some(Capability::Presence), presence::checkers::CHECKERS),
    (None, capacity::CHECKERS),
    (None, service::checkers::CHECKERS),
    (None, service::trust::CHECKERS),
    (None, gate::CHECKERS),
];

/// The ids of every checker: what a plan's objectives may name.
pub fn ids() -> Vec<&'static str> {
    all().map(Checker::id).collect()
}

/// The checker of that id.
pub fn find(id: &str) -> Option<&'static dyn Checker> {
    all().find(|checker| checker.id() == id)
}

/// Every checker, in the order of reports.
pub fn all() -> impl Iterator<Item = &'static dyn Checker> {
    GROUPS.iter().flat_map(|(_, checkers)| checkers.iter().copied())
}

/// Why a plan gives the checker of that id nothing to judge; none where it does.
pub fn unexercised(id: &str, plan: &ResolvedPlan) -> Option<String> {
    let of_group = |(capability, checkers): &Group| {
        checkers.iter().find(|checker| checker.id() == id).map(|checker| (*capability, *checker))
    };
    let (capability, checker) = GROUPS.iter().find_map(of_group)?;
    match capability {
        Some(capability) if !plan.load.capabilities.contains_key(&capability) => {
            Some(format!("{} is not under load", capability.name()))
        }
        _ if checker.applies(plan) => None,
        _ if plan.faults.is_empty() => Some("no fault is injected".to_owned()),
        _ => Some("it needs more than the plan has".to_owned()),
    }
}

/// Runs every checker that the plan gives evidence to, and sums up in a headline.
pub fn check_all(run: &RunView) -> Report {
    let plan = &run.plan;
    let loaded = |capability: &Option<Capability>| {
        capability.is_none_or(|capability| plan.load.capabilities.contains_key(&capability))
    };
    let thresholds = plan.kind.is_one_load().then(|| thresholds::findings(run));
    let checked = GROUPS
        .iter()
        .filter(|(capability, _)| loaded(capability))
        .flat_map(|(_, checkers)| checkers.iter().copied())
        .filter(|checker| checker.applies(plan))
        .map(|checker| check_one(checker, run));
    let thresholds = thresholds.into_iter().flatten().map(|finding| doubted(finding, run));
    // What was asked for is answered, if only by saying that it cannot be.
    let unanswered = plan.objectives.keys().filter_map(|id| {
        let (reason, checker) = (unexercised(id, plan)?, find(id)?);
        let reason = format!("The plan bounds it, but {reason}.");
        Some(Finding::new(checker.id(), checker.statement()).inconclusive(&reason))
    });
    let findings: Vec<Finding> = thresholds.chain(checked).chain(unanswered).collect();
    let verdict = Report::worst(&findings);
    Report { verdict, headline: headline::headline(run, verdict, &findings), findings }
}

/// One finding of a checker, also when that panics.
fn check_one(checker: &dyn Checker, run: &RunView) -> Finding {
    let finding = match catch_unwind(AssertUnwindSafe(|| checker.check(run))) {
        Ok(finding) => finding,
        Err(panic) => {
            let reason = format!("The checker itself broke: {}.", panic_text(&*panic));
            Finding::new(checker.id(), checker.statement()).inconclusive(&reason)
        }
    };
    doubted(finding, run)
}

/// A history with holes proves nothing that rests on what is absent from it, so that a failure
/// becomes inconclusive there. Of a folder that was altered nothing is certain at all.
fn doubted(finding: Finding, run: &RunView) -> Finding {
    match whole(run) {
        Err(difference) if !run.altered.is_empty() => {
            let reason = format!("{} But the folder was altered: {difference}.", finding.summary);
            finding.inconclusive(&reason)
        }
        Err(hole) if finding.verdict == Verdict::Fail => {
            let reason = format!("{} But {hole}, which may explain it.", finding.summary);
            finding.inconclusive(&reason)
        }
        _ => finding,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use literal::Literal;
    use redrill_history::Bound;
    use std::collections::BTreeSet;

    struct Broken;

    impl Checker for Broken {
        fn id(&self) -> &'static str {
            "test.broken"
        }
        fn statement(&self) -> &'static str {
            "It breaks."
        }
        fn check(&self, _run: &RunView) -> Finding {
            panic!("index out of range");
        }
    }

    struct Failing;

    impl Checker for Failing {
        fn id(&self) -> &'static str {
            "test.failing"
        }
        fn statement(&self) -> &'static str {
            "It fails."
        }
        fn check(&self, _run: &RunView) -> Finding {
            let finding = Finding::new(self.id(), self.statement());
            Finding { definite: 1, possible: 1, examined: 1, ..finding }.judged(None)
        }
    }

    #[test]
    fn ids_are_unique_and_begin_with_their_capability() {
        let ids = ids();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        for (capability, checkers) in GROUPS {
            for checker in *checkers {
                let group = checker.id().split_once('.').map(|(group, _)| group);
                match capability {
                    Some(capability) => assert_eq!(group, Some(capability.name())),
                    None => {
                        let known = ["capacity", "gate", "service", "trust"];
                        assert!(group.is_some_and(|group| known.contains(&group)), "{group:?}");
                    }
                }
                assert!(checker.statement().ends_with('.'), "{}", checker.id());
            }
        }
    }

    #[test]
    fn no_checker_passes_a_run_of_which_nothing_is_known() {
        let run = Literal::nothing().view();
        let report = check_all(&run);
        assert_eq!(report.verdict, Verdict::Inconclusive);
        for finding in &report.findings {
            assert_eq!(finding.verdict, Verdict::Inconclusive, "{}", finding.id);
            assert!(!finding.summary.is_empty(), "{} says nothing", finding.id);
        }
    }

    #[test]
    fn a_capability_that_the_plan_leaves_out_is_not_checked() {
        let mut run = Literal::new().view();
        run.plan.load.capabilities.remove(&Capability::Queue);
        let report = check_all(&run);
        assert!(report.findings.iter().all(|finding| !finding.id.starts_with("queue.")));
        assert!(report.findings.iter().any(|finding| finding.id.starts_with("service.")));
    }

    #[test]
    fn an_objective_that_nothing_was_done_for_is_answered_all_the_same() {
        let mut run = Literal::new().view();
        run.plan.load.capabilities.remove(&Capability::Queue);
        let found = |run: &RunView| {
            let findings = check_all(run).findings;
            findings.into_iter().find(|finding| finding.id == "queue.lost")
        };
        assert!(found(&run).is_none(), "nobody asked");
        run.plan.objectives.insert("queue.lost".to_owned(), Bound::Count(0));
        let finding = found(&run).expect("it is asked for");
        assert_eq!(finding.verdict, Verdict::Inconclusive);
        assert!(finding.summary.contains("queue is not under load"), "{}", finding.summary);
    }

    #[test]
    fn a_checker_that_panics_is_inconclusive_and_says_why() {
        let finding = check_one(&Broken, &Literal::new().view());
        assert_eq!(finding.verdict, Verdict::Inconclusive);
        assert!(finding.summary.contains("index out of range"), "{}", finding.summary);
    }

    #[test]
    fn a_history_with_holes_fails_nothing() {
        assert_eq!(check_one(&Failing, &Literal::new().view()).verdict, Verdict::Fail);
        let mut holed = Literal::new().view();
        holed.unreadable = 1;
        assert_eq!(check_one(&Failing, &holed).verdict, Verdict::Inconclusive);
    }
}
