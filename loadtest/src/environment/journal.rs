//! The harness's side of the guardian: starting it, and telling it what to heal.

use super::guardian::READY;
use super::remedy::Remedy;
use super::{mark, proc};
use crate::exit::unusable;
use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The journal's name among the logs: what the guardian reads is kept, for when it is killed, too.
pub(super) const JOURNAL: &str = "journal.ndjson";
/// How long the guardian may take to start.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How long the guardian may take to end once its journal is closed.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub(super) enum Entry {
    /// The processes of the run are those of this group, which is the guardian's id; what it makes
    /// bears its mark.
    Group {
        group: i32,
        /// Journals of older versions have none, and nothing bears it.
        #[serde(default)]
        mark: String,
    },
    /// A process was started: its id, and what tells it from others that have it later.
    Process { pid: u32, birth: String },
    /// A folder that bears the mark, to remove at the end.
    Folder { path: PathBuf },
    /// A container is about to be made; it is to be removed at the end.
    Container { name: String },
    /// A container is removed.
    Removed { name: String },
    /// A fault is about to act.
    Fault { id: u64, remedy: Remedy },
    /// A fault is healed.
    Healed { id: u64 },
}

/// A fault in the journal, until it is marked healed.
#[derive(Debug)]
#[must_use = "the guardian heals it again unless it is marked healed"]
pub struct Journalled(u64);

/// The running guardian.
#[derive(Debug)]
pub(super) struct Guardian {
    group: Pid,
    mark: String,
    child: Child,
    pipe: Arc<Pipe>,
    next: AtomicU64,
}

/// The guardian's standard input and the journal, until they are closed.
type Pipe = Mutex<Option<(ChildStdin, File)>>;

/// The journal for what outlives the environment: it does not keep the pipe open.
#[derive(Clone, Debug)]
pub(super) struct Journal(Weak<Pipe>);

impl Journal {
    /// A process was started; one that has ended already is not worth a word.
    pub(super) async fn process(&self, pid: u32) -> Result<()> {
        match proc::birth(pid) {
            Some(birth) => self.write(Entry::Process { pid, birth }).await,
            None => Ok(()),
        }
    }

    /// A container is about to be made.
    pub(super) async fn container(&self, name: &str) -> Result<()> {
        self.write(Entry::Container { name: name.to_owned() }).await
    }

    /// A container is removed.
    pub(super) async fn removed(&self, name: &str) -> Result<()> {
        self.write(Entry::Removed { name: name.to_owned() }).await
    }

    async fn write(&self, entry: Entry) -> Result<()> {
        let pipe = self.0.upgrade().context("the journal is closed")?;
        write(&pipe, &entry).await
    }
}

async fn write(pipe: &Pipe, entry: &Entry) -> Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    let mut pipe = pipe.lock().await;
    let (pipe, journal) = pipe.as_mut().context("the journal is closed")?;
    journal.write_all(&line).context("the journal cannot be written")?;
    let written = pipe.write_all(&line).await;
    written.context("the guardian has ended: nothing would heal this; see logs/guardian.log")
}

/// A temporary folder, to be owned by a guardian.
///
/// # Errors
/// None can be made; what to do is told: exit code 2.
pub(super) fn temporary() -> Result<TempDir> {
    tempfile::Builder::new().prefix(mark::PRODUCT).tempdir().map_err(|error| {
        let place = std::env::temp_dir();
        let place = place.display();
        unusable(format!("no folder can be made in {place}: {error}; set TMPDIR to another"))
    })
}

impl Guardian {
    /// Starts `<redrill> guardian` and waits until it leads its group.
    pub(super) async fn start(redrill: &Path, logs: &Path) -> Result<Self> {
        let open = |name: &str| {
            let path = logs.join(name);
            let opened = File::options().create(true).append(true).open(&path);
            opened.with_context(|| format!("cannot open {}", path.display()))
        };
        let (log, journal) = (open("guardian.log")?, open(JOURNAL)?);
        // Whoever would heal after us waits for our end.
        flock(&journal, FlockOperation::NonBlockingLockShared).context("the journal is in use")?;
        let mut child = Command::new(redrill)
            .arg("guardian")
            .arg(logs.join(JOURNAL))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {} guardian", redrill.display()))?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = group.context("the guardian ended at once; see logs/guardian.log")?;
        let pipe = child.stdin.take().context("the guardian has no standard input")?;
        let said = child.stdout.take().context("the guardian has no standard output")?;
        let mut lines = BufReader::new(said).lines();
        let first = timeout(START_WITHIN, lines.next_line()).await;
        let first = first.context("the guardian did not start within 10 s")??;
        ensure!(first.as_deref() == Some(READY), "the guardian said {first:?}, not {READY:?}");
        let pipe = Arc::new(Mutex::new(Some((pipe, journal))));
        let mark = mark::new();
        let entry = Entry::Group { group: group.as_raw_nonzero().get(), mark: mark.clone() };
        write(&pipe, &entry).await?;
        Ok(Self { group, mark, child, pipe, next: AtomicU64::new(0) })
    }

    /// What all that the run makes outside of its folder bears.
    pub(super) fn mark(&self) -> &str {
        &self.mark
    }

    /// Its journal, for what is started later.
    pub(super) fn journal(&self) -> Journal {
        Journal(Arc::downgrade(&self.pipe))
    }

    /// The group that children are to join.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// The guardian is to remove this folder, which gets the run's mark, at the end; gives where it
    /// is.
    pub(super) async fn owns(&self, folder: TempDir) -> Result<PathBuf> {
        let path = folder.path();
        mark::put(path, &self.mark).with_context(|| path.display().to_string())?;
        write(&self.pipe, &Entry::Folder { path: folder.path().to_owned() }).await?;
        Ok(folder.keep())
    }

    /// A fault is about to act; this is how to heal it.
    pub(super) async fn fault(&self, remedy: Remedy) -> Result<Journalled> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        write(&self.pipe, &Entry::Fault { id, remedy }).await?;
        Ok(Journalled(id))
    }

    /// The fault is healed.
    pub(super) async fn healed(&self, fault: Journalled) -> Result<()> {
        write(&self.pipe, &Entry::Healed { id: fault.0 }).await
    }

    /// Closes the journal and waits for the guardian, and with it the group, to end: longer, where
    /// it still has something to undo.
    pub(super) async fn end(mut self, longer: Duration) -> Result<()> {
        drop(self.pipe.lock().await.take());
        let within = END_WITHIN + longer;
        match timeout(within, self.child.wait()).await {
            Ok(ended) => ended.map(drop).context("cannot wait for the guardian"),
            Err(_) => bail!("the guardian has not ended {within:?} after its journal was closed"),
        }
    }
}
