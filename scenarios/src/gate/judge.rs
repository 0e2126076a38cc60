//! From blocks to comparisons: every metric of the plan, judged as one family.

use super::blocks::Block;
use super::columns::{Column, columns, key};
use super::metrics::{METRICS, Metric, Scale};
use super::sides::Sides;
use crate::statistics::{Compared, Evidence, Family, Member, quantile};
use redrill_history::{Comparison, GatePlan, RunView, Tolerated, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// All values of a run's gated metrics, ready to be judged.
pub(super) struct Judge {
    rows: Vec<Row>,
    gaps: Vec<Gap>,
    family: Family,
}

/// An operation of which a metric says nothing.
pub(super) struct Gap {
    metric: &'static str,
    pub(super) subject: String,
    /// The side that alone has values of it, where the other has hardly any.
    pub(super) only: Option<&'static str>,
}

/// One metric of one operation.
struct Row {
    metric: &'static Metric,
    subject: String,
    base: Vec<f64>,
    candidate: Vec<f64>,
    is_paired: bool,
    /// On the scale on which differences are taken.
    tolerated: f64,
    /// What a share of few requests spreads by chance alone at what is tolerated; else nought.
    chance: f64,
    /// What a difference is a share of, where it is one.
    whole: f64,
}

impl Judge {
    /// Reads the run's blocks; nothing is judged of a run that compares nothing.
    pub(super) fn new(run: &RunView, sides: &Sides<'_>) -> Self {
        let (mut rows, mut gaps) = (Vec::new(), Vec::new());
        if let Some(gate) = &run.plan.gate {
            for metric in METRICS {
                if let Some(tolerated) = gate.tolerated.get(metric.name) {
                    add(gate, sides, metric, *tolerated, &mut rows, &mut gaps);
                }
            }
        }
        let member = |row: &Row| {
            let evidence = row.evidence();
            Member { evidence, tolerated: row.tolerated, chance: row.chance }
        };
        let family = Family::new(rows.iter().map(member).collect(), run.plan.seed);
        Self { rows, gaps, family }
    }

    /// Whether so few blocks can fail anything.
    pub(super) fn can_fail(&self) -> bool {
        self.family.can_fail()
    }

    /// What a metric does not say, by operation.
    pub(super) fn gaps(&self, metric: &str) -> Vec<&Gap> {
        self.gaps.iter().filter(|gap| gap.metric == metric).collect()
    }

    /// How many comparisons the family has.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What is said of a metric, by operation.
    pub(super) fn comparisons(&self, metric: &str) -> Vec<Comparison> {
        let its = self.rows.iter().enumerate().filter(|(_, row)| row.metric.name == metric);
        its.filter_map(|(index, row)| Some(row.comparison(&self.family.judge(index)?))).collect()
    }
}

/// A side's values by metric and operation, a number a block: what a baseline keeps. The side is
/// the candidate where it alone was run, else the base.
pub fn block_values(run: &RunView) -> BTreeMap<String, Vec<f64>> {
    let sides = Sides::of(run);
    let blocks = if sides.base.is_empty() { &sides.candidate } else { &sides.base };
    let mut kept = BTreeMap::new();
    for metric in METRICS {
        for (subject, column) in columns(metric, blocks) {
            if let Column::Whole(values) = column {
                kept.insert(key(metric, &subject), values);
            }
        }
    }
    kept
}

/// Pairs the sides' values of a metric by operation; an operation of which a side lacks values is a
/// gap.
fn add(
    gate: &GatePlan,
    sides: &Sides<'_>,
    metric: &'static Metric,
    tolerated: Tolerated,
    rows: &mut Vec<Row>,
    gaps: &mut Vec<Gap>,
) {
    let candidates = columns(metric, &sides.candidate);
    let bases = match &gate.baseline {
        Some(saved) => super::columns::saved(metric, &saved.blocks),
        None => columns(metric, &sides.base),
    };
    if bases.is_empty() && gate.baseline.is_none() && sides.base.is_empty() {
        return;
    }
    let whole = match bases.get("") {
        Some(Column::Whole(values)) if metric.scale == Scale::PartOf => middle(values),
        _ => None,
    };
    let subjects: BTreeSet<&String> = bases.keys().chain(candidates.keys()).collect();
    for subject in subjects {
        let is_part = metric.scale == Scale::PartOf && !subject.is_empty();
        let nought = |blocks: usize| is_part.then(|| Column::Whole(vec![0.0; blocks]));
        let base = bases.get(subject).cloned().or_else(|| {
            // A file of blocks that knows no parts is silent about them.
            nought(if bases.len() > 1 { bases.get("").map_or(0, Column::len) } else { 0 })
        });
        let candidate = candidates.get(subject).cloned().or_else(|| nought(sides.candidate.len()));
        let (Some(Column::Whole(base)), Some(Column::Whole(candidate))) = (&base, &candidate)
        else {
            let only = match (&base, &candidate) {
                (Some(Column::Whole(_)), other) if is_rare(other.as_ref()) => Some(GatePlan::BASE),
                (other, Some(Column::Whole(_))) if is_rare(other.as_ref()) => {
                    Some(GatePlan::CANDIDATE)
                }
                _ => None,
            };
            gaps.push(Gap { metric: metric.name, subject: subject.clone(), only });
            continue;
        };
        if base.is_empty() || candidate.is_empty() {
            continue;
        }
        let tolerates = margin(metric, tolerated, base);
        let largest = middle(base).unwrap_or(0.0).max(middle(candidate).unwrap_or(0.0));
        // A part that is smaller than what is tolerated of the whole can fail nothing.
        if is_part && whole.is_none_or(|whole| largest < tolerates * whole) {
            continue;
        }
        rows.push(Row {
            metric,
            subject: subject.clone(),
            chance: chance(metric, tolerates, &sides.candidate, subject),
            base: base.clone(),
            candidate: candidate.clone(),
            is_paired: gate.baseline.is_none(),
            tolerated: tolerates,
            whole: whole.unwrap_or(1.0),
        });
    }
}

/// Whether a side has values of an operation in half of its blocks or fewer: it does something else
/// than the other side, and not only a little less of it.
fn is_rare(column: Option<&Column>) -> bool {
    match column {
        None => true,
        Some(Column::Whole(_)) => false,
        Some(Column::Gaps { told, blocks }) => 2 * told <= *blocks,
    }
}

/// The spread of a share among so many requests at what is tolerated of it: a binomial's.
fn chance(metric: &Metric, tolerated: f64, blocks: &[Block<'_>], subject: &str) -> f64 {
    if metric.scale != Scale::Difference || blocks.is_empty() {
        return 0.0;
    }
    let asked: usize = blocks.iter().map(|block| block.asked(subject)).sum();
    let each = asked as f64 / blocks.len() as f64;
    (tolerated.min(1.0) * (1.0 - tolerated.min(1.0)) / each.max(1.0)).sqrt()
}

fn middle(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// What is tolerated, on the scale on which differences are taken.
fn margin(metric: &Metric, tolerated: Tolerated, base: &[f64]) -> f64 {
    let time = match (metric.unit, middle(base).filter(|middle| *middle > 0.0)) {
        (Unit::Nanoseconds, Some(middle)) => tolerated.time.as_nanos() as f64 / middle,
        _ => 0.0,
    };
    match metric.scale {
        Scale::MoreIsWorse => tolerated.share.max(time).ln_1p(),
        Scale::LessIsWorse => -(-tolerated.share.min(0.99)).ln_1p(),
        Scale::Difference | Scale::PartOf => tolerated.share,
    }
}

impl Row {
    /// By how much a candidate's value is worse than a base's.
    fn worse(&self, base: f64, candidate: f64) -> f64 {
        match self.metric.scale {
            Scale::MoreIsWorse => (candidate / base).ln(),
            Scale::LessIsWorse => (base / candidate).ln(),
            Scale::Difference => candidate - base,
            Scale::PartOf => (candidate - base) / self.whole,
        }
    }

    fn evidence(&self) -> Evidence {
        if self.is_paired {
            return Evidence::Paired(self.differences());
        }
        // The order of worse values, on the same scale.
        let against = |value: &f64| match self.metric.scale {
            Scale::Difference => *value,
            Scale::PartOf => *value / self.whole,
            Scale::MoreIsWorse | Scale::LessIsWorse => self.worse(1.0, *value),
        };
        Evidence::Apart {
            base: self.base.iter().map(against).collect(),
            candidate: self.candidate.iter().map(against).collect(),
        }
    }

    fn differences(&self) -> Vec<f64> {
        let pairs = self.base.iter().zip(&self.candidate);
        pairs.map(|(base, candidate)| self.worse(*base, *candidate)).collect()
    }

    fn comparison(&self, compared: &Compared) -> Comparison {
        let told = |worse: f64| match self.metric.scale {
            Scale::MoreIsWorse => worse.exp_m1(),
            // A share of the base that is missing.
            Scale::LessIsWorse => -(-worse).exp_m1(),
            Scale::Difference | Scale::PartOf => worse,
        };
        let bounded = |bound: f64| Some(bound).filter(|bound| bound.is_finite()).map(told);
        let differences = if self.is_paired { self.differences() } else { Vec::new() };
        Comparison {
            metric: self.metric.name.to_owned(),
            subject: self.subject.clone(),
            unit: self.metric.unit,
            base: self.base.clone(),
            candidate: self.candidate.clone(),
            pairs: differences.into_iter().map(told).collect(),
            estimate: told(compared.estimate),
            low: bounded(compared.low),
            high: bounded(compared.high),
            tolerated: told(self.tolerated),
            smallest: compared.smallest.map(told),
            p_worse: compared.p_worse,
            verdict: compared.verdict,
        }
    }
}
