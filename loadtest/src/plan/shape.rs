//! Sections are tables, and faults and limits are lists of them. What reads a plan would also take
//! a list for a table, its values by their order.

use super::place::Source;
use anyhow::Result;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Refuses a plan of which a section is no table.
pub(super) fn check(plan: &DeTable<'_>, source: &Source<'_>) -> Result<()> {
    for (name, value) in plan {
        match name.get_ref().as_ref() {
            "fault" => tables(value, "a fault is written [[fault]]", source)?,
            name @ ("capacity" | "chaos" | "effects" | "environment" | "gate" | "load"
            | "target") => {
                section(value, name, source)?;
            }
            _ => {}
        }
    }
    let part = |section: &str, name: &str| {
        let part = plan.get(section)?.get_ref().as_table()?.get(name)?;
        Some((part, format!("{section}.{name}")))
    };
    if let Some((value, name)) = part("target", "variables") {
        section(value, &name, source)?;
    }
    let parts = ["cache", "sessions", "external"].into_iter();
    for (value, name) in parts.filter_map(|name| part("environment", name)) {
        section(value, &name, source)?;
        for role in ["cache", "sessions"] {
            if let Some(value) = value.get_ref().get(role) {
                section(value, &format!("{name}.{role}"), source)?;
            }
        }
    }
    for (value, name) in part("target", "promises").into_iter().chain(part("gate", "baseline")) {
        section(value, &name, source)?;
        if let Some(limits) = value.get_ref().get("limits") {
            tables(limits, "limits are written [[target.promises.limits]]", source)?;
        }
    }
    if let Some((capabilities, name)) = part("load", "capabilities") {
        section(capabilities, &name, source)?;
        for (capability, value) in capabilities.get_ref().as_table().into_iter().flatten() {
            section(value, &format!("{name}.{}", capability.get_ref()), source)?;
        }
    }
    Ok(())
}

fn section(value: &Spanned<DeValue<'_>>, name: &str, source: &Source<'_>) -> Result<()> {
    match value.get_ref().is_table() {
        true => Ok(()),
        false => Err(source.at(&value.span(), &format!("this is a section: write [{name}]"))),
    }
}

fn tables(list: &Spanned<DeValue<'_>>, way_out: &str, source: &Source<'_>) -> Result<()> {
    let Some(items) = list.get_ref().as_array() else {
        return Err(source.at(&list.span(), way_out));
    };
    match items.iter().find(|item| !item.get_ref().is_table()) {
        Some(item) => Err(source.at(&item.span(), way_out)),
        None => Ok(()),
    }
}
