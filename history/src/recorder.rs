//! From the virtual users to the disk: a bounded queue and one writer thread.
//!
//! Recording never waits. A full queue loses the record and counts the loss, which makes the run
//! inconclusive.

use crate::{LogWriter, Observation, Operation, RunFolder};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

/// Records that may wait for the disk: two seconds of 50,000 a second.
const QUEUE: usize = 100_000;

enum Entry {
    Operation(Operation),
    Observation(Observation),
    Effect(Operation),
    /// Everything before it is on disk when its sender is dropped.
    Flush(Sender<()>),
    End,
}

/// Takes records; cheap to clone.
#[derive(Clone, Debug)]
pub struct RecorderHandle {
    queue: SyncSender<Entry>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    sequence: AtomicU64,
    effects: AtomicU64,
    lost: AtomicU64,
}

/// Owns the writer thread.
#[derive(Debug)]
pub struct Recorder {
    handle: RecorderHandle,
    writer: JoinHandle<io::Result<()>>,
}

impl Recorder {
    /// Makes the run's logs and starts the thread that fills them.
    ///
    /// # Errors
    /// When a log or the thread cannot be made.
    pub fn start(folder: &RunFolder) -> io::Result<Self> {
        let mut files = Files {
            operations: LogWriter::create(&folder.operations())?,
            observations: LogWriter::create(&folder.observations())?,
            effects: LogWriter::create(&folder.effects())?,
        };
        let (queue, entries) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || files.write_all(&entries))?;
        Ok(Self { handle: RecorderHandle { queue, counters: Arc::default() }, writer })
    }

    /// A handle for a virtual user.
    pub fn handle(&self) -> RecorderHandle {
        self.handle.clone()
    }

    /// Waits until every record so far is on disk.
    ///
    /// # Errors
    /// When the writer has ended: the disk did not take a record.
    pub fn flush(&self) -> io::Result<()> {
        let (flushed, wait) = channel();
        let ended = || io::Error::other("the recorder has ended");
        self.handle.queue.send(Entry::Flush(flushed)).map_err(|_| ended())?;
        // Nothing is ever sent: the writer drops its end once all before it is flushed.
        let _ = wait.recv();
        if self.writer.is_finished() { Err(ended()) } else { Ok(()) }
    }

    /// Waits until every record so far is on disk; what other handles send later is lost. Returns
    /// the number of records that were lost until now.
    ///
    /// # Errors
    /// When the disk did not take a record.
    pub fn finish(self) -> io::Result<u64> {
        // An error says that the writer has ended; joining it says why.
        let _ = self.handle.queue.send(Entry::End);
        let written = self.writer.join().map_err(|_| io::Error::other("the recorder panicked"))?;
        written.map(|()| self.handle.lost())
    }
}

impl RecorderHandle {
    /// The next operation's sequence number, from 1.
    pub fn next_seq(&self) -> u64 {
        self.counters.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Records an operation and, unless it is empty, what its answer told.
    pub fn operation(&self, operation: Operation, observation: Option<Observation>) {
        self.send(Entry::Operation(operation));
        if let Some(observation) = observation.filter(|observation| !observation.is_empty()) {
            self.send(Entry::Observation(Observation { seq: operation.seq, ..observation }));
        }
    }

    /// Records an effect; its sequence number is given here.
    pub fn effect(&self, mut effect: Operation) {
        effect.seq = self.counters.effects.fetch_add(1, Ordering::Relaxed) + 1;
        self.send(Entry::Effect(effect));
    }

    /// Records lost so far.
    pub fn lost(&self) -> u64 {
        self.counters.lost.load(Ordering::Relaxed)
    }

    fn send(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            self.counters.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Files {
    operations: LogWriter<Operation>,
    observations: LogWriter<Observation>,
    effects: LogWriter<Operation>,
}

impl Files {
    fn write_all(&mut self, entries: &Receiver<Entry>) -> io::Result<()> {
        loop {
            let Ok(first) = entries.recv() else { return self.flush() };
            // Drain what waits, then flush once: a batch a wake-up, and nothing stays behind.
            for entry in std::iter::once(first).chain(entries.try_iter().take(QUEUE)) {
                match entry {
                    Entry::Operation(operation) => self.operations.append(&operation)?,
                    Entry::Observation(observation) => self.observations.append(&observation)?,
                    Entry::Effect(effect) => self.effects.append(&effect)?,
                    Entry::Flush(flushed) => {
                        self.flush()?;
                        drop(flushed);
                    }
                    Entry::End => return self.flush(),
                }
            }
            self.flush()?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.operations.flush()?;
        self.observations.flush()?;
        self.effects.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogFile;

    #[test]
    fn what_was_recorded_is_on_disk_after_a_flush() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), "run").unwrap();
        let recorder = Recorder::start(&folder).unwrap();
        let observed = Observation { counter: Some(7), ..Observation::default() };
        for seq in 1..=3 {
            let observation = Observation { seq, ..observed };
            recorder.handle().queue.send(Entry::Observation(observation)).unwrap();
        }
        recorder.flush().unwrap();
        let read = LogFile::<Observation>::read(&folder.observations()).unwrap();
        assert_eq!(read.records.len(), 3);
        assert_eq!(recorder.finish().unwrap(), 0);
    }
}
