//! Histories written out by hand, for tests. Times are milliseconds from the run's start.

use redrill_history::{
    Action, Capability, EnvironmentFacts, Event, EventKind, Finding, Flags, MILLISECOND_NS,
    NO_INSTANCE, NodeRole, Observation, Operation, Outcome, ResolvedPlan, RunView, Verdict,
    ViewParts,
};

/// A complete run of 30 s of load and a drain to 41 s, of which a test writes the operations.
pub(crate) struct Literal {
    pub(crate) parts: ViewParts,
}

impl Literal {
    /// A run of which nothing is known but the plan.
    pub(crate) fn nothing() -> Self {
        let parts = ViewParts {
            plan: ResolvedPlan::example(),
            environment: EnvironmentFacts::default(),
            operations: Vec::new(),
            observations: Vec::new(),
            effects: Vec::new(),
            events: Vec::new(),
            segments: Vec::new(),
            samples: Vec::new(),
            unreadable: 0,
            altered: Vec::new(),
        };
        Self { parts }
    }

    /// A run whose events are in order.
    pub(crate) fn new() -> Self {
        Self::nothing()
            .event(0, EventKind::EnvironmentReady)
            .event(0, EventKind::LoadStarted { segment: 0 })
            .event(30_000, EventKind::LoadEnded { segment: 0 })
            .event(41_000, EventKind::DrainEnded)
            .event(42_000, EventKind::RunEnded)
    }

    pub(crate) fn event(mut self, at_ms: u64, kind: EventKind) -> Self {
        self.parts.events.push(Event { at_ns: at_ms * MILLISECOND_NS, kind });
        self
    }

    /// A fault with a proof, healed unless `to_ms` is `None`.
    pub(crate) fn fault(self, kind: &str, target: &str, from_ms: u64, to_ms: Option<u64>) -> Self {
        let (kind, target) = (kind.to_owned(), target.to_owned());
        let proof = Some("it answered no more".to_owned());
        let run = self
            .event(from_ms, EventKind::FaultBegun { fault: 0, kind, target })
            .event(from_ms, EventKind::FaultInjected { fault: 0, proof });
        match to_ms {
            Some(to_ms) => run.event(to_ms, EventKind::FaultHealed { fault: 0 }),
            None => run,
        }
    }

    /// A role with a run id of sixteen times the digit of the node's number, and 24 zeros.
    pub(crate) fn role(self, node: &str, role: NodeRole, at_ms: u64) -> Self {
        let digit: String = node.chars().filter(char::is_ascii_digit).collect();
        let run_id = Some(format!("{}{}", digit.repeat(16), "0".repeat(24)));
        self.event(at_ms, EventKind::Role { node: node.to_owned(), role, run_id })
    }

    /// An acknowledged operation (status 200); its sequence number is its place, from 1.
    pub(crate) fn op(
        &mut self,
        action: Action,
        key: u64,
        value: u64,
        ms: (u64, u64),
    ) -> &mut Operation {
        let seq = self.parts.operations.len() as u64 + 1;
        self.parts.operations.push(operation(seq, action, key, value, ms));
        self.parts.operations.last_mut().unwrap()
    }

    /// An effect that was answered with success.
    pub(crate) fn effect(
        &mut self,
        of: Capability,
        action: Action,
        key: u64,
        ms: (u64, u64),
    ) -> &mut Operation {
        let seq = self.parts.effects.len() as u64 + 1;
        let mut effect = operation(seq, action, key, 0, ms);
        effect.capability = of;
        effect.instance = NO_INSTANCE;
        self.parts.effects.push(effect);
        self.parts.effects.last_mut().unwrap()
    }

    /// What the answer to the last operation told.
    pub(crate) fn told(&mut self, observation: Observation) {
        let seq = self.parts.operations.len() as u64;
        self.parts.observations.push(Observation { seq, ..observation });
    }

    pub(crate) fn view(self) -> RunView {
        RunView::new(self.parts)
    }
}

fn operation(seq: u64, action: Action, key: u64, value: u64, ms: (u64, u64)) -> Operation {
    let capability = match action {
        Action::Generate => Capability::Cache,
        Action::Hit => Capability::Limiter,
        Action::Submit | Action::JobStatus | Action::ModelCall | Action::MailCall => {
            Capability::Queue
        }
        Action::Online
        | Action::Offline
        | Action::Lookup
        | Action::StatusMessage
        | Action::Dropped => Capability::Presence,
        _ => Capability::Sessions,
    };
    Operation {
        seq,
        intended_ns: ms.0 * MILLISECOND_NS,
        started_ns: ms.0 * MILLISECOND_NS,
        finished_ns: ms.1 * MILLISECOND_NS,
        key,
        value,
        vu: 0,
        status: 200,
        capability,
        action,
        outcome: Outcome::Ok,
        instance: 0,
        flags: Flags::default(),
        segment: 0,
    }
}

/// Makes an operation one of which nothing is known: no answer came.
pub(crate) fn unknown(op: &mut Operation) {
    op.outcome = Outcome::Unknown;
    op.status = 0;
    op.flags = op.flags.with(Flags::TIMED_OUT);
}

/// Makes an operation one that was refused with a status.
pub(crate) fn refused(op: &mut Operation, status: u16) {
    op.outcome = Outcome::Refused;
    op.status = status;
}

/// Asserts verdict, definite and possible count, and that every definite finding has a witness.
#[track_caller]
pub(crate) fn assert_found(finding: &Finding, verdict: Verdict, definite: u64, possible: u64) {
    assert_eq!(
        (finding.verdict, finding.definite, finding.possible),
        (verdict, definite, possible),
        "{finding:#?}"
    );
    assert_eq!(finding.witnesses.is_empty(), definite == 0, "{finding:#?}");
}
