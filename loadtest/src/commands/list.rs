//! `redrill list`: what there is, from the registries.

use super::Subcommand;
use crate::environment::BACKENDS;
use crate::exit::Exit;
use crate::faults::Setting;
use crate::load::pacer::MODELS;
use crate::plan::{KEYS, Overrides, PLANS, Plan, TARGETS};
use crate::{faults, output};
use anyhow::Result;
use clap::{ArgMatches, Command};
use redrill_history::METRICS;
use redrill_scenarios::capability::CAPABILITIES;
use redrill_scenarios::checker::{self, Objective};
use redrill_scenarios::target::TargetFile;

pub(super) struct List;

impl Subcommand for List {
    fn clap(&self) -> Command {
        Command::new("list").about(
            "List the plans and their keys, targets, capabilities, load models, backends, faults, \
             metrics and checkers",
        )
    }

    fn run(&self, _: &ArgMatches) -> Result<Exit> {
        let mut plans = Vec::new();
        for (name, _) in PLANS {
            plans.push((*name, Plan::load(name, &Overrides::default())?.resolved.question));
        }
        let mut targets = Vec::new();
        for (name, text) in TARGETS {
            targets.push((*name, TargetFile::parse(text)?.about));
        }
        let capabilities =
            CAPABILITIES.iter().map(|known| (known.name(), known.doc().to_owned())).collect();
        let models = MODELS.iter().map(|model| (model.name(), model.doc().to_owned())).collect();
        let backends = BACKENDS.iter().map(|backend| (backend.name(), backend.doc().to_owned()));
        let faults = faults::FAULTS.iter().map(|kind| (kind.name(), kind.doc().to_owned()));
        let metrics = METRICS.iter().map(|(name, _, doc)| (*name, (*doc).to_owned()));
        let settings = faults::FAULTS.iter().flat_map(|kind| {
            let of = |setting: &Setting| {
                (format!("{}.{}", kind.name(), setting.name), setting.doc.to_owned())
            };
            kind.settings().iter().map(of)
        });
        let checkers = checker::all().map(|known| (known.id(), known.statement().to_owned()));
        let keys = KEYS.iter().map(|key| (key.name, key.words()));
        let objectives = checker::all()
            .filter(|known| !matches!(known.objective(), Objective::Count | Objective::None))
            .map(|known| (known.id(), known.objective().words().to_owned()));
        section("Plans", plans)?;
        section("Targets", targets)?;
        section("Capabilities", capabilities)?;
        section("Load models", models)?;
        section("Backends", backends.collect())?;
        section("Faults", faults.collect())?;
        section("Metrics", metrics.collect())?;
        section("Settings of faults", settings.collect())?;
        section("Keys of plans", keys.collect())?;
        section("Objectives", objectives.collect())?;
        section("Checkers", checkers.collect())?;
        Ok(Exit::Pass)
    }
}

fn section<Name: AsRef<str>>(title: &str, rows: Vec<(Name, String)>) -> Result<()> {
    let width = rows.iter().map(|(name, _)| name.as_ref().len()).max().unwrap_or(0);
    output::line(title)?;
    for (name, doc) in rows {
        output::line(&format!("  {:width$}  {doc}", name.as_ref()))?;
    }
    output::line("")
}
