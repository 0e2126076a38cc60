//! What happened to the environment: `events.ndjson`.

use crate::{RunFolder, Seals, seal};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A node's role as a direct observer saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// `ROLE` answered master.
    Master,
    /// `ROLE` answered replica.
    Replica,
    /// It did not answer.
    Down,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in nanoseconds since the run began.
    pub at_ns: u64,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The environment is ready as the design defines it.
    EnvironmentReady,
    /// The first arrival of a segment is due.
    LoadStarted {
        /// Number of the segment, from 0.
        segment: u16,
    },
    /// The last arrival of a segment has been answered or given up.
    LoadEnded {
        /// Number of the segment.
        segment: u16,
    },
    /// Arrivals that no virtual user had begun when their time was over, and that were given up.
    ArrivalsAbandoned {
        /// Number of the segment.
        segment: u16,
        /// How many.
        count: u64,
    },
    /// Final reads are done, or their deadline has passed.
    DrainEnded,
    /// A fault is about to be injected.
    FaultBegun {
        /// Index on the plan's timeline.
        fault: usize,
        /// Kind of fault.
        kind: String,
        /// What it hits, with the roles resolved (`node[0]`).
        target: String,
    },
    /// The injection has returned; the fault acts.
    FaultInjected {
        /// Index on the plan's timeline.
        fault: usize,
        /// Proof that it acted: what a probe saw.
        proof: Option<String>,
    },
    /// The injection failed: the drill says nothing about this fault.
    FaultFailed {
        /// Index on the plan's timeline.
        fault: usize,
        /// Why.
        reason: String,
    },
    /// The fault is healed.
    FaultHealed {
        /// Index on the plan's timeline.
        fault: usize,
    },
    /// A node's role was seen to change (also the first time it is seen).
    Role {
        /// `node[0]`.
        node: String,
        /// The role now.
        role: NodeRole,
        /// Its run id, where it answered.
        run_id: Option<String>,
    },
    /// A Sentinel published a message.
    Sentinel {
        /// `sentinel[0]`.
        sentinel: String,
        /// The channel: `+switch-master`, …
        channel: String,
        /// The message.
        message: String,
    },
    /// A process was started.
    ProcessUp {
        /// `node[0]`, `server[1]`.
        process: String,
        /// Its process id.
        pid: u32,
    },
    /// A process was seen to end.
    ProcessDown {
        /// `node[0]`, `server[1]`.
        process: String,
    },
    /// Records were lost because the disk was slower than the load.
    RecordsLost {
        /// How many.
        count: u64,
    },
    /// The run was stopped before its plan was done.
    Interrupted {
        /// By what.
        reason: String,
    },
    /// What the run's files held at its end.
    Sealed {
        /// Sizes and checksums; those of the events are of what stands before this one.
        files: Seals,
    },
    /// The run is over and its folder complete.
    RunEnded,
}

/// Appends lines to an ndjson file; clones share the file. Each line goes to the system at once.
#[derive(Clone, Debug)]
pub struct EventLog {
    file: Arc<Mutex<File>>,
    is_over: Arc<AtomicBool>,
}

impl EventLog {
    /// Makes the file.
    ///
    /// # Errors
    /// When it exists or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = Arc::new(Mutex::new(File::create_new(path)?));
        Ok(Self { file, is_over: Arc::default() })
    }

    /// Appends an event; one that comes after [`EventLog::end`] is no part of the run.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&self, at_ns: u64, kind: EventKind) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        write_line(&mut file, &Event { at_ns, kind })
    }

    /// Ends the events of a complete run: what its files hold, and that it is over.
    ///
    /// # Errors
    /// When a file cannot be read, or the disk does not take the events.
    pub fn end(&self, at_ns: u64, folder: &RunFolder) -> io::Result<()> {
        // Held until the end is written, so that no other event comes between a seal and its line.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let files = seal::seal(folder)?;
        self.is_over.store(true, Ordering::Relaxed);
        write_line(&mut file, &Event { at_ns, kind: EventKind::Sealed { files } })?;
        write_line(&mut file, &Event { at_ns, kind: EventKind::RunEnded })
    }
}

/// Appends one value as a line of JSON.
pub(crate) fn append_line<T: Serialize>(file: &Mutex<File>, value: &T) -> io::Result<()> {
    write_line(&mut file.lock().unwrap_or_else(PoisonError::into_inner), value)
}

fn write_line<T: Serialize>(file: &mut File, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Reads the whole lines of an ndjson file; a missing file is empty. Returns the values and the
/// number of lines that could not be read (a last line without its end is one of them).
pub(crate) fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<(Vec<T>, usize)> {
    let text = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error),
    };
    let mut values = Vec::new();
    let mut unreadable = 0;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(value) => values.push(value),
            Err(_) => unreadable += 1,
        }
    }
    Ok((values, unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_and_a_torn_line_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let log = EventLog::create(&path).unwrap();
        let healed = EventKind::FaultHealed { fault: 2 };
        log.append(5, healed.clone()).unwrap();
        let role =
            EventKind::Role { node: "node[0]".to_owned(), role: NodeRole::Master, run_id: None };
        log.append(6, role.clone()).unwrap();
        log.append(7, EventKind::RunEnded).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let (events, torn) = read_lines::<Event>(&path).unwrap();
        assert_eq!(events, [Event { at_ns: 5, kind: healed }, Event { at_ns: 6, kind: role }]);
        assert_eq!(torn, 1);
    }
}
