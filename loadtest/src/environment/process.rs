//! One process: awaited, so that its end is seen, and signalled only while it lives.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

/// How a process is started, the first time and again.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// `node[0]`, `sentinel[1]`, `server[0]`, `proxy`.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// The image of the container that it runs in; none for a child process.
    pub image: Option<String>,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables beside the harness's own.
    pub env: Vec<(String, String)>,
    /// The address it listens on.
    pub address: SocketAddr,
    /// The address that others use: its proxy's.
    pub announced: Option<SocketAddr>,
    /// The source address of its own connections.
    pub source: Option<IpAddr>,
}

/// A started process.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    orders: mpsc::Sender<Order>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// A signal to send, and whom to tell.
pub(super) struct Order(pub(super) Signal, pub(super) oneshot::Sender<std::io::Result<()>>);

/// What whoever attends to a process has in hand: the signals to send, and where to say that it has
/// ended.
pub(super) struct Attendance {
    pub(super) inbox: mpsc::Receiver<Order>,
    pub(super) ended: watch::Sender<Option<ExitStatus>>,
}

impl Process {
    /// Starts it in the group with its output in the log and the run's mark in a variable; `on_end`
    /// is called when it has ended.
    pub(super) fn spawn(
        spec: &ProcessSpec,
        (variable, mark): (&str, &str),
        group: Pid,
        log: &Path,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(&spec.program)
            .args(&spec.args)
            // A log is read in a page and a terminal: without colours.
            .env("NO_COLOR", "1")
            .env(variable, mark)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Joined before the program begins: no moment in which the guardian would miss it.
            .process_group(group.as_raw_nonzero().get())
            .spawn()
            .with_context(|| format!("cannot start {}: {}", spec.name, spec.program.display()))?;
        let pid = child.id().context("a process without an id")?;
        let (process, attendance) = Self::attended(pid);
        tokio::spawn(attend(child, attendance, on_end));
        Ok(process)
    }

    /// A process that has started, and what whoever attends to it needs.
    pub(super) fn attended(pid: u32) -> (Self, Attendance) {
        let (orders, inbox) = mpsc::channel(1);
        let (tell, ended) = watch::channel(None);
        (Self { pid, orders, ended }, Attendance { inbox, ended: tell })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has ended: the signal never reaches another process of the same id.
    pub(crate) async fn signal(&self, signal: Signal) -> Result<()> {
        let (tell, told) = oneshot::channel();
        if self.orders.send(Order(signal, tell)).await.is_err() {
            bail!("process {} has ended", self.pid);
        }
        let told = told.await.with_context(|| format!("process {} has ended", self.pid))?;
        told.with_context(|| format!("cannot signal process {}", self.pid))
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.clone();
        // It closes without a value only when the runtime goes down.
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }
}

/// Owns the child: it reaps and it signals, one at a time, so the id is the child's own.
async fn attend(mut child: Child, attendance: Attendance, on_end: impl FnOnce() + Send + 'static) {
    let Attendance { mut inbox, ended } = attendance;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            Some(Order(signal, tell)) = inbox.recv() => {
                // Nobody waits for the answer any more: then it does not matter.
                let _ = tell.send(send(&child, signal));
            }
        }
    };
    match status {
        Ok(status) => {
            on_end();
            ended.send_replace(Some(status));
        }
        Err(error) => tracing::error!(%error, "cannot wait for a process"),
    }
}

fn send(child: &Child, signal: Signal) -> std::io::Result<()> {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let pid = pid.ok_or_else(|| std::io::Error::other("it has ended"))?;
    Ok(kill_process(pid, signal)?)
}
