//! Progress while a run goes on: a line that is rewritten on a terminal, plain lines elsewhere.

use crate::output;
use indicatif::{ProgressBar, ProgressStyle};
use redrill_history::{Capability, PlannedFault, ResolvedPlan, SECOND_NS};
use redrill_scenarios::load::Progress as Counts;
use std::time::Duration;

/// How often a line is rewritten on a terminal, and how often one is printed elsewhere.
const ON_TERMINAL: Duration = Duration::from_millis(500);
const ELSEWHERE: Duration = Duration::from_secs(5);

/// Shows what a run is doing.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows nothing yet.
    pub fn new() -> Self {
        let bar = output::is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            // The template is a literal that the library accepts.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    /// Says which step the run has come to.
    pub fn step(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => output::note(text),
        }
    }

    /// Shows the load until it is dropped: rates, failures and the time left.
    pub async fn show_load(
        &self,
        plan: &ResolvedPlan,
        counts: &Counts,
        elapsed_ns: impl Fn() -> u64,
    ) {
        let pause = if self.bar.is_some() { ON_TERMINAL } else { ELSEWHERE };
        let mut earlier = (elapsed_ns(), 0);
        loop {
            tokio::time::sleep(pause).await;
            let now = (elapsed_ns(), total(counts).iter().sum::<u64>());
            let seconds = (now.0 - earlier.0) as f64 / SECOND_NS as f64;
            let rate = (now.1 - earlier.1) as f64 / seconds.max(0.001);
            earlier = now;
            let left = plan.load.duration.as_secs().saturating_sub(now.0 / SECOND_NS);
            let [ok, refused, unknown] = total(counts);
            let at = now.0 / SECOND_NS;
            let doing = doing(plan, Duration::from_nanos(now.0));
            let text = format!(
                "{at:>3} s  {rate:>5.0} requests/s  ok {ok}  refused {refused}  unknown {unknown}  \
                 {left} s left  {doing}"
            );
            match &self.bar {
                Some(bar) => bar.set_message(text),
                None => output::note(&text),
            }
        }
    }

    /// Shows nothing any more.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn total(counts: &Counts) -> [u64; 3] {
    let mut sum = [0; 3];
    for capability in Capability::ALL {
        for (sum, count) in sum.iter_mut().zip(counts.of(capability)) {
            *sum += count;
        }
    }
    sum
}

/// What the timeline is at: the baseline, the faults that act, or that they are over.
fn doing(plan: &ResolvedPlan, at: Duration) -> String {
    let acts = |fault: &&PlannedFault| {
        (fault.at..fault.at + fault.lasts.unwrap_or_default()).contains(&at)
    };
    let name = |fault: &PlannedFault| format!("{} {}", fault.kind, fault.target.join(", "));
    let acting: Vec<String> = plan.faults.iter().filter(acts).map(name).collect();
    match plan.faults.iter().any(|fault| fault.at <= at) {
        _ if !acting.is_empty() => format!("fault: {}", acting.join("; ")),
        true => "after the fault".to_owned(),
        false if plan.faults.is_empty() => String::new(),
        false => "baseline".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeline_is_told_in_words() {
        let mut plan = ResolvedPlan::example();
        plan.faults.push(PlannedFault::example());
        let told = [0, 12, 21, 22].map(|second| doing(&plan, Duration::from_secs(second)));
        let fault = "fault: kill main.master";
        assert_eq!(told, ["baseline", fault, fault, "after the fault"]);
    }
}
