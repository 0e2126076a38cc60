//! What was broken, proof that it was, and the way back.

use super::Panel;
use crate::table::{Column, table};
use crate::{format, text};
use maud::{Markup, html};
use redrill_history::{EventKind, Report, RunView, Window};

pub(super) struct Faults;

impl Panel for Faults {
    fn id(&self) -> &'static str {
        "faults"
    }

    fn title(&self) -> &'static str {
        "Faults"
    }

    fn question(&self) -> &'static str {
        "What was broken, and how did it come back?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.kind.is_one_load()
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        html! {
            @match (run.windows.first(), run.plan.faults.len()) {
                (None, 0) => p.note { "Nothing: the plan has no fault." },
                (None, planned) => p.note {
                    "Nothing: of " (format::counted(planned as u64, "planned fault")) " none was "
                    "begun."
                },
                (Some(first), _) => { (faults(run)) (milestones(run, first.begun_ns)) },
            }
        }
    }
}

fn faults(run: &RunView) -> Markup {
    let columns = [
        Column::Words("Fault"),
        Column::Words("Hit"),
        Column::Number("Begun"),
        Column::Number("Acted"),
        Column::Number("Healed"),
        Column::Words("Proof that it acted"),
    ];
    let at = |at_ns: u64| format::moment(at_ns, run.load_start_ns);
    let row = |window: &Window| {
        let planned = run.plan.faults.get(window.fault);
        let needs_healing = planned.is_some_and(|planned| planned.lasts.is_some());
        let healed = match window.healed_ns {
            Some(healed_ns) => at(healed_ns),
            None if needs_healing => "never".to_owned(),
            None => "needs none".to_owned(),
        };
        vec![
            name(run, window),
            window.target.clone(),
            at(window.begun_ns),
            window.injected_ns.map_or_else(|| "never".to_owned(), at),
            healed,
            window.proof.clone().unwrap_or_else(|| "none".to_owned()),
        ]
    };
    let rows: Vec<_> = run.windows.iter().map(row).collect();
    table("Faults as they were injected", &columns, &rows)
}

fn name(run: &RunView, window: &Window) -> String {
    run.plan.faults.get(window.fault).map_or_else(|| window.kind.clone(), text::fault_name)
}

/// What followed the first injection, in order of time.
fn milestones(run: &RunView, begun_ns: u64) -> Markup {
    let phases = &run.phases;
    let after = |ns: Option<u64>| ns.map(|ns| begun_ns.saturating_add(ns));
    let mut moments = vec![(begun_ns, "the first fault is injected".to_owned())];
    let symptom = "the first request that is not answered should start";
    moments.extend(after(phases.time_to_symptom_ns).map(|at_ns| (at_ns, symptom.to_owned())));
    let promoted = |(at_ns, node)| (at_ns, format!("{node} is first seen as master"));
    moments.extend(run.promotions().into_iter().map(promoted));
    moments.extend(named(run, begun_ns));
    let recovered = "the first of two good seconds in a row begins: recovered";
    moments.extend(phases.recovered_ns.map(|at_ns| (at_ns, recovered.to_owned())));
    let healed =
        |window: &Window| Some((window.healed_ns?, format!("{} is healed", name(run, window))));
    moments.extend(run.windows.iter().filter_map(healed));
    moments.sort();
    let columns = [
        Column::Number("After the injection"),
        Column::Number("At"),
        Column::Words("What happened"),
    ];
    let row = |(at_ns, what): &(u64, String)| {
        let since = format::duration(*at_ns as f64 - begun_ns as f64);
        vec![since, format::moment(*at_ns, run.load_start_ns), what.clone()]
    };
    let rows: Vec<_> = moments.iter().map(row).collect();
    html! {
        div.after { (table("The way back", &columns, &rows)) }
        @if phases.never_recovered() {
            p.note { "No two good seconds in a row followed in the load that was recorded." }
        }
    }
}

/// The first time that a Sentinel named a new master.
fn named(run: &RunView, begun_ns: u64) -> Option<(u64, String)> {
    run.events.iter().filter(|event| event.at_ns >= begun_ns).find_map(|event| match &event.kind {
        EventKind::Sentinel { sentinel, channel, .. }
            if channel == "+promoted-slave" || channel == "+switch-master" =>
        {
            Some((event.at_ns, format!("{sentinel} is the first to tell of it ({channel})")))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::synthetic;

    #[test]
    fn the_way_back_is_told_in_order() {
        let (run, report) = synthetic::failover();
        let page = Faults.draw(&run, &report).into_string();
        let order = [
            "the first fault is injected",
            "should start",
            "node[1] is first seen as master",
            "(+switch-master)",
            "recovered",
            "kill main.master is healed",
        ];
        let places: Vec<_> = order.iter().map(|words| page.find(words)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    }

    #[test]
    fn of_several_faults_each_promotion_and_the_last_recovery_are_told() {
        let (run, report) = synthetic::thrice();
        let page = Faults.draw(&run, &report).into_string();
        let order = ["node[1] is first seen", "node[2] is first seen", "begins: recovered"];
        let places: Vec<_> = order.iter().map(|words| page.find(words)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    }

    #[test]
    fn no_fault_is_told_apart_from_a_fault_that_never_came() {
        let draw = |(run, report)| Faults.draw(&run, &report).into_string();
        assert!(draw(synthetic::steady()).contains("the plan has no fault"));
        assert!(draw(synthetic::cut_off(5)).contains("none was begun"));
        assert!(draw(synthetic::cut_off(13)).contains("never"));
    }
}
