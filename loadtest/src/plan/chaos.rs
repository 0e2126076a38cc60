//! The `[chaos]` section: a random timeline, drawn from the plan's seed. What is drawn is written
//! out in the resolved plan, which so replays exactly, whatever draws otherwise later.

use super::draw::{Chances, draw};
use super::fault::{names, no_fault};
use super::file::Time;
use super::place::Source;
use super::range::{LONGEST_RUN, SECOND, time};
use crate::faults::{self, Fault};
use anyhow::Result;
use redrill_history::{EnvironmentPlan, LoadPlan, PlannedFault, print_duration};
use serde::Deserialize;
use std::time::Duration;
use toml::Spanned;

/// Nothing shorter is seen to act.
const SHORTEST: Duration = Duration::from_millis(500);
/// What no network does to a connection: TCP sends again what was lost. A stream with gaps has
/// answers of Redis meet other questions, which no client can notice.
const UNHEARD_OF: &[&str] = &["packet_loss"];
/// A longer timeline is no plan that anybody reads.
const FAULTS_MOST: u128 = 1000;

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ChaosFile {
    faults: Option<Spanned<Vec<Spanned<String>>>>,
    targets: Option<Spanned<Vec<Spanned<String>>>>,
    every: Option<Spanned<Time>>,
    lasts: Option<Spanned<Vec<Spanned<Time>>>>,
}

/// The faults that are drawn, beside those that are `fixed`; none without the section.
pub(super) fn resolve(
    written: Option<&Spanned<ChaosFile>>,
    seed: u64,
    load: &LoadPlan,
    environment: &EnvironmentPlan,
    instances: u8,
    fixed: &[PlannedFault],
    source: &Source<'_>,
) -> Result<Vec<PlannedFault>> {
    let Some(section) = written else { return Ok(Vec::new()) };
    let file = section.get_ref();
    let every = time("every", file.every.as_ref(), 10 * SECOND, SECOND..=LONGEST_RUN, source)?;
    let mut chances = Chances {
        kinds: kinds(file, source)?,
        targets: match &file.targets {
            Some(written) => Some(names(Some(written), environment, instances, source)?),
            None => None,
        },
        every,
        lasts: lasts(file, source)?,
        environment,
        instances,
        load,
    };
    let at = |span: Option<std::ops::Range<usize>>, message: &str| {
        source.at(&span.unwrap_or_else(|| section.span()), message)
    };
    if load.duration.as_nanos() / every.as_nanos() > FAULTS_MOST {
        let message = format!(
            "a fault every {} of {} makes more than {FAULTS_MOST}; lengthen every",
            print_duration(every),
            print_duration(load.duration)
        );
        return Err(at(file.every.as_ref().map(Spanned::span), &message));
    }
    if file.faults.is_none() {
        let kinds = std::mem::take(&mut chances.kinds);
        chances.kinds =
            kinds.into_iter().filter(|kind| !chances.places(*kind).is_empty()).collect();
    }
    if chances.kinds.is_empty() {
        let message = "nothing that may be hit is a target for any fault; name others";
        return Err(at(file.targets.as_ref().map(Spanned::span), message));
    }
    if let Some(kind) = chances.kinds.iter().find(|kind| chances.places(**kind).is_empty()) {
        let name = kind.name();
        let (list, faults) = (file.targets.as_ref(), file.faults.as_ref().map(Spanned::span));
        return Err(match chances.refusal(*kind) {
            // Whatever it would hit.
            Some(reason) => at(faults, &format!("{reason}; take it out of faults")),
            None => {
                let message =
                    format!("nothing that may be hit is a target for {name}; name others");
                at(list.map(Spanned::span).or(faults), &message)
            }
        });
    }
    draw(&chances, seed, fixed).map_err(|message| at(None, &message))
}

/// The kinds that are named; else those that heal, find a target, and happen.
fn kinds(file: &ChaosFile, source: &Source<'_>) -> Result<Vec<&'static dyn Fault>> {
    let Some(written) = &file.faults else {
        let is_drawn =
            |kind: &&&dyn Fault| kind.heals().is_some() && !UNHEARD_OF.contains(&kind.name());
        return Ok(faults::FAULTS.iter().filter(is_drawn).copied().collect());
    };
    let mut kinds: Vec<&'static dyn Fault> = Vec::new();
    for name in written.get_ref() {
        let Some(kind) = faults::find(name.get_ref()) else {
            return Err(source.at(&name.span(), &no_fault(name.get_ref())));
        };
        if kinds.iter().any(|known| known.name() == kind.name()) {
            let message = format!("'{}' is already in this list", kind.name());
            return Err(source.at(&name.span(), &message));
        }
        kinds.push(kind);
    }
    if kinds.is_empty() {
        let message = "no fault is named; name one, or leave faults out to have those that heal";
        return Err(source.at(&written.span(), message));
    }
    Ok(kinds)
}

/// The shortest and the longest that a fault lasts.
fn lasts(file: &ChaosFile, source: &Source<'_>) -> Result<(Duration, Duration)> {
    let Some(written) = &file.lasts else { return Ok((2 * SECOND, 8 * SECOND)) };
    let [least, most] = written.get_ref().as_slice() else {
        let message = "lasts is two durations, the shortest and the longest: [\"2s\", \"8s\"]";
        return Err(source.at(&written.span(), message));
    };
    let range = SHORTEST..=LONGEST_RUN;
    let (shortest, longest) = (
        time("the shortest", Some(least), SHORTEST, range.clone(), source)?,
        time("the longest", Some(most), SHORTEST, range, source)?,
    );
    if shortest > longest {
        let message = "the longest is shorter than the shortest; write [\"2s\", \"8s\"]";
        return Err(source.at(&most.span(), message));
    }
    Ok((shortest, longest))
}

#[cfg(test)]
mod tests {
    use crate::plan::{Overrides, Plan};
    use redrill_history::{PlannedFault, RunKind};

    fn drawn(text: &str, seed: u64) -> Vec<PlannedFault> {
        let overrides = Overrides { seed: Some(seed), ..Overrides::default() };
        Plan::parse("my.toml", text, &overrides).unwrap().resolved.faults
    }

    #[test]
    fn a_seed_gives_one_timeline_and_another_seed_another() {
        let text = "[load]\nduration = \"2m\"\n[chaos]\n";
        assert_eq!(drawn(text, 7), drawn(text, 7));
        let mut timelines: Vec<Vec<PlannedFault>> = (0..50).map(|seed| drawn(text, seed)).collect();
        timelines.dedup();
        assert_eq!(timelines.len(), 50);
    }

    #[test]
    fn a_drawn_plan_is_one_that_is_accepted_and_reads_back_as_itself() {
        let mut faults = 0;
        for (number, text) in [
            "[load]\nduration = \"30s\"\n[chaos]\n",
            "[load]\nduration = \"2m\"\n[chaos]\nevery = \"3s\"\nlasts = [\"500ms\", \"20s\"]\n",
            "[load]\nduration = \"1m\"\n[environment]\ntopology = \"standalone\"\n[chaos]\n",
            "[load]\nduration = \"1m\"\n[chaos]\nfaults = [\"cut\"]\nevery = \"5s\"\n",
            "[load]\nduration = \"1m\"\n[chaos]\nfaults = [\"restart\", \"failover\", \"kill\"]\n",
            "[load]\nduration = \"40s\"\n[chaos]\ntargets = [\"server[1]\"]\nfaults = [\"kill\"]\n",
        ]
        .iter()
        .enumerate()
        {
            for seed in 0..100 {
                let overrides = Overrides { seed: Some(seed), ..Overrides::default() };
                let plan = Plan::parse("my.toml", text, &overrides).unwrap().resolved;
                assert!(!plan.faults.is_empty(), "{number}, seed {seed}");
                let written = plan.to_toml().unwrap();
                let again = Plan::parse("again", &written, &Overrides::default());
                assert_eq!(again.expect(&written).resolved, plan);
                faults += plan.faults.len();
            }
        }
        assert!(faults > 2000, "{faults}");
    }

    #[test]
    fn what_no_network_does_is_drawn_only_where_it_is_named() {
        let all = |chaos: &str| {
            let text = format!("[load]\nduration = \"1h\"\n[chaos]\n{chaos}");
            (0..3).flat_map(|seed| drawn(&text, seed)).collect::<Vec<_>>()
        };
        let is_lossy = |fault: &PlannedFault| fault.kind == "packet_loss";
        assert!(!all("").iter().any(is_lossy));
        assert!(all("faults = [\"packet_loss\"]\n").iter().all(is_lossy));
        let lost = all("faults = [\"lost-commands\"]\n");
        // The service gives no replica commands, nor a Sentinel.
        let is_asked = |fault: &PlannedFault| fault.target[0] == "main.master";
        assert!(!lost.is_empty() && lost.iter().all(is_asked));
        let named = all("targets = [\"sentinel[0]\", \"main.master\"]\n");
        let of_commands = |fault: &&PlannedFault| fault.kind.ends_with("-commands");
        let mut named = named.iter().filter(of_commands).peekable();
        assert!(named.peek().is_some() && named.all(is_asked));
    }

    #[test]
    fn a_draw_that_comes_to_nothing_is_not_laid_to_faults_that_there_are_not() {
        // It takes a second until it is seen to act.
        let text = "[load]\nduration = \"16s\"\n[chaos]\nfaults = [\"slow_close\"]\n\
                    lasts = [\"500ms\", \"1s\"]\n";
        let fixed = "[[fault]]\nkind = \"script-flush\"\nat = \"2s\"\n\
                     target = [\"main.master\"]\n";
        let text = &format!("{text}{fixed}");
        let told: Vec<String> = (0..50)
            .map(|seed| Overrides { seed: Some(seed), ..Overrides::default() })
            .filter_map(|overrides| Plan::parse("my.toml", text, &overrides).err())
            .map(|error| error.to_string())
            .collect();
        assert!(!told.is_empty());
        for told in told {
            let why = "my.toml:3:1: nothing that chaos may draw lasts 500ms to 1s within";
            assert!(told.starts_with(why), "{told}");
        }
    }

    #[test]
    fn nonsense_is_refused_where_it_stands() {
        for (text, place, word) in [
            ("[chaos]\nfaults = [\"explode\"]\n", "2:11", "kill, stop"),
            ("[chaos]\nfaults = [\"kill\", \"kill\"]\n", "2:19", "already"),
            ("[chaos]\nfaults = []\n", "2:10", "leave faults out"),
            ("[chaos]\ntargets = [\"node[9]\"]\n", "2:12", "main.master"),
            ("[chaos]\ntargets = []\n", "2:11", "nothing that may be hit"),
            ("[chaos]\nfaults = [\"down\"]\ntargets = [\"server[0]\"]\n", "3:11", "for down"),
            ("[chaos]\nevery = \"10ms\"\n", "2:9", "from 1s"),
            ("[chaos]\nlasts = [\"5s\"]\n", "2:9", "two durations"),
            ("[chaos]\nlasts = [\"5s\", \"2s\"]\n", "2:16", "shorter than the shortest"),
            ("[chaos]\nlasts = [\"1ms\", \"2s\"]\n", "2:10", "from 500ms"),
            ("[load]\nduration = \"7d\"\n[chaos]\nevery = \"2s\"\n", "4:9", "more than 1000"),
            ("[load]\nduration = \"8s\"\n[chaos]\n", "3:1", "too short"),
            ("chaos = 4\n", "1:9", "write [chaos]"),
        ] {
            let told = Plan::parse("my.toml", text, &Overrides::default()).unwrap_err().to_string();
            assert!(told.starts_with(&format!("my.toml:{place}: ")), "{text}{told}");
            assert!(told.contains(word), "{text}{told}");
        }
        let overrides = Overrides { kind: Some(RunKind::Load), ..Overrides::default() };
        let told = Plan::parse("my.toml", "[chaos]\n", &overrides).unwrap_err().to_string();
        assert!(told.starts_with("my.toml:1:1: ") && told.contains("redrill drill"), "{told}");
    }
}
