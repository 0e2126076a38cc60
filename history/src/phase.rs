//! Windows of faults, and the phases that follow from them.

use crate::recovery::{Recovery, Seconds, baseline};
use crate::{Event, EventKind, Operation, SECOND_NS};
use serde::{Deserialize, Serialize};

/// When a fault acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Index on the plan's timeline.
    pub fault: usize,
    /// Kind of fault.
    pub kind: String,
    /// What it hit.
    pub target: String,
    /// When the injection began.
    pub begun_ns: u64,
    /// When the injection had returned; `None` when it failed.
    pub injected_ns: Option<u64>,
    /// When it was healed; `None` for one that needs no healing or was cut off.
    pub healed_ns: Option<u64>,
    /// What a probe saw of it.
    pub proof: Option<String>,
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the first fault.
    Baseline,
    /// From the first injection to the last healing.
    Fault,
    /// Healed, not yet recovered.
    Recovery,
    /// Recovered.
    After,
}

impl Phase {
    /// Every phase, in order of time.
    pub const ALL: [Self; 4] = [Self::Baseline, Self::Fault, Self::Recovery, Self::After];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Fault => "fault",
            Self::Recovery => "recovery",
            Self::After => "after",
        }
    }
}

/// Where a phase lies; start equals end when it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpan {
    /// The phase.
    pub phase: Phase,
    /// Its start, in nanoseconds.
    pub start_ns: u64,
    /// Its end (excluded), in nanoseconds.
    pub end_ns: u64,
}

impl PhaseSpan {
    /// True when no time belongs to it.
    pub const fn is_empty(&self) -> bool {
        self.start_ns >= self.end_ns
    }
}

/// The phases of a run and the moments that part them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phases {
    /// The four phases in order of time.
    pub spans: [PhaseSpan; 4],
    /// From the injection of a fault, or from its healing where that turned a good service bad, to
    /// the start of the first two good seconds after the first bad one: the longest over the
    /// faults. `None` when no second was bad until the service was healed and good, or when it did
    /// not recover within the load.
    pub time_to_recover_ns: Option<u64>,
    /// What of it is sure: where the next fault came before two good seconds could be seen, the
    /// service may have recovered just before. So it may where it did not recover within the load;
    /// 0 when no second was bad.
    pub least_to_recover_ns: u64,
    /// When those two good seconds began.
    pub recovered_ns: Option<u64>,
    /// From the first injection to the intended start of the first request that was not answered
    /// ([`Operation::is_answered`]); `None` when every one was.
    pub time_to_symptom_ns: Option<u64>,
    /// The injection of the first fault after which such a second was bad and no two good ones
    /// followed.
    pub unrecovered_since_ns: Option<u64>,
}

impl Phases {
    /// Computes the phases of a load from `start_ns` to `end_ns`. A second is good when its
    /// answered share ([`Operation::is_answered`]) is at least the baseline's less one point and
    /// its p50 (from the intended start) is at most twice the baseline's; a second without requests
    /// is neither good nor bad.
    pub fn compute(
        start_ns: u64,
        end_ns: u64,
        windows: &[Window],
        operations: &[Operation],
    ) -> Self {
        let injected = windows.iter().map(|window| window.begun_ns).min();
        let Some(injected) = injected.map(|at| at.clamp(start_ns, end_ns)) else {
            return Self {
                spans: spans([start_ns, end_ns, end_ns, end_ns, end_ns]),
                time_to_recover_ns: None,
                least_to_recover_ns: 0,
                recovered_ns: None,
                time_to_symptom_ns: None,
                unrecovered_since_ns: None,
            };
        };
        let healed =
            windows.iter().map(Window::over_ns).max().unwrap_or(injected).clamp(injected, end_ns);
        let seconds =
            Seconds::new(injected, end_ns, operations, baseline(start_ns, injected, operations));
        let healed_second = usize::try_from((healed - injected).div_ceil(SECOND_NS)).unwrap_or(0);
        let recovery = Recovery::new(injected, end_ns, windows, &seconds);
        let after = match seconds.first_good_pair(healed_second) {
            // The service never suffered, or was good again from the moment of healing.
            Some(second) if second == healed_second => healed,
            Some(second) => (injected + second as u64 * SECOND_NS).min(end_ns),
            None if seconds.all_good_from(healed_second) => healed,
            None => end_ns,
        };
        let symptom = operations
            .iter()
            .filter(|op| op.is_load() && op.intended_ns >= injected && !op.is_answered())
            .map(|op| op.intended_ns - injected)
            .min();
        Self {
            spans: spans([start_ns, injected, healed, after.max(healed), end_ns]),
            time_to_recover_ns: recovery.took().map(|(time, _)| time),
            least_to_recover_ns: recovery.least_ns,
            recovered_ns: recovery.took().map(|(_, at)| at),
            time_to_symptom_ns: symptom,
            unrecovered_since_ns: recovery.open_since_ns,
        }
    }

    /// Whether the service was still bad when the load ended.
    pub fn never_recovered(&self) -> bool {
        self.unrecovered_since_ns.is_some()
    }

    /// The phase that an intended start falls into; `None` outside the load.
    pub fn of(&self, intended_ns: u64) -> Option<Phase> {
        self.spans
            .iter()
            .find(|span| span.start_ns <= intended_ns && intended_ns < span.end_ns)
            .map(|span| span.phase)
    }

    /// The span of a phase.
    pub fn span(&self, phase: Phase) -> PhaseSpan {
        self.spans[phase as usize]
    }
}

fn spans(bounds: [u64; 5]) -> [PhaseSpan; 4] {
    let mut index = 0;
    Phase::ALL.map(|phase| {
        index += 1;
        PhaseSpan { phase, start_ns: bounds[index - 1], end_ns: bounds[index] }
    })
}

impl Window {
    /// When it was over, as far as is known, in nanoseconds.
    pub fn over_ns(&self) -> u64 {
        self.healed_ns.or(self.injected_ns).unwrap_or(self.begun_ns)
    }

    /// The windows that the events tell of, in order of injection.
    pub fn from_events(events: &[Event]) -> Vec<Self> {
        let mut windows: Vec<Self> = Vec::new();
        for event in events {
            let at = Some(event.at_ns);
            let find = |windows: &mut Vec<Self>, index: usize| {
                windows.iter().rposition(|window| window.fault == index)
            };
            match &event.kind {
                EventKind::FaultBegun { fault, kind, target } => windows.push(Self {
                    fault: *fault,
                    kind: kind.clone(),
                    target: target.clone(),
                    begun_ns: event.at_ns,
                    injected_ns: None,
                    healed_ns: None,
                    proof: None,
                }),
                EventKind::FaultInjected { fault, proof } => {
                    if let Some(index) = find(&mut windows, *fault) {
                        windows[index].injected_ns = at;
                        windows[index].proof.clone_from(proof);
                    }
                }
                EventKind::FaultHealed { fault } => {
                    if let Some(index) = find(&mut windows, *fault) {
                        windows[index].healed_ns = at;
                    }
                }
                _ => {}
            }
        }
        windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Capability, Flags, Outcome};

    fn window(begun_s: u64, healed_s: Option<u64>) -> Window {
        Window {
            fault: 0,
            kind: "kill".to_owned(),
            target: "node[0]".to_owned(),
            begun_ns: begun_s * SECOND_NS,
            injected_ns: Some(begun_s * SECOND_NS),
            healed_ns: healed_s.map(|second| second * SECOND_NS),
            proof: None,
        }
    }

    /// Ten requests a second for `seconds`; those of the seconds in `bad` are refused.
    fn requests(seconds: u64, bad: std::ops::Range<u64>) -> Vec<Operation> {
        let at = |seq: u64| seq * SECOND_NS / 10;
        (0..seconds * 10)
            .map(|seq| Operation {
                seq: seq + 1,
                intended_ns: at(seq),
                started_ns: at(seq),
                finished_ns: at(seq) + 1000,
                key: 1,
                value: 1,
                vu: 0,
                status: 200,
                capability: Capability::Queue,
                action: Action::Submit,
                outcome: if bad.contains(&(seq / 10)) { Outcome::Refused } else { Outcome::Ok },
                instance: 0,
                flags: Flags::default(),
                segment: 0,
            })
            .collect()
    }

    #[test]
    fn a_run_without_fault_is_all_baseline() {
        let phases = Phases::compute(0, 10 * SECOND_NS, &[], &requests(10, 0..0));
        assert_eq!(phases.of(9 * SECOND_NS), Some(Phase::Baseline));
        assert!(phases.span(Phase::After).is_empty());
        assert!(!phases.never_recovered());
    }

    #[test]
    fn a_session_that_is_gone_at_its_time_is_no_symptom() {
        let mut all = requests(30, 10..30);
        all.iter_mut().for_each(|op| op.status = 401);
        let phases = Phases::compute(0, 30 * SECOND_NS, &[window(10, Some(20))], &all);
        assert_eq!((phases.time_to_symptom_ns, phases.time_to_recover_ns), (None, None));
        assert!(!phases.never_recovered());
    }

    #[test]
    fn recovery_before_healing_leaves_the_recovery_phase_empty() {
        let all = requests(30, 10..13);
        let phases = Phases::compute(0, 30 * SECOND_NS, &[window(10, Some(20))], &all);
        assert_eq!(phases.time_to_recover_ns, Some(3 * SECOND_NS));
        assert_eq!(phases.time_to_symptom_ns, Some(0));
        assert!(phases.span(Phase::Recovery).is_empty());
        assert_eq!(phases.span(Phase::After).start_ns, 20 * SECOND_NS);
    }

    #[test]
    fn recovery_after_healing_is_a_phase_of_its_own() {
        let all = requests(30, 10..23);
        let phases = Phases::compute(0, 30 * SECOND_NS, &[window(10, Some(20))], &all);
        assert_eq!(phases.time_to_recover_ns, Some(13 * SECOND_NS));
        assert_eq!(phases.of(22 * SECOND_NS), Some(Phase::Recovery));
        assert_eq!(phases.of(23 * SECOND_NS), Some(Phase::After));
    }

    #[test]
    fn a_service_that_stays_down_never_recovered() {
        let all = requests(30, 10..30);
        let phases = Phases::compute(0, 30 * SECOND_NS, &[window(10, Some(20))], &all);
        assert!(phases.never_recovered() && phases.time_to_recover_ns.is_none());
        assert!(phases.span(Phase::After).is_empty());
    }

    #[test]
    fn of_several_faults_the_longest_recovery_counts_from_its_own_injection() {
        let mut all = requests(40, 10..12);
        for op in &mut all[200..250] {
            op.outcome = Outcome::Refused;
        }
        let three = [window(10, Some(15)), window(16, Some(18)), window(20, Some(30))];
        let phases = Phases::compute(0, 40 * SECOND_NS, &three, &all);
        assert_eq!(phases.time_to_recover_ns, Some(5 * SECOND_NS));
        assert_eq!(phases.recovered_ns, Some(25 * SECOND_NS));
        // A service that is still down when the next fault comes has not recovered from the first.
        let long = requests(40, 10..25);
        let phases = Phases::compute(0, 40 * SECOND_NS, &three, &long);
        assert_eq!(phases.time_to_recover_ns, Some(15 * SECOND_NS));
        for op in &mut all[200..] {
            op.outcome = Outcome::Refused;
        }
        let phases = Phases::compute(0, 40 * SECOND_NS, &three, &all);
        assert!(phases.never_recovered() && phases.time_to_recover_ns.is_none());
        assert_eq!(phases.unrecovered_since_ns, Some(20 * SECOND_NS));
    }

    /// Forty seconds, of which these are refused.
    fn refused(seconds: &[u64]) -> Vec<Operation> {
        let mut all = requests(40, 0..0);
        for op in &mut all {
            if seconds.contains(&(op.intended_ns / SECOND_NS)) {
                op.outcome = Outcome::Refused;
            }
        }
        all
    }

    #[test]
    fn what_a_next_fault_hides_is_not_sure() {
        // One good second at 13, then the second fault; none between that and the third.
        let three = [window(10, Some(13)), window(14, Some(16)), window(17, Some(19))];
        let all = refused(&[10, 11, 12, 14, 15, 16, 17, 18]);
        let phases = Phases::compute(0, 40 * SECOND_NS, &three, &all);
        assert_eq!(phases.time_to_recover_ns, Some(9 * SECOND_NS));
        assert_eq!(phases.least_to_recover_ns, 3 * SECOND_NS);
        // With nothing in the way, all of it is sure.
        let phases = Phases::compute(0, 40 * SECOND_NS, &three[..1], &refused(&[10, 11, 12]));
        assert_eq!(phases.time_to_recover_ns, Some(phases.least_to_recover_ns));
    }

    #[test]
    fn the_way_back_from_a_healing_counts_from_it() {
        let all = refused(&[10, 11, 20, 21, 22, 23]);
        let phases = Phases::compute(0, 40 * SECOND_NS, &[window(10, Some(20))], &all);
        assert_eq!(phases.time_to_recover_ns, Some(4 * SECOND_NS));
        assert_eq!(phases.recovered_ns, Some(24 * SECOND_NS));
    }

    #[test]
    fn a_bad_second_between_two_faults_is_neithers_doing() {
        let two = [window(5, Some(8)), window(30, Some(32))];
        let phases = Phases::compute(0, 40 * SECOND_NS, &two, &refused(&[5, 20]));
        assert_eq!(phases.time_to_recover_ns, Some(SECOND_NS));
    }

    #[test]
    fn what_turns_bad_long_after_the_healing_is_not_the_faults_doing() {
        let all = requests(30, 27..30);
        let phases = Phases::compute(0, 30 * SECOND_NS, &[window(10, Some(20))], &all);
        assert_eq!((phases.time_to_recover_ns, phases.never_recovered()), (None, false));
    }

    #[test]
    fn a_second_in_which_nothing_was_asked_tells_nothing() {
        // A request every other second.
        let seldom = |bad: std::ops::Range<u64>| {
            let all = requests(30, bad).into_iter();
            all.filter(|op| op.intended_ns % (2 * SECOND_NS) == 0).collect::<Vec<_>>()
        };
        let of = |all: &[Operation]| {
            let phases = Phases::compute(0, 30 * SECOND_NS, &[window(10, Some(20))], all);
            (phases.time_to_recover_ns, phases.never_recovered())
        };
        assert_eq!(of(&seldom(0..0)), (None, false));
        assert_eq!(of(&seldom(10..15)), (Some(6 * SECOND_NS), false));
        assert_eq!(of(&seldom(10..30)), (None, true));
    }

    #[test]
    fn an_undisturbed_service_has_nothing_to_recover_from() {
        let all = requests(30, 0..0);
        let phases = Phases::compute(0, 30 * SECOND_NS, &[window(10, Some(20))], &all);
        assert_eq!((phases.time_to_recover_ns, phases.never_recovered()), (None, false));
        assert_eq!(phases.of(25 * SECOND_NS), Some(Phase::After));
    }
}
