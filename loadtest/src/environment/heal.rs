//! What the journal of a run says is still to be undone, and undoing it.

use super::admin::is_refusal;
use super::guardian::Duties;
use super::journal::{Entry, JOURNAL};
use super::remedy::Remedy;
use super::{claim, docker, mark, proc};
use crate::exit::{Unusable, unusable};
use anyhow::{Context, Result, anyhow};
use futures_util::stream::{self, StreamExt as _};
use redrill_history::RunFolder;
use redrill_history::clock::instant_now;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What a run that is over has left, where its guardian was killed, too.
pub struct Left {
    journal: File,
    duties: Duties,
    /// Processes of the run that outlived it.
    processes: Vec<u32>,
    /// What only a person can decide on.
    doubts: Vec<String>,
}

impl Left {
    /// Reads the journal of a run; one that has none leaves nothing.
    ///
    /// # Errors
    /// [`crate::exit::Unusable`] while the run goes on.
    pub fn read(folder: &RunFolder) -> Result<Option<Self>> {
        let path = folder.logs().join(JOURNAL);
        let shown = || path.display().to_string();
        let journal = match File::options().read(true).append(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.with_context(shown)?,
        };
        // Harness and guardian hold it while they live.
        flock(&journal, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            unusable("the run still goes on, or its guardian is healing it: wait until it is over")
        })?;
        let mut duties = Duties::read(BufReader::new(&journal)).with_context(shown)?;
        // Another line behind it would make it one that cannot be read.
        let whole = journal.metadata().with_context(shown)?.len() - duties.torn;
        journal.set_len(whole).with_context(shown)?;
        duties.faults.retain(|_, remedy| remedy.is_outside());
        duties.folders.retain(|folder| folder.exists());
        let is_own = |folder: &PathBuf| mark::is_on(folder, &duties.mark);
        let (own, others) = std::mem::take(&mut duties.folders).into_iter().partition(is_own);
        duties.folders = own;
        let mut doubts: Vec<String> = others.iter().map(|other| doubt(other)).collect();
        let is_cut = duties.group.is_none() && folder.environment().exists();
        if is_cut || !duties.damaged.is_empty() {
            doubts.push(damage(&path, &duties));
        }
        let processes = orphans(&duties);
        Ok(Some(Self { journal, duties, processes, doubts }))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        let Self { duties, processes, doubts, .. } = self;
        let Duties { folders, containers, faults, .. } = duties;
        let is_done = faults.is_empty() && folders.is_empty() && containers.is_empty();
        is_done && processes.is_empty() && doubts.is_empty()
    }

    /// What is left as it is, since it may be somebody else's or cannot be known, and what to do.
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// What will be tried, and for how long where it does not help at once.
    pub fn trials(&self) -> (Vec<&Remedy>, Duration) {
        let remedies: Vec<&Remedy> = self.duties.faults.values().rev().collect();
        let most = remedies.iter().map(|remedy| remedy.tries_for()).max();
        (remedies, most.unwrap_or_default())
    }

    /// Undoes it; returns how much could not be undone. `told` hears of each remedy what came of
    /// it.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub async fn heal(&self, told: impl FnMut(&Remedy, &Result<String>)) -> Result<usize> {
        end(&self.processes);
        let failed = heal(&self.duties.faults, &self.journal, Remedy::tries_for, told).await?;
        let failures = remove_containers(&self.duties, &self.journal).await?;
        for failure in &failures {
            tracing::warn!("{failure}");
        }
        self.duties.remove_folders();
        Ok(failed + failures.len())
    }
}

/// What is said of a folder in the journal that does not bear the run's mark.
fn doubt(folder: &Path) -> String {
    let folder = folder.display();
    format!("{folder} does not bear the run's mark and stays: remove it by hand if it is the run's")
}

/// What is said of a journal of which not all can be read.
fn damage(path: &Path, duties: &Duties) -> String {
    let lines: Vec<String> = duties.damaged.iter().map(usize::to_string).collect();
    let where_ = match lines.is_empty() {
        true => "cut off".to_owned(),
        false => format!("damaged at line {}", lines.join(", ")),
    };
    format!(
        "{} is {where_}, and what it said there is not undone: look by hand whether a toxic is \
         left, a proxy does not listen, a node has another maxmemory or maxclients than it should, \
         keys of the run are left, or a process or a folder {}* in {}",
        path.display(),
        mark::PRODUCT,
        std::env::temp_dir().display()
    )
}

/// The processes of the run that live. Ids are given again: those of the group are the run's only
/// if one of them is surely.
fn orphans(duties: &Duties) -> Vec<u32> {
    let is_same = |(pid, birth): &&(u32, String)| proc::birth(*pid).as_ref() == Some(birth);
    let mut known: Vec<u32> = duties.processes.iter().filter(is_same).map(|one| one.0).collect();
    let grouped = duties.group.and_then(proc::alive_in).unwrap_or_default();
    let is_marked = |pid: &u32| proc::was_given(*pid, mark::VARIABLE, &duties.mark);
    known.extend(grouped.iter().filter(|pid| !duties.mark.is_empty() && is_marked(pid)));
    if known.iter().any(|pid| grouped.contains(pid)) {
        known.extend(grouped);
    }
    known.sort_unstable();
    known.dedup();
    known
}

/// Ends processes at once.
pub(super) fn end(processes: &[u32]) {
    let pids = processes.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?));
    for pid in pids {
        if let Err(error) = kill_process(pid, Signal::KILL) {
            tracing::warn!(%error, ?pid, "cannot end a process");
        }
    }
}

/// Removes the containers of the run, and notes in the journal that they are gone; gives what went
/// wrong.
pub(super) async fn remove_containers(duties: &Duties, journal: &File) -> Result<Vec<String>> {
    let failures = docker::remove_all(&duties.containers).await;
    if failures.is_empty() {
        for name in &duties.containers {
            note(journal, &Entry::Removed { name: name.clone() })?;
        }
    }
    Ok(failures)
}

/// Undoes what was done last first, and notes in the journal what is undone. What is in different
/// places is undone at the same time, so that a place that does not answer keeps no other waiting.
pub(super) async fn heal(
    remedies: &BTreeMap<u64, Remedy>,
    journal: &File,
    tries_for: fn(&Remedy) -> Duration,
    mut told: impl FnMut(&Remedy, &Result<String>),
) -> Result<usize> {
    if let Some(taken) = claim::taken_by_another(remedies.values()).await {
        return Err(unusable(taken));
    }
    let mut failed = 0;
    for stage in stages(remedies) {
        let last = stage.iter().flatten().filter(|(_, remedy)| remedy.is_last());
        let waiting: Vec<_> = last.filter(|_| failed > 0).collect();
        if !waiting.is_empty() {
            for (_, remedy) in &waiting {
                told(remedy, &Err(anyhow!("it stays until the rest is undone")));
            }
            failed += waiting.len();
            continue;
        }
        let begun = instant_now();
        let places = stage.into_iter().map(|place| {
            stream::iter(place)
                .then(|(id, remedy)| async move {
                    (id, remedy, applied(remedy, begun + tries_for(remedy)).await)
                })
                .boxed_local()
        });
        let mut all = stream::select_all(places);
        while let Some((id, remedy, applied)) = all.next().await {
            told(remedy, &applied);
            match applied {
                Ok(_) => note(journal, &Entry::Healed { id })?,
                Err(_) => failed += 1,
            }
        }
    }
    Ok(failed)
}

/// Remedies of one place, in the order in which they are undone.
type Place<'a> = Vec<(u64, &'a Remedy)>;

/// What is undone one after another: each stage by its places. Keys are removed from a node that
/// has been given back what was taken from it, and what others wait for is given free at the end.
fn stages(remedies: &BTreeMap<u64, Remedy>) -> Vec<Vec<Place<'_>>> {
    let mut stages: Vec<((bool, bool), BTreeMap<String, Place<'_>>)> = Vec::new();
    for (id, remedy) in remedies.iter().rev().filter(|(_, remedy)| remedy.is_outside()) {
        let kind = (matches!(remedy, Remedy::Unlink { .. }), remedy.is_last());
        if stages.last().is_none_or(|(before, _)| *before != kind) {
            stages.push((kind, BTreeMap::new()));
        }
        if let Some((_, places)) = stages.last_mut() {
            places.entry(remedy.place()).or_default().push((*id, remedy));
        }
    }
    stages.into_iter().map(|(_, places)| places.into_values().collect()).collect()
}

/// Applies a remedy until that helps or it is too late; once, whenever it is.
async fn applied(remedy: &Remedy, deadline: Instant) -> Result<String> {
    let mut applied = remedy.apply().await;
    while applied.as_ref().is_err_and(may_pass) && instant_now() < deadline {
        sleep(Duration::from_millis(500)).await;
        applied = remedy.apply().await;
    }
    applied
}

/// Whether another try may help, though nobody does anything.
fn may_pass(error: &anyhow::Error) -> bool {
    !error.is::<Unusable>() && !is_refusal(error)
}

/// Notes in the journal what is done, on a line of its own: the last one may be torn.
fn note(mut journal: &File, entry: &Entry) -> Result<()> {
    let line = format!("\n{}\n", serde_json::to_string(entry)?);
    journal.write_all(line.as_bytes()).context("the journal cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Door;
    use std::net::SocketAddr;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use tempfile::TempDir;
    use tokio::net::TcpListener;

    /// A run that has ended, with this journal.
    fn run(journal: &[u8]) -> (TempDir, RunFolder) {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), "a").unwrap();
        std::fs::create_dir_all(folder.logs()).unwrap();
        std::fs::write(folder.logs().join(JOURNAL), journal).unwrap();
        (runs, folder)
    }

    fn left(journal: &[u8]) -> Left {
        let (_runs, folder) = run(journal);
        Left::read(&folder).unwrap().unwrap()
    }

    /// A process that waits, in a group of its own.
    fn process(mark: &str) -> Child {
        let mut command = Command::new("sleep");
        command.arg("60").env(mark::VARIABLE, mark).process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_process_is_the_runs_by_its_birth_or_its_mark_and_not_by_its_id() {
        let mut child = process("a-1");
        let pid = child.id();
        let birth = proc::birth(pid).unwrap();
        let of = |mark: &str, birth: &str| {
            let group = format!(r#"{{"entry":"group","group":{pid},"mark":"{mark}"}}"#);
            let process = format!(r#"{{"entry":"process","pid":{pid},"birth":"{birth}"}}"#);
            left(format!("{group}\n{process}\n").as_bytes()).processes
        };
        let seen = [of("b-1", "an earlier one"), of("b-1", &birth), of("", "none")];
        let marked = of("a-1", "an earlier one");
        // Beside it one that neither is written down nor bears the mark.
        let mut other = Command::new("sleep");
        let mut other = other.arg("60").process_group(pid as i32).spawn().unwrap();
        let grouped = [of("b-1", "an earlier one"), of("b-1", &birth)];
        end(&[pid, other.id()]);
        child.wait().unwrap();
        other.wait().unwrap();
        // A journal of an older version has no mark: nothing bears it, an empty variable neither.
        let mut unmarked = process("");
        let group = unmarked.id();
        let journal = format!(r#"{{"entry":"group","group":{group}}}"#);
        let of_old = left(journal.as_bytes()).processes;
        end(&[group]);
        unmarked.wait().unwrap();
        assert_eq!(of_old, [0; 0]);
        assert_eq!(seen, [vec![], vec![pid], vec![]]);
        // Another system tells no environment.
        assert_eq!(marked, if cfg!(target_os = "linux") { vec![pid] } else { vec![] });
        assert_eq!(of("a-1", &birth), [0; 0]);
        let mut both = vec![pid, other.id()];
        both.sort_unstable();
        assert_eq!(grouped, [vec![], both]);
    }

    #[test]
    fn what_is_healed_is_noted_behind_whatever_the_journal_ends_with() {
        let fault = r#"{"entry":"fault","id":1,"remedy":{"unlink":{"doors":[],"prefix":"a"}}}"#;
        for end in ["", "\n", "\n{\"entry\":\"fau"] {
            let (_runs, folder) = run(format!("{fault}{end}").as_bytes());
            let left = Left::read(&folder).unwrap().unwrap();
            assert!(!left.is_empty());
            note(&left.journal, &Entry::Healed { id: 1 }).unwrap();
            drop(left);
            let again = Left::read(&folder).unwrap().unwrap();
            assert!(again.is_empty(), "{end:?}: {:?}", again.duties);
        }
    }

    #[tokio::test]
    async fn a_folder_without_the_mark_stays_and_is_told() {
        let place = tempfile::tempdir().unwrap();
        let [own, other] = ["redrill-a", "redrill-b"].map(|name| place.path().join(name));
        for folder in [&own, &other] {
            std::fs::create_dir(folder).unwrap();
        }
        mark::put(&own, "a-1").unwrap();
        let mut journal = r#"{"entry":"group","group":1,"mark":"a-1"}"#.to_owned();
        for folder in [&own, &other] {
            journal += &format!("\n{{\"entry\":\"folder\",\"path\":{folder:?}}}");
        }
        let left = left(journal.as_bytes());
        assert_eq!(left.heal(|_, _| {}).await.unwrap(), 0);
        assert_eq!((own.exists(), other.exists()), (false, true));
        assert!(left.doubts()[0].contains("redrill-b"), "{:?}", left.doubts());
    }

    #[test]
    fn a_journal_that_cannot_be_read_whole_is_told_with_the_line_and_is_not_nothing() {
        let group = r#"{"entry":"group","group":1,"mark":"a-1"}"#;
        for (bad, line) in [(&b"\xff\xfe"[..], 2), (b"{\"entry\":\"fau", 2)] {
            let left = left(&[group.as_bytes(), b"\n", bad, b"\n"].concat());
            let told = left.doubts().join("; ");
            assert!(!left.is_empty() && told.contains(&format!("line {line},")), "{told}");
        }
        assert!(left(group.as_bytes()).is_empty());
        let (_runs, folder) = run(b"");
        std::fs::write(folder.environment(), "{}").unwrap();
        let left = Left::read(&folder).unwrap().unwrap();
        assert!(left.doubts()[0].contains("cut off"), "{:?}", left.doubts());
    }

    fn toxic(api: &str, proxy: &str, toxic: &str) -> Remedy {
        Remedy::RemoveToxic {
            api: api.to_owned(),
            proxy: proxy.to_owned(),
            toxic: toxic.to_owned(),
        }
    }

    #[tokio::test]
    async fn places_that_cannot_be_reached_are_tried_at_the_same_time() {
        let (mut remedies, mut asked) = (BTreeMap::new(), Vec::new());
        for id in 0..10 {
            // Whoever comes is not answered.
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let api = format!("http://{}", listener.local_addr().unwrap());
            remedies.insert(id, toxic(&api, "a", "b"));
            let times = Arc::new(AtomicU32::new(0));
            asked.push(times.clone());
            tokio::spawn(async move {
                while let Ok((connection, _)) = listener.accept().await {
                    drop(connection);
                    times.fetch_add(1, Relaxed);
                }
            });
        }
        let mut told = 0;
        let journal = tempfile::tempfile().unwrap();
        let tries_for = |_: &Remedy| Duration::from_secs(2);
        let failed = heal(&remedies, &journal, tries_for, |_, _| told += 1).await.unwrap();
        assert_eq!((failed, told), (10, 10));
        // One after another, the time would be up with the first.
        let asked: Vec<u32> = asked.iter().map(|times| times.load(Relaxed)).collect();
        assert!(asked.iter().all(|times| *times >= 2), "{asked:?}");
    }

    #[test]
    fn what_was_done_last_in_a_place_is_undone_first_and_keys_go_when_their_node_is_well() {
        let node = |port: u16| Door::from(SocketAddr::from(([127, 0, 0, 1], port)));
        let unlink =
            Remedy::Unlink { doors: vec![node(1), node(2)], prefix: "a".to_owned(), ways: None };
        let remedies = [
            unlink,
            Remedy::Unpause { door: node(1) },
            toxic("http://a", "b", "c"),
            Remedy::Configure { door: node(1), settings: BTreeMap::new(), written: None },
            Remedy::Unpause { door: node(2) },
            Remedy::EndWithGroup,
            Remedy::Enable { api: "http://a".to_owned(), proxy: "b".to_owned() },
        ];
        let remedies = (0..).zip(remedies).collect();
        let ids = |place: Place<'_>| place.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        let mut stages: Vec<Vec<_>> =
            stages(&remedies).into_iter().map(|all| all.into_iter().map(ids).collect()).collect();
        stages[0].sort();
        assert_eq!(stages, [vec![vec![3, 1], vec![4], vec![6, 2]], vec![vec![0]]]);
    }
}
