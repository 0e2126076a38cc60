//! A side's values of one metric, by operation: a number a block, or not in every block.

use super::blocks::Block;
use super::metrics::{Metric, Scale, Values};
use std::collections::BTreeMap;

/// The values of one operation, in the order of the blocks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    /// A value in every block.
    Whole(Vec<f64>),
    /// In so many of all blocks.
    Gaps { told: usize, blocks: usize },
}

impl Column {
    /// Blocks.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(values) => values.len(),
            Self::Gaps { blocks, .. } => *blocks,
        }
    }
}

/// The columns of all operations that any of the blocks has.
pub(super) fn columns(metric: &Metric, blocks: &[Block<'_>]) -> BTreeMap<String, Column> {
    let each: Vec<Values> = blocks.iter().map(|block| metric.values(block)).collect();
    let mut columns = BTreeMap::new();
    for subject in each.iter().flat_map(BTreeMap::keys) {
        if columns.contains_key(subject) {
            continue;
        }
        // A command that a block did not call is not in its list.
        let absent = (metric.scale == Scale::PartOf && !subject.is_empty()).then_some(0.0);
        let value = |values: &Values| values.get(subject).copied().flatten().or(absent);
        let told = || each.iter().filter_map(value);
        let column = match told().count() {
            whole if whole == blocks.len() => Column::Whole(told().collect()),
            told => Column::Gaps { told, blocks: blocks.len() },
        };
        columns.insert(subject.clone(), column);
    }
    columns
}

/// The columns of blocks that were saved.
pub(super) fn saved(
    metric: &Metric,
    blocks: &BTreeMap<String, Vec<f64>>,
) -> BTreeMap<String, Column> {
    let of = |(name, values): (&String, &Vec<f64>)| {
        let subject = match name.strip_prefix(metric.name)? {
            "" => "",
            rest => rest.strip_prefix(' ')?,
        };
        Some((subject.to_owned(), Column::Whole(values.clone())))
    };
    blocks.iter().filter_map(of).collect()
}

/// The name of a column in a file of saved blocks: `p50 sessions.read`, `commands`.
pub(super) fn key(metric: &Metric, subject: &str) -> String {
    format!("{} {subject}", metric.name).trim_end().to_owned()
}
