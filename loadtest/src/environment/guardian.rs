//! The process that outlives the harness, so that nothing else does.
//!
//! It leads the process group in which every child of the environment is started, and reads the
//! harness's journal from its standard input. When that closes, because the harness is done or was
//! killed, it heals what is not marked healed, removes containers and the folder, and ends the
//! whole group.

use super::heal::{end, heal, remove_containers};
use super::journal::Entry;
use super::remedy::Remedy;
use super::{mark, proc};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{self, Pid, Signal};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// What the guardian says once it leads its group and no signal ends it.
pub(super) const READY: &str = "ready";
/// How often removing the folder is tried: a process that still runs may add a file meanwhile.
const REMOVALS: u32 = 20;

/// Runs `redrill guardian` until its standard input closes, and notes in the journal what it has
/// undone then. Needs a tokio runtime with signals.
///
/// It does not return then: its last act is to end its group, which is its own. The code is for
/// what goes wrong before.
pub async fn run(journal: &Path) -> ExitCode {
    match guard(journal).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("the guardian failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn guard(journal: &Path) -> io::Result<()> {
    let journal = File::options().append(true).open(journal)?;
    flock(&journal, FlockOperation::NonBlockingLockShared)?;
    // A handler is what keeps the signal from ending us. The hang-up comes from the kernel itself
    // when the harness dies while a process of the group is stopped.
    let _kept_off = [
        signal(SignalKind::hangup())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    ];
    if process::getpgrp() != process::getpid() {
        process::setpgid(None, None)?;
    }
    let mut out = io::stdout();
    writeln!(out, "{READY}")?;
    out.flush()?;
    let read = || Duties::read(io::stdin().lock());
    let duties = tokio::task::spawn_blocking(read).await??;
    duties.resume();
    if duties.faults.values().any(Remedy::is_outside) {
        // An instance that runs on would fill what is emptied, and take what is freed.
        end_others();
        let healed =
            heal(&duties.faults, &journal, Remedy::tries_for, |remedy, applied| match applied {
                Ok(told) => say(&format!("healed: {remedy}: {told}")),
                Err(error) => say(&format!("not healed: {remedy}: {error:#}")),
            });
        if let Err(error) = healed.await {
            say(&format!("healing failed: {error:#}"));
        }
    }
    match remove_containers(&duties, &journal).await {
        Ok(failures) => failures.iter().for_each(|failure| say(failure)),
        Err(error) => say(&format!("{error:#}")),
    }
    duties.remove_folders();
    say("ending the group");
    Ok(process::kill_current_process_group(Signal::KILL)?)
}

/// What is to be done when the harness is gone.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Duties {
    pub(super) group: Option<i32>,
    pub(super) mark: String,
    /// Those that were started, each with what tells it from another of its id.
    pub(super) processes: Vec<(u32, String)>,
    pub(super) folders: Vec<PathBuf>,
    pub(super) containers: BTreeSet<String>,
    pub(super) faults: BTreeMap<u64, Remedy>,
    /// The numbers of lines that cannot be read.
    pub(super) damaged: Vec<usize>,
    /// Bytes of a last line that was not written to its end: what it was to tell was not begun.
    pub(super) torn: u64,
}

impl Duties {
    /// Reads until the pipe closes. What cannot be read is left out, and its line noted: what
    /// follows is to be undone all the same.
    ///
    /// # Errors
    /// The journal cannot be read to its end.
    pub(super) fn read(mut journal: impl BufRead) -> io::Result<Self> {
        let mut duties = Self::default();
        let (mut line, mut number) = (Vec::new(), 0);
        while journal.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            let text = String::from_utf8_lossy(line.trim_ascii());
            match serde_json::from_str(&text) {
                Ok(entry) => duties.note(entry),
                // Whoever appends begins a line of its own.
                Err(_) if text.is_empty() => {}
                Err(_) if !line.ends_with(b"\n") => duties.torn = line.len() as u64,
                Err(error) => {
                    say(&format!("line {number} is no journal entry ({error}): {text}"));
                    duties.damaged.push(number);
                }
            }
            line.clear();
        }
        Ok(duties)
    }

    fn note(&mut self, entry: Entry) {
        match entry {
            Entry::Group { group, mark } => {
                self.group = Some(group);
                self.mark = mark;
            }
            Entry::Process { pid, birth } => self.processes.push((pid, birth)),
            Entry::Folder { path } => self.folders.push(path),
            Entry::Container { name } => {
                self.containers.insert(name);
            }
            Entry::Removed { name } => {
                self.containers.remove(&name);
            }
            Entry::Fault { id, remedy } => {
                self.faults.insert(id, remedy);
            }
            Entry::Healed { id } => {
                self.faults.remove(&id);
            }
        }
    }

    /// Lets what stands still go on: a stopped process does not end.
    fn resume(&self) {
        for (id, remedy) in &self.faults {
            say(&format!("healing {id}: {remedy:?}"));
            if let Remedy::Continue { pid } = remedy
                && let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw)
                && let Err(error) = process::kill_process(pid, Signal::CONT)
            {
                say(&format!("cannot continue process {pid:?}: {error}"));
            }
        }
    }

    /// Removes the folders that bear the run's mark.
    pub(super) fn remove_folders(&self) {
        let own = self.folders.iter().filter(|folder| mark::is_on(folder, &self.mark));
        for folder in own {
            for attempt in 1..=REMOVALS {
                match mark::remove(folder) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        say(&format!("removing {}, {attempt}: {error}", folder.display()));
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Ends the processes of the group but ourselves.
fn end_others() {
    let group = process::getpgrp().as_raw_nonzero().get();
    let mut others = proc::alive_in(group).unwrap_or_default();
    others.retain(|pid| *pid != std::process::id());
    end(&others);
}

/// A line for the guardian's log. Nobody is left to tell if it cannot be written.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOURNAL: [&str; 9] = [
        r#"{"entry":"group","group":7,"mark":"a-1"}"#,
        r#"{"entry":"process","pid":8,"birth":"b"}"#,
        r#"{"entry":"folder","path":"a"}"#,
        r#"{"entry":"fault","id":1,"remedy":{"continue":{"pid":7}}}"#,
        r#"{"entry":"fault","id":2,"remedy":"end-with-group"}"#,
        r#"{"entry":"healed","id":1}"#,
        r#"{"entry":"container","name":"a-1"}"#,
        r#"{"entry":"container","name":"a-2"}"#,
        r#"{"entry":"removed","name":"a-1"}"#,
    ];

    fn expected(damaged: &[usize]) -> Duties {
        Duties {
            group: Some(7),
            mark: "a-1".to_owned(),
            processes: vec![(8, "b".to_owned())],
            folders: vec![PathBuf::from("a")],
            containers: BTreeSet::from(["a-2".to_owned()]),
            faults: BTreeMap::from([(2, Remedy::EndWithGroup)]),
            damaged: damaged.to_vec(),
            torn: 0,
        }
    }

    #[test]
    fn only_folders_that_bear_the_mark_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let [own, other] = ["redrill-a", "redrill-b"].map(|name| place.path().join(name));
        for (folder, of) in [(&own, "a-1"), (&other, "b-1")] {
            std::fs::create_dir(folder).unwrap();
            mark::put(folder, of).unwrap();
        }
        let folders = vec![own.clone(), other.clone()];
        Duties { mark: "a-1".to_owned(), folders, ..Duties::default() }.remove_folders();
        assert_eq!((own.exists(), other.exists()), (false, true));
    }

    #[test]
    fn what_was_healed_is_no_duty_any_more() {
        let journal = JOURNAL.join("\n");
        assert_eq!(Duties::read(journal.as_bytes()).unwrap(), expected(&[]));
    }

    #[test]
    fn a_last_line_that_was_not_written_to_its_end_is_no_damage() {
        let torn = "{\"entry\":\"fault\",\"id";
        let journal = format!("{}\n{torn}", JOURNAL.join("\n"));
        let expected = Duties { torn: torn.len() as u64, ..expected(&[]) };
        assert_eq!(Duties::read(journal.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_noted_and_hides_no_other() {
        for bad in [&b"\xff\xfe"[..], b"{\"entry\":\"heal", b"{\"entry\":\"other\"}"] {
            let mut journal = JOURNAL[..2].join("\n").into_bytes();
            journal.extend([b"\n", bad, b"\n\n"].concat());
            journal.extend(JOURNAL[2..].join("\n").into_bytes());
            assert_eq!(Duties::read(journal.as_slice()).unwrap(), expected(&[3]));
        }
    }
}
