//! From blocks to comparisons: every metric of the plan, judged as one family.

use super::metrics::{METRICS, Metric, Scale};
use super::sides::Sides;
use crate::statistics::{Compared, Evidence, Family, quantile};
use redrill_history::{Comparison, GatePlan, RunView, Tolerated, Unit};
use std::collections::BTreeMap;

/// All values of a run's gated metrics, ready to be judged.
pub(super) struct Judge {
    rows: Vec<Row>,
    family: Family,
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
}

impl Judge {
    /// Reads the run's blocks; nothing is judged of a run that compares nothing.
    pub(super) fn new(run: &RunView, sides: &Sides<'_>) -> Self {
        let rows = run.plan.gate.as_ref().map_or_else(Vec::new, |gate| rows(gate, sides));
        let members = rows.iter().map(|row| (row.evidence(), row.tolerated)).collect();
        Self { rows, family: Family::new(members, run.plan.seed) }
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
        let each: Vec<_> = blocks.iter().map(|block| metric.values(block)).collect();
        let subjects = each.first().map(BTreeMap::keys).into_iter().flatten();
        for subject in subjects {
            let values: Option<Vec<f64>> =
                each.iter().map(|values| values.get(subject).copied()).collect();
            if let Some(values) = values {
                kept.insert(key(metric, subject), values);
            }
        }
    }
    kept
}

fn key(metric: &Metric, subject: &str) -> String {
    format!("{} {subject}", metric.name).trim_end().to_owned()
}

fn rows(gate: &GatePlan, sides: &Sides<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for metric in METRICS {
        let Some(tolerated) = gate.tolerated.get(metric.name) else { continue };
        let of = |blocks: &[super::blocks::Block<'_>]| -> Vec<BTreeMap<String, f64>> {
            blocks.iter().map(|block| metric.values(block)).collect()
        };
        let (base, candidate) = (of(&sides.base), of(&sides.candidate));
        let subjects = candidate.first().map(BTreeMap::keys).into_iter().flatten();
        for subject in subjects {
            let column = |blocks: &[BTreeMap<String, f64>]| -> Option<Vec<f64>> {
                blocks.iter().map(|values| values.get(subject).copied()).collect()
            };
            let saved = gate.baseline.as_ref().map(|saved| &saved.blocks);
            let base = match saved {
                Some(saved) => saved.get(&key(metric, subject)).cloned(),
                None => column(&base),
            };
            let (Some(base), Some(candidate)) = (base, column(&candidate)) else { continue };
            if base.is_empty() {
                continue;
            }
            let tolerated = margin(metric, *tolerated, &base);
            let (metric, subject, is_paired) = (*metric, subject.clone(), saved.is_none());
            rows.push(Row { metric, subject, base, candidate, is_paired, tolerated });
        }
    }
    rows
}

/// What is tolerated, on the scale on which differences are taken.
fn margin(metric: &Metric, tolerated: Tolerated, base: &[f64]) -> f64 {
    let mut sorted = base.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = quantile(&sorted, 0.5).filter(|middle| *middle > 0.0);
    let time = match (metric.unit, middle) {
        (Unit::Nanoseconds, Some(middle)) => tolerated.time.as_nanos() as f64 / middle,
        _ => 0.0,
    };
    match metric.scale {
        Scale::MoreIsWorse => tolerated.share.max(time).ln_1p(),
        Scale::LessIsWorse => -(-tolerated.share.min(0.99)).ln_1p(),
        Scale::Difference => tolerated.share,
    }
}

impl Row {
    /// By how much a candidate's value is worse than a base's.
    fn worse(&self, base: f64, candidate: f64) -> f64 {
        match self.metric.scale {
            Scale::MoreIsWorse => (candidate / base).ln(),
            Scale::LessIsWorse => (base / candidate).ln(),
            Scale::Difference => candidate - base,
        }
    }

    fn evidence(&self) -> Evidence {
        if self.is_paired {
            return Evidence::Paired(self.differences());
        }
        // The order of worse values, on the same scale.
        let against = |value: &f64| match self.metric.scale {
            Scale::Difference => *value,
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
            Scale::Difference => worse,
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
