//! A run in which all is well passes every check; each planted defect fails the check that is
//! made for it.

use super::literal::{Literal, refused};
use super::{check_all, many};
use crate::queue::job::Job;
use redrill_history::{Action, Capability, Flags, Observation, RunView, Verdict};

/// A little of every capability, with evidence for every checker of a plan without faults.
fn healthy() -> Literal {
    let mut run = Literal::new();
    cache(&mut run);
    sessions(&mut run);
    limiter(&mut run);
    queue(&mut run);
    presence(&mut run);
    run
}

fn cache(run: &mut Literal) {
    run.op(Action::Generate, 1, 1, (1000, 1060));
    run.effect(Capability::Cache, Action::ModelCall, 1, (1010, 1050));
    run.op(Action::Generate, 1, 1, (3000, 3005)).flags = Flags::HIT;
    run.op(Action::Generate, 1, 1, (20_000, 20_060));
    run.effect(Capability::Cache, Action::ModelCall, 1, (20_010, 20_050));
}

fn sessions(run: &mut Literal) {
    let owner = |user| Observation { owner: Some(user), ..Default::default() };
    run.op(Action::Login, 7, 0, (1000, 1010));
    run.op(Action::SessionWrite, 7, 1, (2000, 2010));
    run.told(owner(7));
    run.op(Action::SessionRead, 7, 1, (3000, 3010));
    run.told(owner(7));
    refused(run.op(Action::SessionRead, 7, 0, (15_000, 15_010)), 401);
    run.op(Action::Login, 8, 0, (1000, 1010));
    run.op(Action::Logout, 8, 0, (2000, 2010));
    refused(run.op(Action::DeadRead, 8, 0, (3000, 3010)), 401);
}

fn limiter(run: &mut Literal) {
    for (window, place) in (1..=11).map(|place| (2, place)).chain([(10, 1)]) {
        let at = 2000 * window + 10 * place;
        let hit = run.op(Action::Hit, 3, u64::from(place <= 10), (at, at + 5));
        if place > 10 {
            hit.status = 429;
        }
        run.told(Observation {
            window: Some(window),
            counter: Some(place),
            limit: Some(10),
            remaining: Some(10_u64.saturating_sub(place)),
            ..Default::default()
        });
    }
}

fn queue(run: &mut Literal) {
    let seed = run.parts.plan.seed;
    for job in 1..=40 {
        run.op(Action::Submit, job, job % 2, (5000, 5010));
        let delay = Job::of(seed, job, 3).delay.unwrap_or_default().as_millis();
        let at = 5100 + u64::try_from(delay).unwrap();
        run.effect(Capability::Queue, Action::MailCall, job, (at, at + 10));
    }
}

fn presence(run: &mut Literal) {
    run.op(Action::Online, 0, 1, (1000, 1010));
    run.op(Action::Online, 5, 2, (2000, 2010)).instance = 1;
    run.op(Action::StatusMessage, 5, 1 << 1 | 1, (2015, 2015));
    run.op(Action::Lookup, 5, 1, (5000, 5005));
    run.op(Action::Offline, 5, 2, (6000, 6010)).instance = 1;
    run.op(Action::StatusMessage, 5, 2 << 1, (6015, 6015));
    run.op(Action::Lookup, 5, 0, (12_000, 12_005));
    for op in &mut run.parts.operations {
        op.vu = if op.key == 5 && op.action == Action::Online { 5 } else { op.vu };
    }
}

/// The first operation of that kind about that key.
fn op_of(run: &mut Literal, action: Action, key: u64) -> &mut redrill_history::Operation {
    let found = run.parts.operations.iter_mut().find(|op| op.action == action && op.key == key);
    found.unwrap()
}

/// Takes the effects of a job away, and says what its final state was.
fn unexecuted(run: &mut Literal, job: u64, state: u64) {
    run.parts.effects.retain(|effect| effect.capability != Capability::Queue || effect.key != job);
    run.op(Action::JobStatus, job, state, (40_500, 40_510)).flags = Flags::FINAL;
}

type Plant = fn(&mut Literal);

const DEFECTS: &[(&str, Plant)] = &[
    ("cache.wrong", |run| op_of(run, Action::Generate, 1).value = 2),
    ("cache.stale", |run| {
        run.op(Action::Generate, 1, 1, (9000, 9005)).flags = Flags::HIT;
    }),
    ("cache.lying-hits", |run| {
        run.op(Action::Generate, 1, 1, (5000, 5050)).flags = Flags::HIT;
        run.effect(Capability::Cache, Action::ModelCall, 1, (5010, 5040));
    }),
    ("sessions.lost-writes", |run| op_of(run, Action::SessionRead, 7).value = 0),
    ("sessions.stale", |run| {
        run.op(Action::SessionRead, 7, 0, (2500, 2510));
    }),
    ("sessions.lost", |run| {
        refused(run.op(Action::SessionRead, 7, 0, (4000, 4010)), 401);
    }),
    ("sessions.leak", |run| {
        run.parts.observations.iter_mut().find(|told| told.owner == Some(7)).unwrap().owner =
            Some(8);
    }),
    ("sessions.revived", |run| {
        let read = op_of(run, Action::DeadRead, 8);
        (read.outcome, read.status, read.value) = (redrill_history::Outcome::Ok, 200, 1);
    }),
    ("sessions.overdue", |run| {
        run.op(Action::SessionRead, 7, 1, (29_000, 29_010));
    }),
    ("limiter.over-admission", |run| {
        run.parts.operations.iter_mut().filter(|op| op.action == Action::Hit).for_each(|op| {
            op.value = 1;
        });
    }),
    ("limiter.false-rejection", |run| {
        let hit = op_of(run, Action::Hit, 3);
        (hit.value, hit.status) = (0, 429);
    }),
    ("limiter.backwards", |run| {
        let told = run.parts.observations.iter_mut().rfind(|told| told.counter == Some(10));
        told.unwrap().counter = Some(4);
    }),
    ("limiter.header-truth", |run| {
        run.parts.observations.iter_mut().find(|told| told.limit.is_some()).unwrap().limit =
            Some(100);
    }),
    ("queue.lost", |run| unexecuted(run, 4, 0)),
    ("queue.stuck", |run| unexecuted(run, 4, 2)),
    ("queue.refused-but-executed", |run| refused(op_of(run, Action::Submit, 4), 503)),
    ("queue.early", |run| {
        for effect in &mut run.parts.effects {
            if effect.capability == Capability::Queue {
                (effect.started_ns, effect.finished_ns) = (5_100_000_000, 5_110_000_000);
            }
        }
    }),
    ("presence.ghosts", |run| {
        run.op(Action::Lookup, 5, 1, (13_000, 13_005));
    }),
    ("presence.missing", |run| op_of(run, Action::Lookup, 5).value = 0),
    ("presence.messages", |run| {
        run.op(Action::StatusMessage, 5, 2 << 1, (6020, 6020));
    }),
];

fn checked(plant: Plant) -> (RunView, redrill_history::Report) {
    let mut run = healthy();
    plant(&mut run);
    let run = run.view();
    let report = check_all(&run);
    (run, report)
}

#[test]
fn a_healthy_run_passes_every_check() {
    let (_, report) = checked(|_| {});
    for finding in &report.findings {
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:#?}");
        assert!(finding.summary.ends_with('.'), "{}", finding.summary);
    }
    let checks = many(report.findings.len() as u64, "check");
    assert_eq!(report.headline, format!("PASS: all {checks} held under load without a fault."));
}

#[test]
fn every_planted_defect_is_found_by_its_checker_with_the_guilty_operations() {
    for (id, plant) in DEFECTS {
        let (run, report) = checked(*plant);
        let finding = report.findings.iter().find(|finding| finding.id == *id).unwrap();
        assert_eq!(finding.verdict, Verdict::Fail, "{finding:#?}");
        assert!(report.headline.starts_with("FAIL: "), "{}", report.headline);
        let witness = &finding.witnesses[0];
        assert!(witness.explanation.contains(" s"), "no time: {}", witness.explanation);
        for seq in &witness.operations {
            assert!(
                run.operation(*seq).is_some(),
                "{id} names operation {seq}, which is not there"
            );
        }
    }
}
