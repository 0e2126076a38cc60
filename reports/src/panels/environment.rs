//! The machine, the versions and the processes.

use super::Panel;
use crate::format;
use crate::table::{Column, table};
use maud::{Markup, html};
use redrill_history::{FoundFacts, ProcessFacts, Report, RunView};

pub(super) struct Environment;

impl Panel for Environment {
    fn id(&self) -> &'static str {
        "environment"
    }

    fn title(&self) -> &'static str {
        "Environment"
    }

    fn question(&self) -> &'static str {
        "What did it run on?"
    }

    fn draw(&self, run: &RunView, _: &Report) -> Markup {
        let facts = &run.environment;
        let known = |text: &str| {
            if text.is_empty() { "not known".to_owned() } else { text.to_owned() }
        };
        let cores = if facts.cores == 0 { String::new() } else { facts.cores.to_string() };
        html! {
            dl.card {
                div { dt { "Kernel" } dd { (known(&facts.kernel)) } }
                div { dt { "Logical processors" } dd { (known(&cores)) } }
                div { dt { "Redis" } dd { (known(&facts.redis)) } }
                div { dt { "Began" } dd { (format::utc(&facts.began)) } }
            }
            @if facts.processes.is_empty() {
                p.note { "No process is recorded: the run ended before its environment was ready." }
            } @else {
                (processes(&facts.processes))
            }
            @if !facts.found.is_empty() {
                (found(&facts.found))
            }
        }
    }
}

fn processes(processes: &[ProcessFacts]) -> Markup {
    let columns = [
        Column::Words("Process"),
        Column::Number("Process id"),
        Column::Words("Listens on"),
        Column::Words("Others use"),
        Column::Words("Connects from"),
    ];
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let row = |process: &ProcessFacts| {
        vec![
            process.name.clone(),
            process.pid.to_string(),
            process.address.clone(),
            or_dash(&process.announced),
            or_dash(&process.source),
        ]
    };
    let rows: Vec<_> = processes.iter().map(row).collect();
    table("Processes that the harness started", &columns, &rows)
}

fn found(found: &[FoundFacts]) -> Markup {
    let columns = [
        Column::Words("Part"),
        Column::Words("Listens on"),
        Column::Words("Others use"),
        Column::Words("Proxy"),
    ];
    let row = |part: &FoundFacts| {
        let FoundFacts { name, address, announced, proxy } = part.clone();
        vec![name, address, announced, proxy]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    table("Redis that was there before, and was left there", &columns, &rows)
}
