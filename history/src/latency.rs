//! Latencies as HDR histograms: one interval log a kind of operation, open in any HdrHistogram
//! tool.

use crate::{Operation, RunView, SECOND_NS};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// A histogram of nanoseconds, three significant digits.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        // 3 digits are within what the library takes (0 to 5), so that this cannot fail.
        Self(Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed")))
    }
}

impl Latency {
    /// Adds a latency in nanoseconds.
    pub fn record(&mut self, nanoseconds: u64) {
        // Unlike `saturating_record`, which clamps to the range so far, this grows the range; it
        // fails only where a count of buckets does not fit into the machine's word.
        let _ = self.0.record(nanoseconds.max(1));
    }

    /// The value at a quantile of 0 to 1, in nanoseconds; `None` when empty.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(quantile))
    }

    /// The largest, in nanoseconds; `None` when empty.
    pub fn max_ns(&self) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.max())
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Adds another histogram's values.
    pub fn merge(&mut self, other: &Self) {
        // Both resize by themselves and have the same digits, so that adding cannot fail.
        let _ = self.0.add(&other.0);
    }
}

/// Latency by interval of intended starts.
#[derive(Clone, Debug)]
pub struct LatencySeries {
    /// Start of the first interval.
    pub start_ns: u64,
    /// Length of an interval.
    pub interval_ns: u64,
    /// One histogram an interval.
    pub intervals: Vec<Latency>,
}

impl LatencySeries {
    /// The latency from the intended start of the acknowledged requests among `operations`.
    pub fn of<'a>(
        operations: impl Iterator<Item = &'a Operation>,
        start_ns: u64,
        end_ns: u64,
        interval_ns: u64,
    ) -> Self {
        let count =
            usize::try_from((end_ns.saturating_sub(start_ns)).div_ceil(interval_ns)).unwrap_or(0);
        let mut intervals = vec![Latency::default(); count];
        for op in operations.filter(|op| op.is_load() && op.is_ok() && op.intended_ns >= start_ns) {
            let index = usize::try_from((op.intended_ns - start_ns) / interval_ns).unwrap_or(count);
            if let Some(interval) = intervals.get_mut(index) {
                interval.record(op.latency_ns());
            }
        }
        Self { start_ns, interval_ns, intervals }
    }
}

/// Writes `<capability>.<action>.hlog` into `folder` for each kind of request: V2 interval logs of
/// one second, of acknowledged requests from their intended start (tag `intended`) and from their
/// real start (tag `service`), in nanoseconds. A run of several segments has a folder for each:
/// `segment-003`.
///
/// # Errors
/// When the disk does not take them.
pub fn write_interval_logs(folder: &Path, run: &RunView) -> io::Result<()> {
    let mut kinds: BTreeMap<_, Vec<&Operation>> = BTreeMap::new();
    for op in run.operations.iter().filter(|op| op.is_load() && op.is_ok()) {
        kinds.entry((op.segment, op.capability, op.action)).or_default().push(op);
    }
    for ((segment, capability, action), operations) in kinds {
        let folder = match run.segments.len() {
            0 | 1 => folder.to_owned(),
            _ => folder.join(format!("segment-{segment:03}")),
        };
        std::fs::create_dir_all(&folder)?;
        let name = format!("{}.{}.hlog", capability.name(), action.name());
        write_log(&folder.join(name), run.environment.wall_origin_ms, &operations)?;
    }
    Ok(())
}

fn write_log(path: &Path, wall_origin_ms: u64, operations: &[&Operation]) -> io::Result<()> {
    let mut seconds: BTreeMap<u64, (Latency, Latency)> = BTreeMap::new();
    for op in operations {
        let (intended, service) = seconds.entry(op.intended_ns / SECOND_NS).or_default();
        intended.record(op.latency_ns());
        service.record(op.service_ns());
    }
    let mut file = BufWriter::new(File::create(path)?);
    let mut serializer = V2Serializer::new();
    let start = UNIX_EPOCH + Duration::from_millis(wall_origin_ms);
    let mut log = IntervalLogWriterBuilder::new()
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(&mut file, &mut serializer)?;
    for (second, (intended, service)) in &seconds {
        for (tag, latency) in [("intended", intended), ("service", service)] {
            log.write_histogram(
                &latency.0,
                Duration::from_secs(*second),
                Duration::from_secs(1),
                Tag::new(tag),
            )
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        }
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_any_size_are_kept_to_three_digits() {
        let mut latency = Latency::default();
        for value in [0, 900_000, 2_000_000_000, u64::MAX] {
            latency.record(value);
        }
        assert_eq!(latency.count(), 4);
        let middle = latency.quantile_ns(0.5).unwrap();
        assert!((900_000..901_000).contains(&middle), "{middle}");
        assert_eq!(latency.max_ns(), Some(u64::MAX));
        let mut both = Latency::default();
        both.merge(&latency);
        assert_eq!(both.max_ns(), latency.max_ns());
    }
}
