//! Gauges read every 250 ms: `samples.ndjson`.

use crate::event::append_line;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The gauges of one source at one time. Counters are as read (they rise); names carry the unit:
/// `used_memory_bytes`, `cpu_seconds`, `commands_processed`, `replication_offset`, `lag_p50_ns`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, in nanoseconds since the run began.
    pub at_ns: u64,
    /// `node[0]`, `server[1]`, `sentinel[0]`, `proxy`, `harness`, `machine`.
    pub source: String,
    /// Values by name.
    pub values: BTreeMap<String, f64>,
}

/// Appends samples; clones share the file.
#[derive(Clone, Debug)]
pub struct SampleLog {
    file: Arc<Mutex<File>>,
}

impl SampleLog {
    /// Makes the file.
    ///
    /// # Errors
    /// When it exists or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(Mutex::new(File::create_new(path)?)) })
    }

    /// Appends a sample.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&self, sample: &Sample) -> io::Result<()> {
        append_line(&self.file, sample)
    }
}
