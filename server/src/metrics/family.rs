//! Series of one name, told apart by their labels, in Prometheus' text format (version 0.0.4).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Upper bounds of the buckets of every duration, in seconds.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0];
/// The same in nanoseconds.
const BUCKETS_NS: [u64; BUCKETS.len()] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    3_000_000_000,
];

/// What a family's series are made of.
pub(crate) trait Kind: Default {
    /// As the format calls it.
    const NAME: &'static str;
    /// Its lines; `labels` as they are printed, without braces.
    fn write(&self, name: &str, labels: &str, out: &mut String);
}

/// A count that only rises.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Kind for Counter {
    const NAME: &'static str = "counter";

    fn write(&self, name: &str, labels: &str, out: &mut String) {
        let _ = writeln!(out, "{name}{{{labels}}} {}", self.0.load(Ordering::Relaxed));
    }
}

/// The last value that was set.
#[derive(Default)]
pub(crate) struct Gauge(AtomicU64);

impl Kind for Gauge {
    const NAME: &'static str = "gauge";

    fn write(&self, name: &str, labels: &str, out: &mut String) {
        let value = f64::from_bits(self.0.load(Ordering::Relaxed));
        let _ = writeln!(out, "{name}{{{labels}}} {value}");
    }
}

/// How long things took.
#[derive(Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Histogram {
    fn observe(&self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_NS.iter().position(|bound| nanos <= *bound);
        if let Some(bucket) = bucket.and_then(|bucket| self.buckets.get(bucket)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Kind for Histogram {
    const NAME: &'static str = "histogram";

    fn write(&self, name: &str, labels: &str, out: &mut String) {
        let mut sum = 0;
        for (bound, count) in BUCKETS.iter().zip(&self.buckets) {
            sum += count.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {sum}");
        }
        // Read after the buckets, so that no bucket is larger than all.
        let count = self.count.load(Ordering::Relaxed).max(sum);
        let seconds = Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum{{{labels}}} {seconds}");
        let _ = writeln!(out, "{name}_count{{{labels}}} {count}");
    }
}

struct Series<T> {
    /// The labels' values, in the order of the family's names.
    values: Vec<Box<str>>,
    of: T,
}

/// All series of one name.
pub(crate) struct Family<T> {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    /// Few, and mostly read: looking through them costs less than hashing.
    series: RwLock<Vec<Series<T>>>,
}

impl<T: Kind> Family<T> {
    pub(super) const fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, help, labels, series: RwLock::new(Vec::new()) }
    }

    fn with(&self, values: &[&str], act: impl FnOnce(&T)) {
        let is = |series: &&Series<T>| series.values.iter().zip(values).all(|(a, b)| **a == **b);
        {
            let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(series) = series.iter().find(is) {
                return act(&series.of);
            }
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = series.iter().find(is) {
            return act(&series.of);
        }
        let new =
            Series { values: values.iter().map(|it| (*it).into()).collect(), of: T::default() };
        act(&new.of);
        series.push(new);
    }

    /// Appends all series.
    pub(super) fn render(&self, out: &mut String) {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        if series.is_empty() {
            return;
        }
        head(self.name, self.help, T::NAME, out);
        for Series { values, of } in series.iter() {
            let pairs = self.labels.iter().zip(values);
            let labels: Vec<String> =
                pairs.map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            of.write(self.name, &labels.join(","), out);
        }
    }
}

impl Family<Counter> {
    /// Adds one.
    pub(crate) fn add(&self, labels: &[&str]) {
        self.with(labels, Counter::add);
    }

    /// What was counted so far.
    pub(crate) fn count(&self, labels: &[&str]) -> u64 {
        let mut count = 0;
        self.with(labels, |counter| count = counter.0.load(Ordering::Relaxed));
        count
    }
}

impl Family<Gauge> {
    pub(crate) fn set(&self, labels: &[&str], value: f64) {
        self.with(labels, |gauge| gauge.0.store(value.to_bits(), Ordering::Relaxed));
    }
}

impl Family<Histogram> {
    pub(crate) fn observe(&self, labels: &[&str], took: Duration) {
        self.with(labels, |histogram| histogram.observe(took));
    }
}

/// The two lines before the series of a name.
fn head(name: &str, help: &str, kind: &str, out: &mut String) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let family = Family::<Histogram>::new("took_seconds", "How long.", &["path"]);
        for millis in [1, 40, 9000] {
            family.observe(&["/health"], Duration::from_millis(millis));
        }
        let mut text = String::new();
        family.render(&mut text);
        for (bound, count) in [("0.001", 1), ("0.05", 2), ("3", 2), ("+Inf", 3)] {
            let line = format!("took_seconds_bucket{{path=\"/health\",le=\"{bound}\"}} {count}\n");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        assert!(text.starts_with("# HELP took_seconds How long.\n# TYPE took_seconds histogram\n"));
        let all =
            "took_seconds_sum{path=\"/health\"} 9.041\ntook_seconds_count{path=\"/health\"} 3";
        assert!(text.contains(all), "{text}");
    }

    #[test]
    fn series_are_told_apart_by_all_labels_and_values_are_escaped() {
        let family = Family::<Counter>::new("n_total", "Number.", &["a", "b"]);
        for labels in [["x", "y"], ["x", "z"], ["x", "y"], ["\"", "\\\n"]] {
            family.add(&labels);
        }
        let mut text = String::new();
        family.render(&mut text);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        let escaped = "n_total{a=\"\\\"\",b=\"\\\\\\n\"} 1";
        assert_eq!(lines, ["n_total{a=\"x\",b=\"y\"} 2", "n_total{a=\"x\",b=\"z\"} 1", escaped]);
    }

    #[test]
    fn both_tables_of_bounds_agree() {
        for (seconds, nanos) in BUCKETS.iter().zip(BUCKETS_NS) {
            assert_eq!(Duration::from_secs_f64(*seconds), Duration::from_nanos(nanos));
        }
    }
}
