//! Persistence failing: a master cannot save its data, and refuses writes for that.

use super::on_nodes::{Node, OnNodes};
use super::{Condition, Hits, Injected};
use crate::environment::{Need, Remedy};
use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use std::path::{Path, PathBuf};

pub(super) const PERSISTENCE_FAILING: OnNodes = OnNodes {
    name: "persistence-failing",
    doc: "lets a master's snapshots fail (BGSAVE), so that it refuses writes with MISCONF",
    heals: Some("has saved a snapshot, and takes writes"),
    hits: Hits::Writable,
    holds: &["snapshots"],
    settings: &[],
    needs: &[Need::Files],
    longest: None,
    leaves: |_| Condition::Well,
    inject: |node| fail(node).boxed(),
};

/// The file that a snapshot becomes, and where one that was there is kept meanwhile.
struct Snapshot {
    file: PathBuf,
    kept: PathBuf,
}

async fn fail(mut node: Node<'_>) -> Result<Injected<'_>> {
    let environment = node.environment;
    let role = node.info_word("replication", "role").await?;
    ensure!(role == "master", "{} is no master: replicas take no writes anyway", node.name);
    let folder = PathBuf::from(node.configured("dir").await?);
    let file = folder.join(node.configured("dbfilename").await?);
    let snapshot = Snapshot { kept: file.with_extension("kept"), file };
    // What is left of this, the guardian removes with the folder.
    let journalled = environment.journal(Remedy::EndWithGroup).await?;
    snapshot.obstruct()?;
    // A node that never saves by itself does not mind failing to.
    let settings =
        [("save", "86400 1000000".to_owned()), ("stop-writes-on-bgsave-error", "yes".to_owned())];
    let before = match node.configure(&settings).await {
        Ok(before) => before,
        Err(error) => {
            snapshot.clear()?;
            snapshot.give_back()?;
            environment.healed(journalled).await?;
            return Err(error);
        }
    };
    let seen = prove(&mut node).await;
    let told = seen.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    let look = before.look(node.environment);
    let injected = Injected::new(format!("{}: {told}", node.name), async move {
        snapshot.clear()?;
        // Whether or not it saves: its settings and its file are given back.
        let saved = saves_again(&mut node).await;
        let restored = node.restore(before).await?;
        snapshot.give_back()?;
        environment.healed(restored).await?;
        saved?;
        environment.healed(journalled).await
    });
    injected.looked_at(look).if_proven(seen.is_ok(), "snapshots do not fail").await
}

/// A snapshot that fails, and a write that is refused.
async fn prove(node: &mut Node<'_>) -> Result<String> {
    save(node, "err").await?;
    let said = node.says_to_a_write().await?;
    let told = said.split_inclusive(' ').take(8).collect::<String>();
    let told = format!("a snapshot failed; a write was told {}", told.trim_end());
    // Where memory is short too, that is what writes are told first.
    let is_refused = ["-MISCONF", "-OOM"].iter().any(|error| said.starts_with(error));
    ensure!(is_refused, "{told}");
    Ok(told)
}

async fn saves_again(node: &mut Node<'_>) -> Result<()> {
    if node.reconnects().await? {
        save(node, "ok").await?;
        let said = node.says_to_a_write().await?;
        ensure!(!said.starts_with("-MISCONF"), "{} still refuses writes: {said}", node.name);
    }
    Ok(())
}

/// Has the node save a snapshot, which must come out like this.
async fn save(node: &mut Node<'_>, outcome: &str) -> Result<()> {
    let idle = |under_way: &str| under_way == "0";
    node.becomes("persistence", "rdb_bgsave_in_progress", idle).await?;
    node.tell(&["BGSAVE", "SCHEDULE"]).await?;
    node.becomes("persistence", "rdb_last_bgsave_status", |now| now == outcome).await?;
    node.becomes("persistence", "rdb_bgsave_in_progress", idle).await
}

impl Snapshot {
    /// Puts a folder in its place, which no file can replace; all of it or nothing.
    fn obstruct(&self) -> Result<()> {
        let told = || format!("cannot obstruct {}", self.file.display());
        let is_there = self.file.is_file();
        if is_there {
            std::fs::rename(&self.file, &self.kept).with_context(told)?;
        }
        let mut built = std::fs::create_dir(&self.file);
        if built.is_ok() {
            // An empty folder could be replaced.
            built = std::fs::write(self.file.join("obstacle"), "");
            if built.is_err() {
                self.clear()?;
            }
        }
        if built.is_err() && is_there {
            self.give_back()?;
        }
        built.with_context(told)
    }

    fn clear(&self) -> Result<()> {
        remove(&self.file.join("obstacle"), |path| std::fs::remove_file(path))?;
        remove(&self.file, |path| std::fs::remove_dir(path))
    }

    /// What was there before is there again, or nothing.
    fn give_back(&self) -> Result<()> {
        remove(&self.file, |path| std::fs::remove_file(path))?;
        if self.kept.exists() {
            let told = || format!("cannot give {} back", self.file.display());
            std::fs::rename(&self.kept, &self.file).with_context(told)?;
        }
        Ok(())
    }
}

/// Removes what is there.
fn remove(path: &Path, how: impl Fn(&Path) -> std::io::Result<()>) -> Result<()> {
    match how(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
