//! Reasons to trust a run's numbers, or to doubt them.

use crate::format;
use crate::series;
use redrill_history::{
    EventKind, Flags, Latency, MILLISECOND_NS, Operation, Phase, RunView, SECOND_NS,
};
use std::collections::BTreeMap;

/// An arrival that started later than this, for want of a virtual user, falsifies a rate.
const LATE_NS: u64 = 100 * MILLISECOND_NS;
/// Median lag of the generator up to which it kept time.
const LAG_P50_MOST_NS: u64 = 100_000;
/// Share of the machine's processors above which latency tells of the machine.
const BUSY_MOST: f64 = 0.9;

/// One reason to trust the run, or to doubt it.
pub(crate) struct Check {
    /// What should be so.
    pub(crate) what: &'static str,
    /// Whether it is.
    pub(crate) is_good: bool,
    /// What was seen.
    pub(crate) seen: String,
}

/// Every check, whatever came of it.
pub(crate) fn checks(run: &RunView) -> Vec<Check> {
    let mut checks = vec![
        end(run),
        generator(run),
        late(run),
        processors(run),
        records(run),
        tilt(run),
        sampling(run),
    ];
    checks.extend(failed_faults(run));
    checks
}

fn end(run: &RunView) -> Check {
    let is_good = run.is_complete() && run.interruption().is_none();
    let seen = match (run.is_complete(), run.interruption()) {
        (false, _) => "It was cut off: the end of the plan is missing.".to_owned(),
        (true, Some(reason)) => format!("It was interrupted: {reason}."),
        (true, None) => "Load, healing and final reads are in the folder.".to_owned(),
    };
    Check { what: "The run is whole", is_good, seen }
}

/// How late the generator was by its own fault: with a virtual user idle.
fn generator(run: &RunView) -> Check {
    let mut lag = Latency::default();
    let by_generator = |op: &&Operation| !op.flags.has(Flags::NO_IDLE_VU);
    for op in series::requests(run, None).filter(by_generator) {
        lag.record(op.started_ns.saturating_sub(op.intended_ns));
    }
    let quantile = |quantile| format::duration_or_dash(lag.quantile_ns(quantile));
    let seen = match lag.quantile_ns(0.5) {
        None => "No arrival found a virtual user idle, so this cannot be told.".to_owned(),
        Some(_) => format!(
            "Arrivals that found a virtual user idle started {} late at the median, {} at p99, {} \
             at most.",
            quantile(0.5),
            quantile(0.99),
            format::duration_or_dash(lag.max_ns())
        ),
    };
    let is_good = lag.quantile_ns(0.5).is_some_and(|p50| p50 <= LAG_P50_MOST_NS);
    Check { what: "The load generator kept time", is_good, seen }
}

/// Phases in which more than one arrival in a hundred started late for want of a virtual user.
fn late(run: &RunView) -> Check {
    let mut late = [0_u64; 4];
    let mut all = [0_u64; 4];
    for op in series::requests(run, None) {
        let Some(phase) = run.phase_of(op) else { continue };
        let waited = op.started_ns.saturating_sub(op.intended_ns);
        all[phase as usize] += 1;
        if op.flags.has(Flags::NO_IDLE_VU) && waited > LATE_NS {
            late[phase as usize] += 1;
        }
    }
    let of_phase = |phase: &Phase| (late[*phase as usize], all[*phase as usize]);
    let crowded: Vec<_> = Phase::ALL
        .iter()
        .filter(|phase| of_phase(phase).0 * 100 > of_phase(phase).1)
        .map(|phase| {
            format!("{} ({})", phase.name(), format::part(of_phase(phase).0, of_phase(phase).1))
        })
        .collect();
    let seen = if crowded.is_empty() {
        format!(
            "{} started over 100 ms late because every virtual user was busy.",
            format::counted(late.iter().sum(), "arrival")
        )
    } else {
        format!(
            "Over 1 % of the arrivals started over 100 ms late for want of a virtual user in: {}. \
             Rates of these phases are the generator's, not the service's.",
            crowded.join(", ")
        )
    };
    Check { what: "There were enough virtual users", is_good: crowded.is_empty(), seen }
}

/// The share of the processors that the run's own processes used during the load.
fn processors(run: &RunView) -> Check {
    let what = "The machine had time to spare";
    let mut last: BTreeMap<&str, f64> = BTreeMap::new();
    let mut used: BTreeMap<&str, f64> = BTreeMap::new();
    let in_load = run.load_start_ns..run.load_end_ns;
    for sample in run.samples.iter().filter(|sample| in_load.contains(&sample.at_ns)) {
        let Some(now) = sample.values.get("cpu_seconds") else { continue };
        let before = last.insert(&sample.source, *now).unwrap_or(*now);
        // A process that was started anew counts from nought again.
        *used.entry(&sample.source).or_default() += (now - before).max(0.0);
    }
    let length_s = in_load.end.saturating_sub(in_load.start) as f64 / SECOND_NS as f64;
    let cores = f64::from(run.environment.cores);
    if used.is_empty() || length_s <= 0.0 || cores <= 0.0 {
        let seen = "Processor time was not recorded, so this cannot be told.".to_owned();
        return Check { what, is_good: false, seen };
    }
    let share = used.values().sum::<f64>() / length_s / cores;
    let mut most: Vec<_> = used.into_iter().collect();
    most.sort_by(|one, other| other.1.total_cmp(&one.1));
    let most: Vec<_> = most
        .iter()
        .take(3)
        .map(|(source, seconds)| format!("{source} {}", percent(seconds / length_s)))
        .collect();
    let seen = format!(
        "The run's processes used {} of {}; most of one core took {}.",
        percent(share),
        format::counted(u64::from(run.environment.cores), "core"),
        most.join(", ")
    );
    Check { what, is_good: share <= BUSY_MOST, seen }
}

fn percent(share: f64) -> String {
    format!("{}\u{a0}%", format::decimals(share * 100.0, 0))
}

fn records(run: &RunView) -> Check {
    let lost: u64 = run
        .events
        .iter()
        .map(|event| if let EventKind::RecordsLost { count } = event.kind { count } else { 0 })
        .fold(0, u64::saturating_add);
    // The last record of a run that was cut off may be torn; that is no loss.
    let is_readable = run.unreadable == 0 || !run.is_complete();
    let is_good = lost == 0 && is_readable && run.altered.is_empty();
    let altered = match run.altered.as_slice() {
        [] => String::new(),
        altered => format!(" Altered since: {}.", altered.join("; ")),
    };
    let seen = format!(
        "{} lost on the way to the disk, {} not readable.{altered}",
        format::counted(lost, "record"),
        format::count(run.unreadable as u64)
    );
    Check { what: "Every operation was recorded, and is still there", is_good, seen }
}

fn tilt(run: &RunView) -> Check {
    let tilted: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Sentinel { sentinel, channel, .. } if channel == "+tilt" => {
                Some(format!("{sentinel} at {}", format::moment(event.at_ns, run.load_start_ns)))
            }
            _ => None,
        })
        .collect();
    let seen = if tilted.is_empty() {
        "No Sentinel went into TILT, in which it watches and does not act.".to_owned()
    } else {
        format!("TILT, in which a Sentinel does not act: {}.", tilted.join(", "))
    };
    Check { what: "The Sentinels' clocks ran steadily", is_good: tilted.is_empty(), seen }
}

/// A gap between samples means that the machine, or the harness, stood still.
fn sampling(run: &RunView) -> Check {
    let times: Vec<u64> = run.samples.iter().map(|sample| sample.at_ns).collect();
    let gap = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max();
    let seen = match gap {
        None => {
            "There are no samples, so that a machine standing still would not be seen.".to_owned()
        }
        Some(gap) => {
            format!(
                "Samples are due each 250 ms; the longest gap is {}.",
                format::duration(gap as f64)
            )
        }
    };
    let is_good = gap.is_some_and(|gap| gap <= SECOND_NS);
    Check { what: "The machine did not stand still", is_good, seen }
}

fn failed_faults(run: &RunView) -> Option<Check> {
    let failed: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::FaultFailed { fault, reason } => Some(format!("fault {fault}: {reason}")),
            _ => None,
        })
        .collect();
    if run.plan.faults.is_empty() && failed.is_empty() {
        return None;
    }
    let acted = run.windows.iter().filter(|window| window.injected_ns.is_some()).count();
    let planned = run.plan.faults.len();
    let mut seen = format!("{acted} of {planned} planned faults acted.");
    if !failed.is_empty() {
        seen += &format!(" Not injected: {}.", failed.join("; "));
    }
    Some(Check { what: "The faults acted", is_good: failed.is_empty() && acted >= planned, seen })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;
    use redrill_history::{Event, Sample};

    fn doubts(run: &RunView) -> Vec<&'static str> {
        checks(run).iter().filter(|check| !check.is_good).map(|check| check.what).collect()
    }

    #[test]
    fn a_good_run_gives_no_reason_to_doubt() {
        assert_eq!(doubts(&synthetic::failover().0), Vec::<&str>::new());
        assert_eq!(doubts(&synthetic::steady().0), Vec::<&str>::new());
    }

    #[test]
    fn a_late_generator_and_a_busy_service_are_told_apart() {
        let (mut run, _) = synthetic::failover();
        for op in &mut run.operations {
            op.started_ns = op.intended_ns + 2 * LATE_NS;
        }
        assert_eq!(doubts(&run), ["The load generator kept time"]);
        for op in &mut run.operations {
            op.flags = op.flags.with(Flags::NO_IDLE_VU);
        }
        assert!(doubts(&run).contains(&"There were enough virtual users"));
    }

    #[test]
    fn losses_tilt_and_faults_that_did_not_act_are_doubts() {
        let kinds = [
            (
                EventKind::RecordsLost { count: 3 },
                "Every operation was recorded, and is still there",
            ),
            (
                EventKind::Sentinel {
                    sentinel: "sentinel[0]".to_owned(),
                    channel: "+tilt".to_owned(),
                    message: String::new(),
                },
                "The Sentinels' clocks ran steadily",
            ),
            (
                EventKind::FaultFailed { fault: 0, reason: "no such node".to_owned() },
                "The faults acted",
            ),
            (EventKind::Interrupted { reason: "by a signal".to_owned() }, "The run is whole"),
        ];
        for (kind, doubt) in kinds {
            let (mut run, _) = synthetic::failover();
            run.events.push(Event { at_ns: run.load_end_ns, kind });
            assert_eq!(doubts(&run), [doubt]);
        }
    }

    #[test]
    fn a_file_altered_since_is_a_doubt_that_names_it() {
        let (mut run, _) = synthetic::failover();
        run.altered = vec!["samples.ndjson is missing".to_owned()];
        assert_eq!(doubts(&run), ["Every operation was recorded, and is still there"]);
        assert!(records(&run).seen.ends_with("Altered since: samples.ndjson is missing."));
    }

    #[test]
    fn a_full_or_frozen_machine_is_a_doubt() {
        let (mut run, _) = synthetic::failover();
        let source = "harness".to_owned();
        for (at_ns, seconds) in [(run.load_start_ns, 0.0), (run.load_end_ns - 1, 115.0)] {
            let values = BTreeMap::from([("cpu_seconds".to_owned(), seconds)]);
            run.samples.push(Sample { at_ns, source: source.clone(), values });
        }
        assert_eq!(
            doubts(&run),
            ["The machine had time to spare", "The machine did not stand still"]
        );
    }
}
