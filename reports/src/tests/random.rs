//! Any run has a page.

use crate::html;
use crate::tests::synthetic;
use proptest::prelude::*;
use redrill_history::{
    Action, Capability, Event, EventKind, Finding, Flags, NodeRole, Operation, Outcome, Report,
    RunView, SECOND_NS, Verdict, ViewParts, Witness,
};

/// Times of a run of up to an hour.
fn times() -> impl Strategy<Value = u64> {
    prop_oneof![0..SECOND_NS, 0..3_600 * SECOND_NS]
}

fn operation() -> impl Strategy<Value = Operation> {
    let times = (times(), times(), times());
    let choice = (0..Capability::ALL.len(), 0..Action::ALL.len(), 0..3_usize);
    (any::<(u64, u64, u16, u8, u16)>(), times, choice, 0..500_u64).prop_map(
        |((key, value, status, instance, flags), times, (capability, action, outcome), seq)| {
            Operation {
                seq,
                intended_ns: times.0,
                started_ns: times.1,
                finished_ns: times.2,
                key,
                value,
                vu: 0,
                status,
                capability: Capability::ALL[capability],
                action: Action::ALL[action],
                outcome: Outcome::ALL[outcome],
                instance,
                flags: Flags(flags),
                segment: 0,
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let kind = (0..14_u8, any::<usize>(), ".{0,8}").prop_map(|(kind, number, text)| match kind {
        0 => EventKind::EnvironmentReady,
        1 => EventKind::LoadStarted { segment: 0 },
        2 => EventKind::LoadEnded { segment: 0 },
        3 => EventKind::DrainEnded,
        4 => EventKind::FaultBegun { fault: number, kind: text.clone(), target: text },
        5 => EventKind::FaultInjected { fault: number % 3, proof: Some(text) },
        6 => EventKind::FaultFailed { fault: number % 3, reason: text },
        7 => EventKind::FaultHealed { fault: number % 3 },
        8 => EventKind::Role { node: text, role: NodeRole::Master, run_id: None },
        9 => EventKind::FaultBegun { fault: number % 3, kind: text.clone(), target: text },
        10 => EventKind::Role { node: text, role: NodeRole::Down, run_id: None },
        11 => EventKind::RecordsLost { count: u64::MAX },
        12 => EventKind::Interrupted { reason: text },
        _ => EventKind::RunEnded,
    });
    (times(), kind).prop_map(|(at_ns, kind)| Event { at_ns, kind })
}

fn finding() -> impl Strategy<Value = Finding> {
    let numbers = proptest::collection::vec(0..600_u64, 0..20);
    (any::<[u64; 3]>(), numbers, 0..3_usize, ".{0,12}").prop_map(
        |(counts, numbers, verdict, text)| {
            let verdict = [Verdict::Pass, Verdict::Inconclusive, Verdict::Fail][verdict];
            let [definite, possible, examined] = counts;
            let witness = Witness {
                explanation: text.clone(),
                operations: numbers.clone(),
                effects: numbers,
            };
            let witnesses = vec![witness];
            Finding {
                verdict,
                definite,
                possible,
                examined,
                witnesses,
                ..Finding::new("queue.lost", &text)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_run_has_a_page(
        operations in proptest::collection::vec(operation(), 0..60),
        effects in proptest::collection::vec(operation(), 0..20),
        events in proptest::collection::vec(event(), 0..30),
        finding in finding(),
        unreadable in any::<usize>(),
        altered in ".{0,8}",
    ) {
        let (base, _) = synthetic::empty();
        let view = RunView::new(ViewParts {
            plan: base.plan,
            environment: base.environment,
            operations,
            observations: Vec::new(),
            effects,
            events,
            segments: Vec::new(),
            samples: Vec::new(),
            unreadable,
            altered: vec![altered],
        });
        let (verdict, headline) = (finding.verdict, String::new());
        let report = Report { verdict, headline, findings: vec![finding] };
        let page = html(&view, &report);
        prop_assert!(page.ends_with("</html>"));
        prop_assert!(!page.contains("could not be drawn"));
        prop_assert!(!page.contains("NaN") && !page.contains("inf ms"));
    }
}
