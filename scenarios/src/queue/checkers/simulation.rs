//! A correct queue under lost answers, retries and repeated deliveries is never accused, and the
//! books balance; every job that it drops is found.

use super::accounting::Accounting;
use super::early::Early;
use super::lost::Lost;
use super::refused::RefusedButExecuted;
use super::stuck::Stuck;
use crate::checker::Checker;
use crate::checker::literal::{Literal, refused, unknown};
use crate::queue::job::Job;
use proptest::prelude::*;
use redrill_history::{Action, Capability, Finding, Flags, Outcome, RunView};

const ATTEMPTS: u32 = 3;

/// What happens to one job.
#[derive(Clone, Copy, Debug)]
struct Fortune {
    answer: Outcome,
    /// Whether a submission without an answer was taken all the same.
    taken: bool,
    /// Between its due time and its first attempt.
    waits_ms: u64,
    /// How often the successful attempt is made.
    deliveries: u64,
}

fn fortune() -> impl Strategy<Value = Fortune> {
    let answer = prop_oneof![
        8 => Just(Outcome::Ok),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Unknown),
    ];
    (answer, any::<bool>(), 0..3000_u64, 1..3_u64).prop_map(
        |(answer, taken, waits_ms, deliveries)| Fortune { answer, taken, waits_ms, deliveries },
    )
}

/// Jobs numbered from 1; of those whose number `drops` names nothing is left.
fn simulate(fortunes: &[Fortune], drops: impl Fn(u64) -> bool) -> RunView {
    let mut run = Literal::new();
    let seed = run.parts.plan.seed;
    for (number, fortune) in (1..).zip(fortunes) {
        let at_ms = 1000 + number * 20;
        let submit = run.op(Action::Submit, number, 0, (at_ms, at_ms + 10));
        match fortune.answer {
            Outcome::Ok => {}
            Outcome::Refused => refused(submit, 503),
            Outcome::Unknown => unknown(submit),
        }
        let taken = match fortune.answer {
            Outcome::Ok => true,
            Outcome::Refused => false,
            Outcome::Unknown => fortune.taken,
        };
        let job = Job::of(seed, number, ATTEMPTS);
        if taken && !drops(number) {
            execute(&mut run, number, job, at_ms + 5, fortune);
        }
        let state = match (drops(number), job.must_fail(ATTEMPTS)) {
            (true, _) => 0,
            (false, true) => 5,
            (false, false) => 4,
        };
        if fortune.answer == Outcome::Ok {
            run.op(Action::JobStatus, number, state, (40_500, 40_510)).flags = Flags::FINAL;
        }
    }
    run.view()
}

fn execute(run: &mut Literal, number: u64, job: Job, taken_ms: u64, fortune: &Fortune) {
    let delay_ms = u64::try_from(job.delay.unwrap_or_default().as_millis()).unwrap();
    let mut at_ms = taken_ms + delay_ms + fortune.waits_ms;
    for attempt in 1..=u64::from(ATTEMPTS) {
        let fails = attempt <= u64::from(job.fails);
        for _ in 0..fortune.deliveries {
            let effect = (at_ms, at_ms + 10);
            let call = run.effect(Capability::Queue, Action::ModelCall, number, effect);
            call.value = attempt;
            if fails {
                refused(call, 500);
            }
            at_ms += 200;
        }
        if !fails {
            return;
        }
    }
}

fn measured(finding: &Finding, name: &str) -> f64 {
    let measure = finding.measures.iter().find(|measure| measure.name == name);
    measure.and_then(|measure| measure.value).unwrap()
}

proptest! {
    #[test]
    fn a_correct_queue_is_never_accused(fortunes in prop::collection::vec(fortune(), 1..80)) {
        let run = simulate(&fortunes, |_| false);
        let checkers: [&dyn Checker; 5] =
            [&Accounting, &Lost, &Stuck, &RefusedButExecuted, &Early];
        for checker in checkers {
            let finding = checker.check(&run);
            prop_assert_eq!((finding.definite, finding.possible), (0, 0), "{:#?}", finding);
        }
    }

    #[test]
    fn every_dropped_job_is_found(
        fortunes in prop::collection::vec(fortune(), 1..80),
        nth in 2..7_u64,
    ) {
        let run = simulate(&fortunes, |number| number % nth == 0);
        let acknowledged = |number: &u64| fortunes[*number as usize - 1].answer == Outcome::Ok;
        let numbers = (1..=fortunes.len() as u64).filter(|number| number % nth == 0);
        let dropped = numbers.filter(acknowledged).count() as u64;
        prop_assert_eq!(Lost.check(&run).definite, dropped);
        let books = Accounting.check(&run);
        let fates = ["executed", "failed", "lost", "stuck", "unclassified"];
        let sum: f64 = fates.iter().map(|fate| measured(&books, fate)).sum();
        prop_assert_eq!(sum, measured(&books, "acknowledged"));
    }
}
