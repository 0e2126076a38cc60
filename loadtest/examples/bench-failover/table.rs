//! The table of all results, in Markdown.

use crate::failover::{Cost, Fault};
use crate::service::MODES;
use std::fmt::Write as _;

/// The kinds of faults and what they are called.
const FAULTS: [(Option<Fault>, &str); 5] = [
    (None, "all"),
    (Some(Fault::Kill), "SIGKILL"),
    (Some(Fault::Pause), "SIGSTOP"),
    (Some(Fault::Failover), "commanded"),
    (Some(Fault::Cut), "cut off"),
];

/// Times in ms, as minimum, median, 95th percentile and maximum of the failovers in which the
/// promoted node has acknowledged anything.
pub(crate) fn table(costs: &[Cost]) -> String {
    let mut text =
        "| mode | failovers | acknowledged again | from the change of role, ms | from a \
                    Sentinel's message, ms | jobs acknowledged | lost | of the promoted node |\n\
                    | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for mode in MODES {
        for (fault, name) in FAULTS {
            let some: Vec<&Cost> = costs
                .iter()
                .filter(|cost| cost.mode == mode && fault.is_none_or(|fault| cost.fault == fault))
                .collect();
            if some.is_empty() {
                continue;
            }
            let role = some.iter().filter_map(|cost| cost.from_role_ms).collect::<Vec<_>>();
            let message = some.iter().filter_map(|cost| cost.from_message_ms).collect::<Vec<_>>();
            let _ = writeln!(
                text,
                "| {} | {} {name} | {} | {} | {} | {} | {} | {} |",
                mode.name(),
                some.len(),
                role.len(),
                spread(role.clone()),
                spread(message),
                some.iter().map(|cost| cost.acknowledged).sum::<usize>(),
                some.iter().map(|cost| cost.lost).sum::<usize>(),
                some.iter().map(|cost| cost.lost_by_promoted).sum::<usize>(),
            );
        }
    }
    text
}

fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * (values.len() as f64 - 1.0)).ceil();
        values.get(place as usize).copied().unwrap_or(f64::NAN)
    };
    match values.is_empty() {
        true => "never".to_owned(),
        false => format!("{:.0} · {:.0} · {:.0} · {:.0}", at(0.0), at(0.5), at(0.95), at(1.0)),
    }
}
