//! The books: every attempted job has one outcome, every acknowledged one has one fate.

use super::ledger::{Fate, Ledger};
use crate::checker::{Checker, Tally, count, many, witness};
use redrill_history::{Finding, Outcome, RunView, Unit};

pub(super) struct Accounting;

impl Checker for Accounting {
    fn id(&self) -> &'static str {
        "queue.accounting"
    }

    fn statement(&self) -> &'static str {
        "Every submitted job is accounted for: attempted = acknowledged + refused + unknown, and \
         acknowledged = executed + failed + lost + stuck, each by its own evidence."
    }

    fn check(&self, run: &RunView) -> Finding {
        let ledger = Ledger::new(run);
        let mut tally = Tally::new(run, self);
        for entry in &ledger.entries {
            tally.examine(entry.submit);
        }
        let books = Books::of(&ledger);
        for (name, number) in books.rows() {
            tally.measure(name, Some(number as f64), Unit::Count);
        }
        if let (false, Some(entry)) = (books.balance(), ledger.entries.first()) {
            let explanation = "The sums of the books differ.".to_owned();
            tally.definite(entry.submit, || witness(explanation, &[entry.submit], &[]));
        }
        let unclassified = books.unclassified;
        let finding = tally.judged(books.summary(), "no job was submitted");
        if unclassified > 0 {
            let reason = format!(
                "Of {} nothing final is known. {}",
                many(unclassified, "acknowledged job"),
                finding.summary
            );
            return finding.inconclusive(&reason);
        }
        if ledger.repeated > 0 {
            let repeated = many(ledger.repeated, "job number");
            let reason = format!("{repeated} came twice, so that calls cannot be told apart.");
            return finding.inconclusive(&reason);
        }
        finding
    }
}

/// What became of all jobs.
struct Books {
    attempted: u64,
    acknowledged: u64,
    refused: u64,
    unknown: u64,
    executed: u64,
    failed: u64,
    given_up: u64,
    lost: u64,
    stuck: u64,
    unclassified: u64,
    uncredited: u64,
}

impl Books {
    fn of(ledger: &Ledger<'_>) -> Self {
        let outcome = |wanted: Outcome| {
            ledger.entries.iter().filter(|entry| entry.submit.outcome == wanted).count() as u64
        };
        let ran = ledger.entries.iter().filter(|entry| entry.executions().next().is_some());
        Self {
            attempted: ledger.entries.len() as u64,
            acknowledged: outcome(Outcome::Ok),
            refused: outcome(Outcome::Refused),
            unknown: outcome(Outcome::Unknown),
            executed: ledger.number(|fate| fate == Fate::Executed),
            failed: ledger.number(Fate::is_failed),
            given_up: ledger.number(|fate| fate == Fate::GivenUp),
            lost: ledger.number(Fate::is_lost),
            stuck: ledger.number(|fate| fate == Fate::Stuck),
            unclassified: ledger.number(|fate| fate == Fate::Unclassified),
            uncredited: ran.filter(|entry| !entry.submit.is_ok()).count() as u64,
        }
    }

    fn balance(&self) -> bool {
        let fates = self.executed + self.failed + self.lost + self.stuck + self.unclassified;
        self.attempted == self.acknowledged + self.refused + self.unknown
            && self.acknowledged == fates
    }

    fn rows(&self) -> [(&'static str, u64); 11] {
        [
            ("attempted", self.attempted),
            ("acknowledged", self.acknowledged),
            ("refused", self.refused),
            ("unknown", self.unknown),
            ("executed", self.executed),
            ("failed", self.failed),
            ("lost", self.lost),
            ("stuck", self.stuck),
            ("unclassified", self.unclassified),
            ("failed with fewer attempts seen than are allowed", self.given_up),
            ("not acknowledged, and executed", self.uncredited),
        ]
    }

    fn summary(&self) -> String {
        format!(
            "{} {} attempted: {} acknowledged, {} refused, {} unknown; of the acknowledged {} were \
             executed, {} failed, {} were lost, {} stuck and {} unclassified.",
            many(self.attempted, "job"),
            if self.attempted == 1 { "was" } else { "were" },
            count(self.acknowledged),
            count(self.refused),
            count(self.unknown),
            count(self.executed),
            count(self.failed),
            count(self.lost),
            count(self.stuck),
            count(self.unclassified)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::literal::{Literal, assert_found, refused, unknown};
    use redrill_history::{Action, Capability, Flags, Verdict};

    fn measured(finding: &Finding, name: &str) -> f64 {
        let measure = finding.measures.iter().find(|measure| measure.name == name);
        measure.and_then(|measure| measure.value).unwrap()
    }

    #[test]
    fn nothing_submitted_is_inconclusive() {
        assert_found(&Accounting.check(&Literal::new().view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn the_books_balance() {
        let mut run = Literal::new();
        for job in 1..=4 {
            run.op(Action::Submit, job, 0, (1000, 1010));
        }
        refused(run.op(Action::Submit, 5, 0, (1000, 1010)), 503);
        unknown(run.op(Action::Submit, 6, 0, (1000, 1010)));
        run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110));
        run.effect(Capability::Queue, Action::MailCall, 6, (1100, 1110));
        refused(run.effect(Capability::Queue, Action::MailCall, 3, (1100, 1110)), 500);
        for (job, state) in [(2, 0), (3, 5), (4, 1)] {
            run.op(Action::JobStatus, job, state, (40_500, 40_510)).flags = Flags::FINAL;
        }
        let finding = Accounting.check(&run.view());
        assert_found(&finding, Verdict::Pass, 0, 0);
        for (name, number) in [
            ("attempted", 6.0),
            ("acknowledged", 4.0),
            ("refused", 1.0),
            ("unknown", 1.0),
            ("executed", 1.0),
            ("failed", 1.0),
            ("lost", 1.0),
            ("stuck", 1.0),
            ("unclassified", 0.0),
            ("failed with fewer attempts seen than are allowed", 1.0),
            ("not acknowledged, and executed", 1.0),
        ] {
            assert_eq!(measured(&finding, name), number, "{name}");
        }
    }

    #[test]
    fn a_job_without_a_final_answer_makes_the_books_inconclusive() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        assert_found(&Accounting.check(&run.view()), Verdict::Inconclusive, 0, 0);
    }

    #[test]
    fn a_number_that_came_twice_makes_the_books_inconclusive() {
        let mut run = Literal::new();
        run.op(Action::Submit, 1, 0, (1000, 1010));
        run.op(Action::Submit, 1, 0, (2000, 2010));
        run.effect(Capability::Queue, Action::MailCall, 1, (1100, 1110));
        assert_found(&Accounting.check(&run.view()), Verdict::Inconclusive, 0, 0);
    }
}
