//! How much is carried, and what was full.

use super::Panel;
use crate::figure::Figure;
use crate::table::{Column, table};
use crate::{curve, format, text};
use maud::{Markup, html};
use redrill_history::capacity::{Answer, Bottleneck, Step, Usage};
use redrill_history::{Report, RunKind, RunView};

pub(super) struct Capacity;

impl Panel for Capacity {
    fn id(&self) -> &'static str {
        "capacity"
    }

    fn title(&self) -> &'static str {
        "Capacity"
    }

    fn question(&self) -> &'static str {
        "How much does it carry, and what was full then?"
    }

    fn applies(&self, run: &RunView) -> bool {
        run.plan.kind == RunKind::Capacity
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        let steps = Step::all(run);
        if steps.is_empty() {
            return html! { p.note { "No step was run, so there is no curve." } };
        }
        let answer = Answer::of_steps(&steps);
        let cores = run.environment.cores;
        let figure = Figure {
            id: "capacity-figure".to_owned(),
            title: "What was served and how fast, over the rate that was offered".to_owned(),
            description: description(&steps, answer),
            how_to_read: "Each mark is a step: a filled box where every threshold held, a red \
                          cross where one was broken, a grey cross where the step says nothing, \
                          since it had too few answers or was cut short. Lines go through the \
                          median of the steps at a rate. The limit lies in the tinted band, \
                          between the highest rate that held and the lowest that did not."
                .to_owned(),
            svg: curve::draw(&steps, answer, cores),
            data: steps_table(&steps),
        };
        html! {
            @if let Some(full) = Bottleneck::at_knee(&steps, run) {
                p.full {
                    strong { "Full: " (full.resource.name()) "." }
                    " " (sentence(&full.because))
                }
            }
            (figure.markup())
            @if let Some(knee) = answer.knee(&steps).or_else(|| answer.carried(&steps)) {
                div.after-table { (usage_table(knee, cores)) }
            }
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn description(steps: &[Step], answer: Answer) -> String {
    let mut text = format!(
        "Rows from top to bottom: goodput, latency, processors, over the offered rate, in {}.",
        format::counted(steps.len() as u64, "step")
    );
    let rate = |level: Option<redrill_history::capacity::Level>| {
        level.map(|level| format::rate(level.rate_per_s))
    };
    if let Some(held) = rate(answer.held) {
        text += &format!(" Up to {held} requests a second every threshold held.");
    }
    if let Some(broke) = rate(answer.broke) {
        text += &format!(" At {broke} one was broken.");
    }
    text
}

fn steps_table(steps: &[Step]) -> Markup {
    let columns = [
        Column::Number("Step"),
        Column::Words("For"),
        Column::Number("Offered/s"),
        Column::Number("Goodput/s"),
        Column::Number("Goodput"),
        Column::Number("Errors"),
        Column::Number("p50"),
        Column::Number("p99"),
        Column::Number("Late arrivals"),
        Column::Words("End"),
    ];
    let row = |(index, step): (usize, &Step)| {
        let traffic = &step.traffic;
        let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), format::share);
        let rate = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), format::rate);
        vec![
            (index + 1).to_string(),
            step.role.name().to_owned(),
            rate(traffic.offered_per_s()),
            rate(traffic.delivered_per_s()),
            share(traffic.goodput()),
            share(traffic.errors()),
            format::duration_or_dash(traffic.quantile_ns(0.5)),
            format::duration_or_dash(traffic.quantile_ns(0.99)),
            format::share(step.late),
            text::end(step),
        ]
    };
    let rows: Vec<_> = steps.iter().enumerate().map(row).collect();
    table("Steps, in order of time", &columns, &rows)
}

fn usage_table(step: &Step, cores: u32) -> Markup {
    let columns = [
        Column::Words("Process"),
        Column::Number("Processors"),
        Column::Number("Share of the machine"),
        Column::Number("Main thread busy"),
    ];
    let share = |cores_used: f64| match cores {
        0 => "–".to_owned(),
        cores => format::share(cores_used / f64::from(cores)),
    };
    let mut usage: Vec<&Usage> = step.usage.iter().collect();
    usage.sort_by(|one, other| other.cores.total_cmp(&one.cores));
    let row = |usage: &&Usage| {
        let main = usage.main_thread.map_or_else(|| "–".to_owned(), format::share);
        vec![usage.process.clone(), format!("{:.2}", usage.cores), share(usage.cores), main]
    };
    let rows: Vec<_> = usage.iter().map(row).collect();
    let caption = format!("What each process used at {}/s", format::rate(step.rate_per_s));
    table(&caption, &columns, &rows)
}
