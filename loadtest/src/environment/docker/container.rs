//! A process in a container of its own, which is removed once the process has ended, as a child is
//! reaped. What the process left in its folder is there when it is started again.

use super::api::{ApiError, Docker};
use crate::environment::journal::Journal;
use crate::environment::process::{Attendance, Order, Process, ProcessSpec};
use anyhow::{Context, Result};
use redrill_history::clock::instant_now;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The label that says of which run a container is.
pub(super) const LABEL: &str = "redrill.run";
/// How long the last words of a process that has ended may take to come.
const WORDS_WITHIN: Duration = Duration::from_secs(2);
/// How long the daemon may take to remove a container.
const REMOVED_WITHIN: Duration = Duration::from_secs(10);
/// How long a container may still come to be after its maker has been killed.
const MADE_WITHIN: Duration = Duration::from_secs(1);

/// The containers of an environment.
#[derive(Clone, Debug)]
pub(in crate::environment) struct Containers {
    docker: Docker,
    journal: Journal,
    /// What they share with this machine, under the same name.
    folder: PathBuf,
    /// The first part of their names, and their label.
    run: String,
    made: Arc<AtomicU32>,
}

impl Containers {
    /// None yet; those to come share this folder, which names them.
    pub(in crate::environment) fn new(docker: Docker, journal: Journal, folder: &Path) -> Self {
        let run = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { docker, journal, folder: folder.to_owned(), run, made: Arc::default() }
    }

    /// Starts a process in a container, its output in the log; `on_end` is called when it has
    /// ended.
    pub(in crate::environment) async fn run(
        &self,
        spec: &ProcessSpec,
        image: &str,
        log: &Path,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Process> {
        let log = File::options().create(true).append(true).open(log)?;
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = container_name(&self.run, &spec.name, number);
        self.journal.container(&name).await?;
        let container = described(&self.run, &self.folder, image, spec);
        match self.begin(&name, &container).await {
            Ok(pid) => {
                let (process, attendance) = Process::attended(pid);
                tokio::spawn(self.clone().attend(name, log, attendance, on_end));
                Ok(process)
            }
            Err(error) => {
                self.clear(&name).await;
                let told = format!("cannot start {} in a container of {image}", spec.name);
                Err(anyhow::Error::new(error).context(told))
            }
        }
    }

    /// The names of those that are left.
    pub(in crate::environment) async fn left(&self) -> Result<Vec<String>> {
        let left = self.docker.labelled(&format!("{LABEL}={}", self.run)).await;
        left.context("cannot see whether containers are left")
    }

    async fn begin(&self, name: &str, container: &Value) -> Result<u32, ApiError> {
        self.docker.create(name, container).await?;
        self.docker.start(name).await?;
        self.docker.pid(name).await
    }

    /// Signals the process while it lives, and removes the container after its end.
    async fn attend(
        self,
        name: String,
        mut log: File,
        attendance: Attendance,
        on_end: impl FnOnce() + Send + 'static,
    ) {
        let Attendance { mut inbox, ended } = attendance;
        let (docker, of) = (self.docker.clone(), name.clone());
        let words = tokio::spawn(async move {
            // A full disk must not end the run.
            docker.follow(&of, |written| drop(log.write_all(written))).await
        });
        let mut end = pin!(self.docker.wait(&name));
        let code = loop {
            tokio::select! {
                code = &mut end => break code,
                Some(Order(signal, tell)) = inbox.recv() => {
                    let sent = self.docker.signal(&name, signal.as_raw()).await;
                    // Nobody waits for the answer any more: then it does not matter.
                    let _ = tell.send(sent.map_err(io::Error::other));
                }
            }
        };
        match code {
            Ok(code) => {
                on_end();
                // Whoever waits for the end reads in the log why.
                let _ = timeout(WORDS_WITHIN, words).await;
                ended.send_replace(Some(status(code)));
                self.clear(&name).await;
            }
            Err(error) => tracing::error!(%error, name, "cannot wait for a container"),
        }
    }

    /// Removes a container; what cannot be removed now, the guardian removes.
    async fn clear(&self, name: &str) {
        match remove_named(&self.docker, name).await {
            // A journal that is closed tells the guardian to remove it once more, which is no harm.
            Ok(()) => drop(self.journal.removed(name).await),
            Err(error) => tracing::warn!(%error, name, "cannot remove a container"),
        }
    }
}

/// Removes a container that was made, and sees it gone.
pub(super) async fn remove_named(docker: &Docker, name: &str) -> Result<(), ApiError> {
    remove(docker, name, Duration::ZERO).await
}

/// Removes containers that a harness has left; gives what went wrong.
pub(in crate::environment) async fn remove_all(names: &BTreeSet<String>) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let docker = match Docker::connect().await {
        Ok(docker) => docker,
        Err(error) => return vec![format!("cannot remove {names:?}: {error}")],
    };
    let removals = names.iter().map(async |name| {
        let removed = remove(&docker, name, MADE_WITHIN).await;
        removed.err().map(|error| format!("cannot remove the container {name}: {error}"))
    });
    futures_util::future::join_all(removals).await.into_iter().flatten().collect()
}

/// Removes a container and sees it gone; one that there is not is waited for this long, since the
/// daemon may just be making it.
async fn remove(docker: &Docker, name: &str, may_come: Duration) -> Result<(), ApiError> {
    let began = instant_now();
    let mut was_there = false;
    loop {
        // One of this name without the label is somebody else's.
        if docker.labelled(LABEL).await?.contains(&format!("/{name}")) {
            match docker.remove(name).await {
                Err(error) if error.is_absent() => {}
                // Removed, or somebody else is at it: absent is when it is gone.
                Ok(()) | Err(ApiError::Refused { status: 409, .. }) => was_there = true,
                Err(error) => return Err(error),
            }
        } else if was_there || began.elapsed() >= may_come {
            return Ok(());
        }
        if began.elapsed() > REMOVED_WITHIN {
            return Err(ApiError::Late);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// `redrill-a1b2c3-cache.node-0-17` of the process `cache.node[0]`: Docker allows no brackets, and
/// a name once.
fn container_name(run: &str, process: &str, number: u32) -> String {
    format!("{run}-{}-{number}", process.replace('[', "-").replace(']', ""))
}

/// A container as the API wants it described.
fn described(run: &str, folder: &Path, image: &str, spec: &ProcessSpec) -> Value {
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let args: Vec<String> = spec.args.iter().map(|arg| text(arg)).collect();
    let env: Vec<String> = spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    json!({
        "Image": image,
        // An image's own entry point may change user, and what the folder holds is ours.
        "Entrypoint": [text(spec.program.as_os_str())],
        "Cmd": args,
        "Env": env,
        "User": format!("{}:{}", user.as_raw(), group.as_raw()),
        "WorkingDir": folder,
        "Labels": { LABEL: run, "redrill.process": spec.name },
        "HostConfig": {
            "NetworkMode": "host",
            // A daemon that gives containers other users cannot give them the machine's network.
            "UsernsMode": "host",
            // Where files carry labels (SELinux), the folder would need the container's.
            "SecurityOpt": ["label=disable"],
            "Mounts": [{ "Type": "bind", "Source": folder, "Target": folder }],
            // What they write is read back, whatever the daemon does with it otherwise.
            "LogConfig": { "Type": "json-file" },
        },
    })
}

/// An exit code as a shell tells it: above 128 it was a signal.
fn status(code: i64) -> ExitStatus {
    let code = i32::try_from(code).unwrap_or(i32::MAX);
    ExitStatus::from_raw(if code > 128 { code - 128 } else { code << 8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_the_machines_network_our_user_and_the_folder() {
        let spec = ProcessSpec {
            name: "cache.node[0]".to_owned(),
            program: "redis-server".into(),
            image: Some("redis:7".to_owned()),
            args: vec!["/folder/redrill-a/redis.conf".into(), "--sentinel".into()],
            env: vec![("A".to_owned(), "b".to_owned())],
            address: ([127, 0, 0, 1], 1).into(),
            announced: None,
            source: None,
        };
        let folder = Path::new("/folder/redrill-a");
        let made = described("redrill-a", folder, "redis:7", &spec);
        assert_eq!(made["Cmd"], json!(["/folder/redrill-a/redis.conf", "--sentinel"]));
        assert_eq!(made["Entrypoint"], json!(["redis-server"]));
        assert_eq!(made["Env"], json!(["A=b"]));
        assert_eq!(made["HostConfig"]["NetworkMode"], "host");
        assert_eq!(made["HostConfig"]["Mounts"][0]["Target"], "/folder/redrill-a");
        assert_eq!(made["Labels"][LABEL], "redrill-a");
        let user = rustix::process::getuid().as_raw();
        assert!(made["User"].as_str().unwrap().starts_with(&format!("{user}:")));
        assert_eq!(container_name("redrill-a", &spec.name, 3), "redrill-a-cache.node-0-3");
    }

    #[test]
    fn an_exit_code_is_an_end_of_its_own_or_by_a_signal() {
        assert_eq!(status(1).code(), Some(1));
        assert_eq!(status(137).signal(), Some(9));
        assert!(status(0).success());
    }
}
