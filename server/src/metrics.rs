//! What `/metrics` tells, in Prometheus' text format (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of every duration, in seconds.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0];

#[derive(Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

impl Histogram {
    fn observe(&mut self, value: Duration) {
        let seconds = value.as_secs_f64();
        if let Some(bucket) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.seconds += seconds;
    }

    fn write(&self, name: &str, labels: &str, out: &mut String) {
        let mut sum = 0;
        for (bound, count) in BUCKETS.iter().zip(self.buckets) {
            sum += count;
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {sum}");
        }
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", self.seconds);
        let _ = writeln!(out, "{name}_count{{{labels}}} {}", self.count);
    }
}

/// A counter's or a gauge's name and its labels, as they are printed.
type Series = (&'static str, String);

/// Counters and durations of this instance since its start.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: Mutex<BTreeMap<Series, u64>>,
    histograms: Mutex<BTreeMap<Series, Histogram>>,
}

impl Metrics {
    /// A request was answered; `route` is the pattern, never the path itself.
    pub(crate) fn http_request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        self.observe("http_request_duration_seconds", labels, took);
    }

    /// A command of a role ended.
    pub(crate) fn redis_command(&self, link: &str, took: Duration, ok: bool) {
        let outcome = if ok { "ok" } else { "error" };
        let labels = format!("role=\"{link}\",outcome=\"{outcome}\"");
        self.observe("redis_command_duration_seconds", labels, took);
    }

    /// A link connected.
    pub(crate) fn connected(&self, link: &str) {
        self.count("redis_connections_total", format!("role=\"{link}\""));
    }

    /// A link lost its connection or gave it up.
    pub(crate) fn disconnected(&self, link: &str, why: &str) {
        self.count("redis_disconnections_total", format!("role=\"{link}\",why=\"{why}\""));
    }

    /// Adds one to a counter; `labels` as printed.
    pub(crate) fn count(&self, name: &'static str, labels: String) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        *counters.entry((name, labels)).or_default() += 1;
    }

    fn observe(&self, name: &'static str, labels: String, took: Duration) {
        let mut histograms = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        histograms.entry((name, labels)).or_default().observe(took);
    }

    /// Everything, with `gauges` that are read at this moment.
    pub(crate) fn render(&self, gauges: &[(&'static str, String, f64)]) -> String {
        let mut out = String::new();
        let mut last = "";
        let mut head = |name: &'static str, kind: &str, out: &mut String| {
            if last != name {
                let _ = writeln!(out, "# TYPE {name} {kind}");
                last = name;
            }
        };
        for (name, labels, value) in gauges {
            head(name, "gauge", &mut out);
            let _ = writeln!(out, "{name}{{{labels}}} {value}");
        }
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for ((name, labels), value) in counters.iter() {
            head(name, "counter", &mut out);
            let _ = writeln!(out, "{name}{{{labels}}} {value}");
        }
        let histograms = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        for ((name, labels), histogram) in histograms.iter() {
            head(name, "histogram", &mut out);
            histogram.write(name, labels, &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let metrics = Metrics::default();
        for millis in [1, 40, 9000] {
            metrics.http_request("GET", "/health", 200, Duration::from_millis(millis));
        }
        let text = metrics.render(&[]);
        let labels = "method=\"GET\",route=\"/health\",status=\"200\"";
        for (bound, count) in [("0.001", 1), ("0.05", 2), ("3", 2), ("+Inf", 3)] {
            let line =
                format!("http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count}");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
