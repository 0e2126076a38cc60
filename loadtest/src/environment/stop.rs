//! Ending the environment, and making sure that it has ended.

use super::outside::SETTLES_WITHIN;
use super::processes::Processes;
use super::{Environment, proc, proxies};
use anyhow::{Result, ensure};
use redrill_history::clock::instant_now;
use redrill_history::process_kind;
use rustix::process::{Pid, test_kill_process_group};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// How long an instance of the target may take to end when asked.
const SERVER_GRACE: Duration = Duration::from_secs(2);
/// How long the system may take to forget a group whose processes have all been killed.
const FORGET_WITHIN: Duration = Duration::from_secs(5);

impl Environment {
    /// Ends the target, the Sentinels, the nodes, the proxies and the guardian, in this order.
    ///
    /// # Errors
    /// Something is left: a process of the group, or the temporary folder.
    pub async fn stop(self) -> Result<()> {
        let Self { observer, processes, guardian, outside, folder, .. } = self;
        observer.stop().await?;
        for (name, _) in processes.running() {
            if process_kind(&name) == "server" {
                // An error says that it has ended meanwhile.
                let _ = processes.stop(&name, SERVER_GRACE).await;
            }
        }
        for kind in ["server", "sentinel", "node", proxies::NAME] {
            processes.kill_all(kind).await;
        }
        let left = match outside {
            Some(outside) => outside.leave(&guardian).await,
            None => Ok(()),
        };
        let group = guardian.group();
        // What could not be undone, the guardian tries once more.
        let ended = guardian.end(if left.is_err() { SETTLES_WITHIN } else { Duration::ZERO }).await;
        left.and(all_ended(group, ended, &processes, &folder).await)
    }
}

/// Makes sure that nothing is left.
async fn all_ended(
    group: Pid,
    ended: Result<()>,
    processes: &Processes,
    folder: &Path,
) -> Result<()> {
    let deadline = instant_now() + FORGET_WITHIN;
    while is_alive(group) {
        let group = group.as_raw_nonzero();
        ensure!(instant_now() < deadline, "processes of group {group} are left");
        sleep(Duration::from_millis(5)).await;
    }
    if ended.is_err() {
        // The guardian removes it, and one that was killed cannot.
        let _ = std::fs::remove_dir_all(folder);
    }
    ensure!(!folder.exists(), "the folder {} is left", folder.display());
    let containers = processes.containers_left().await?;
    ensure!(containers.is_empty(), "containers are left: {}", containers.join(", "));
    ended
}

/// Whether a process of the group has not ended.
fn is_alive(group: Pid) -> bool {
    match proc::alive_in(group.as_raw_nonzero().get()) {
        Some(alive) => !alive.is_empty(),
        None => test_kill_process_group(group).is_ok(),
    }
}
