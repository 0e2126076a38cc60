//! A plan drawn for a terminal: the load, each fault's window and the phases on an axis of time,
//! then what happens in words, and what the run needs.

use super::needs;
use super::paper::Paper;
use crate::faults;
use redrill_history::{PlannedFault, ResolvedPlan, print_duration};
use std::time::Duration;

/// Narrower than this nothing can be drawn.
const NARROWEST: usize = 40;
/// Seconds that stand between two marks of the axis, at the least.
const STEPS_S: [u64; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 86_400];
/// Columns that a mark's time needs.
const MARK: u64 = 8;

/// Draws the plan `width` columns wide, with colours where they are wanted.
pub(crate) fn picture(plan: &ResolvedPlan, width: usize, is_coloured: bool) -> String {
    let mut paper = Paper::new(width.max(NARROWEST), is_coloured);
    paper.text(&format!("{}: {}", plan.name, plan.question));
    paper.text(&format!("redrill {}, seed {}", plan.kind.name(), plan.seed));
    paper.text("");
    if plan.kind.is_one_load() {
        timeline(plan, &mut paper);
    }
    for fault in &plan.faults {
        paper.hanging(&when(fault), &what(fault));
    }
    let mut told: Vec<&str> = Vec::new();
    for fault in &plan.faults {
        let Some(kind) = faults::find(&fault.kind).filter(|kind| !told.contains(&kind.name()))
        else {
            continue;
        };
        told.push(kind.name());
        let heals = kind.heals().map(|how| format!("; then it {how}")).unwrap_or_default();
        paper.hanging(kind.name(), &format!("{}{heals}", kind.doc()));
    }
    if !plan.faults.is_empty() {
        paper.text("");
    }
    for (name, words) in needs::needs(plan) {
        paper.hanging(name, &words);
    }
    paper.finish()
}

/// The rows over one axis.
fn timeline(plan: &ResolvedPlan, paper: &mut Paper) {
    let labels: Vec<String> = plan.faults.iter().map(what).collect();
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let label = longest.clamp("phases".len(), paper.width() * 2 / 5);
    let columns = paper.width() - label - 2;
    let (load, drain) = (plan.load.duration, plan.load.drain);
    let axis = Axis { columns, whole: load + drain };
    let (times, marks) = axis.marks();
    paper.row("", label, &times);
    paper.row("", label, &marks);
    let carried = axis.column(load);
    let bar = format!("{}{}", "█".repeat(carried), "░".repeat(columns - carried));
    paper.coloured_row("load", label, &bar, "32");
    for (fault, text) in plan.faults.iter().zip(&labels) {
        let from = axis.column(fault.at).min(columns - 1);
        let end = fault.at + fault.lasts.unwrap_or_default();
        let to = axis.column(end).clamp(from + 1, columns);
        let bar = if fault.lasts.is_some() { "█" } else { "◆" };
        let row = format!("{}{}", " ".repeat(from), bar.repeat(to - from));
        paper.coloured_row(text, label, &row, "31");
    }
    paper.row("phases", label, &phases(plan, &axis));
    paper.text("");
}

/// Where the phases will be: from the first injection to the last healing acts a fault.
fn phases(plan: &ResolvedPlan, axis: &Axis) -> String {
    let end = |fault: &PlannedFault| fault.at + fault.lasts.unwrap_or_default();
    let first = plan.faults.iter().map(|fault| fault.at).min();
    let healed = plan.faults.iter().map(end).max();
    let (first, healed) = (first.unwrap_or(plan.load.duration), healed.unwrap_or_default());
    let moments = [Duration::ZERO, first, healed.max(first), plan.load.duration, axis.whole];
    let names = ["baseline", "fault", "recovery, after", "drain"];
    let mut row = String::new();
    for (name, moments) in names.into_iter().zip(moments.windows(2)) {
        let columns = axis.column(moments[1]).saturating_sub(axis.column(moments[0]));
        let bar = if row.is_empty() { "" } else { "│" };
        let Some(inside) = columns.checked_sub(bar.chars().count()) else { continue };
        row.push_str(bar);
        row.push_str(&format!("{:inside$}", short(name, inside)));
    }
    row
}

/// A span of time on columns.
struct Axis {
    columns: usize,
    whole: Duration,
}

impl Axis {
    /// The column where a moment is.
    fn column(&self, at: Duration) -> usize {
        let share = at.as_secs_f64() / self.whole.as_secs_f64().max(f64::MIN_POSITIVE);
        ((share * self.columns as f64).round() as usize).min(self.columns)
    }

    /// Times, and the marks below them.
    fn marks(&self) -> (String, String) {
        let fits = |step: &u64| {
            let marks = self.whole.as_secs() / step + 1;
            marks * MARK <= self.columns as u64
        };
        let step = STEPS_S.into_iter().find(fits).unwrap_or(self.whole.as_secs().max(1));
        let (mut times, mut marks) = (String::new(), String::new());
        for number in 0.. {
            let at = Duration::from_secs(number * step);
            let column = self.column(at);
            let time = print_duration(at).replace(' ', "");
            if at > self.whole || column + time.len() > self.columns {
                break;
            }
            times.push_str(&format!("{:1$}{time}", "", column - times.chars().count()));
            let rule = "─".repeat(column - marks.chars().count());
            marks.push_str(&format!("{rule}┴"));
        }
        marks.push_str(&"─".repeat(self.columns - marks.chars().count()));
        (times, marks)
    }
}

/// `12s to 22s`, or `12s` for one that is over at once.
fn when(fault: &PlannedFault) -> String {
    let at = print_duration(fault.at);
    match fault.lasts {
        Some(lasts) => format!("{at} to {}", print_duration(fault.at + lasts)),
        None => at,
    }
}

/// `cut main.master from replicas, sentinels`, with the settings.
fn what(fault: &PlannedFault) -> String {
    let mut words = format!("{} {}", fault.kind, fault.target.join(", "));
    if !fault.from.is_empty() {
        words += &format!(" from {}", fault.from.join(", "));
    }
    for (name, value) in &fault.with {
        words += &format!(", {name} {}", value.to_string().trim_matches('"'));
    }
    if let Some(kind) = &fault.instead_of {
        words += &format!(", instead of {kind}");
    }
    words
}

/// At most so many columns of a text.
pub(super) fn short(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns == 0 { kept } else { kept + "…" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, PLANS, Plan};

    fn plan(text: &str) -> ResolvedPlan {
        Plan::parse("my.toml", text, &Overrides::default()).unwrap().resolved
    }

    const TWO: &str = "name = \"two\"\nquestion = \"What do two faults cost?\"\n\
        [load]\nduration = \"40s\"\n\
        [[fault]]\nkind = \"latency\"\nat = \"8s\"\nfor = \"8s\"\ntarget = [\"main.master\"]\n\
        with = { latency = \"150ms\" }\n\
        [[fault]]\nkind = \"restart\"\nat = \"24s\"\ntarget = [\"server[0]\"]\n";

    #[test]
    fn windows_stand_where_they_are_on_the_axis() {
        let drawn = picture(&plan(TWO), 80, false);
        let row = |name: &str| {
            let line = drawn.lines().find(|line| line.starts_with(name)).expect(&drawn);
            line.chars().skip(34).collect::<String>()
        };
        // 46 columns for 48 s.
        assert_eq!(row("load"), format!("{}{}", "█".repeat(38), "░".repeat(8)));
        assert_eq!(row("latency"), format!("{}{}", " ".repeat(8), "█".repeat(7)));
        assert_eq!(row("restart"), format!("{}◆", " ".repeat(23)));
        assert_eq!(row("phases"), "baseline│fault         │recovery, aft…│drain");
        for word in ["8s to 16s", "latency 150ms", "24s", "server[0]", "SIGTERM", "10 processes"] {
            assert!(drawn.contains(word), "{word}: {drawn}");
        }
    }

    #[test]
    fn every_plan_fits_every_width_and_has_no_colour_unless_asked() {
        let far = "[load]\nduration = \"7d\"\n[chaos]\nevery = \"3h\"\n";
        let names = PLANS.iter().map(|(name, _)| *name);
        let texts = names.map(|name| Plan::load(name, &Overrides::default()).unwrap().resolved);
        for plan in texts.chain([plan(TWO), plan(far), plan("[load]\nduration = \"1s\"\n")]) {
            for width in [40, 80, 97, 200] {
                let drawn = picture(&plan, width, false);
                for line in drawn.lines() {
                    assert!(line.chars().count() <= width, "{width}: {line}");
                    assert!(line.trim_end() == line && !line.contains('\u{1b}'), "{line:?}");
                }
                let coloured = picture(&plan, width, true);
                let marks = ["\u{1b}[32m", "\u{1b}[31m", "\u{1b}[0m"];
                assert_eq!(marks.iter().fold(coloured, |text, mark| text.replace(mark, "")), drawn);
            }
        }
    }
}
