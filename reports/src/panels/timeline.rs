//! Load, outcomes, latency, roles and faults on one axis.

use super::Panel;
use crate::figure::Figure;
use crate::series::{Bin, Bins};
use crate::table::{Column, table};
use crate::{format, text, timeline};
use maud::{Markup, html};
use redrill_history::{EventKind, Report, RunView};

/// Events shown at most; the run folder has them all.
const EVENTS_MOST: usize = 200;

pub(super) struct Timeline;

impl Panel for Timeline {
    fn id(&self) -> &'static str {
        "timeline"
    }

    fn title(&self) -> &'static str {
        "Timeline"
    }

    fn question(&self) -> &'static str {
        "When did it happen?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.kind.is_one_load()
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        let bins = Bins::of(run, None);
        let figure = Figure {
            id: "timeline-figure".to_owned(),
            title: "The run on one time axis".to_owned(),
            description: description(run, &bins),
            how_to_read:
                "Every row has the same seconds from left to right: look for what changes \
                          under the tinted band, where a fault acted (dashed outline: as planned), \
                          and after the dashed line, where a new master was first seen."
                    .to_owned(),
            svg: timeline::draw(run, &bins),
            data: bins_table("Load by time", run, &bins),
        };
        html! {
            @if bins.bins.is_empty() {
                p.note { "No load was recorded, so there is nothing to draw." }
            } @else {
                (figure.markup())
            }
            (events(run))
        }
    }
}

fn description(run: &RunView, bins: &Bins) -> String {
    let worst = bins.bins.iter().filter(|bin| bin.tally.intended > 0).max_by(|one, other| {
        let bad = |bin: &Bin| {
            (bin.tally.intended - bin.tally.answered) as f64 / bin.tally.intended as f64
        };
        bad(one).total_cmp(&bad(other))
    });
    let mut text = format!(
        "Rows from top to bottom: phases, faults, role of each node, arrivals, outcomes, latency, \
         over {}.",
        format::duration(run.load_end_ns.saturating_sub(run.load_start_ns) as f64)
    );
    if let Some(bin) = worst.filter(|bin| bin.tally.answered < bin.tally.intended) {
        text += &format!(
            " At the worst moment, {}, {} of the requests were answered.",
            format::moment(bin.start_ns, run.load_start_ns),
            format::part(bin.tally.answered, bin.tally.intended)
        );
    }
    text
}

/// The bins of a picture as a table.
pub(super) fn bins_table(caption: &str, run: &RunView, bins: &Bins) -> Markup {
    let columns = [
        Column::Number("From"),
        Column::Words("Phase"),
        Column::Number("Should start"),
        Column::Number("Started"),
        Column::Number("Ok"),
        Column::Number("Refused"),
        Column::Number("Unknown"),
        Column::Number("p50"),
        Column::Number("p99"),
        Column::Number("Largest"),
    ];
    let row = |bin: &Bin| {
        let tally = &bin.tally;
        let counts = [tally.intended, tally.started, tally.ok, tally.refused, tally.unknown];
        let latency = &tally.latency;
        let times = [latency.quantile_ns(0.5), latency.quantile_ns(0.99), latency.max_ns()];
        let phase = run.phases.of(bin.start_ns).map_or("–", |phase| phase.name());
        let mut row = vec![format::moment(bin.start_ns, run.load_start_ns), phase.to_owned()];
        row.extend(counts.map(format::count));
        row.extend(times.map(format::duration_or_dash));
        row
    };
    let rows: Vec<_> = bins.bins.iter().map(row).collect();
    table(caption, &columns, &rows)
}

fn events(run: &RunView) -> Markup {
    let told: Vec<_> = run.events.iter().filter(|event| is_told(&event.kind)).collect();
    let rows: Vec<_> = told
        .iter()
        .take(EVENTS_MOST)
        .map(|event| {
            vec![format::moment(event.at_ns, run.load_start_ns), text::event(&event.kind, run)]
        })
        .collect();
    html! {
        details.data {
            summary { "Events, one by one (" (format::count(told.len() as u64)) ")" }
            (table("Events", &[Column::Number("At"), Column::Words("What happened")], &rows))
            @if told.len() > rows.len() {
                p.note { "The first " (rows.len()) " are shown; events.ndjson has all." }
            }
        }
    }
}

/// Sentinels publish much; what moves the master or the quorum is worth a reader's time.
fn is_told(kind: &EventKind) -> bool {
    const CHANNELS: [&str; 10] = [
        "+sdown",
        "-sdown",
        "+odown",
        "-odown",
        "+tilt",
        "-tilt",
        "+elected-leader",
        "+promoted-slave",
        "+switch-master",
        "+failover-end",
    ];
    match kind {
        EventKind::Sentinel { channel, .. } => CHANNELS.contains(&channel.as_str()),
        _ => true,
    }
}
