//! What a run's files held when it ended, so that a folder that was damaged since is known for one.
//!
//! A file cut at the end of a record, a record taken out of the middle and a plan edited by hand
//! all read well, and each can make a check pass or fail that would not have. The last events of a
//! run therefore state every file's size and CRC-32 (ISO-HDLC, as zip and gzip use it).

use crate::{RunError, RunFolder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// A file's size and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Bytes.
    pub bytes: u64,
    /// CRC-32 of them.
    pub crc32: u32,
}

/// The seals of a run by the file's path in its folder.
pub type Seals = BTreeMap<String, Seal>;

impl Seal {
    /// The seal of some content.
    pub fn of(content: &[u8]) -> Self {
        Self { bytes: content.len() as u64, crc32: crc32fast::hash(content) }
    }
}

/// The lines that end the events of a run: the seals, and that it is over.
const END: usize = 2;

/// The files that checkers and panels read. The events, which carry the seals, are sealed up to
/// the line that states them.
fn evidence(folder: &RunFolder) -> [PathBuf; 8] {
    [
        folder.plan(),
        folder.environment(),
        folder.operations(),
        folder.observations(),
        folder.effects(),
        folder.segments(),
        folder.samples(),
        folder.events(),
    ]
}

fn name(folder: &RunFolder, path: &std::path::Path) -> String {
    path.strip_prefix(folder.path()).unwrap_or(path).display().to_string()
}

/// Seals every file of a folder that exists.
pub(crate) fn seal(folder: &RunFolder) -> io::Result<Seals> {
    let mut seals = Seals::new();
    for path in evidence(folder) {
        match std::fs::read(&path) {
            Ok(content) => seals.insert(name(folder, &path), Seal::of(&content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
    }
    Ok(seals)
}

/// Says of each file that is not what it was when the run ended, what is different.
pub(crate) fn differences(folder: &RunFolder, seals: &Seals) -> Result<Vec<String>, RunError> {
    let mut differences = Vec::new();
    for path in evidence(folder) {
        let mut content = match std::fs::read(&path) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(RunError::Io { path, error }),
        };
        let file = name(folder, &path);
        let sealed = seals.get(&file).copied();
        if let (Some(content), Some(sealed)) = (&mut content, sealed)
            && path == folder.events()
        {
            let end = usize::try_from(sealed.bytes).unwrap_or(usize::MAX).min(content.len());
            let lines = content[end..].iter().filter(|byte| **byte == b'\n').count();
            if lines != END {
                differences.push(format!("{file} goes on after the run's end"));
            }
            content.truncate(end);
        }
        let found = content.as_deref().map(Seal::of);
        // A run whose environment did not start has no facts of it.
        let may_be_absent = path == folder.environment();
        differences.extend(difference(&file, sealed, found, may_be_absent));
    }
    Ok(differences)
}

fn difference(
    file: &str,
    sealed: Option<Seal>,
    found: Option<Seal>,
    may_be_absent: bool,
) -> Option<String> {
    match (sealed, found) {
        (Some(sealed), Some(found)) if sealed.bytes != found.bytes => Some(format!(
            "{file} has {} bytes, and had {} when the run ended",
            found.bytes, sealed.bytes
        )),
        (Some(sealed), Some(found)) if sealed != found => {
            Some(format!("{file} is not what it was when the run ended"))
        }
        (Some(_), None) => Some(format!("{file} is missing")),
        (None, Some(_)) => Some(format!("{file} was not there when the run ended")),
        (None, None) if !may_be_absent => Some(format!("{file} was gone before the run ended")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (tempfile::TempDir, RunFolder, Seals) {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), "run").unwrap();
        for path in evidence(&folder) {
            std::fs::write(path, b"one\ntwo\n").unwrap();
        }
        let seals = seal(&folder).unwrap();
        std::fs::write(folder.events(), b"one\ntwo\nseals\nend\n").unwrap();
        (runs, folder, seals)
    }

    #[test]
    fn a_folder_that_nobody_touched_has_no_differences() {
        let (_runs, folder, mut seals) = sealed();
        assert_eq!(differences(&folder, &seals).unwrap(), Vec::<String>::new());
        std::fs::remove_file(folder.environment()).unwrap();
        seals.remove("environment.json");
        assert_eq!(differences(&folder, &seals).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn events_after_the_end_are_a_difference() {
        let (_runs, folder, seals) = sealed();
        std::fs::write(folder.events(), b"one\ntwo\nseals\nend\nmore\n").unwrap();
        let found = differences(&folder, &seals).unwrap();
        assert_eq!(found, ["events.ndjson goes on after the run's end"]);
    }

    #[test]
    fn a_file_that_went_during_the_run_is_named() {
        let (_runs, folder, mut seals) = sealed();
        std::fs::remove_file(folder.effects()).unwrap();
        seals.remove("effects/calls.bin");
        let found = differences(&folder, &seals).unwrap();
        assert_eq!(found, ["effects/calls.bin was gone before the run ended"]);
    }

    #[test]
    fn every_file_cut_changed_or_lost_is_named() {
        for (content, word) in [
            (Some(&b"one\n"[..]), "has 4 bytes, and had 8"),
            (Some(&b"one\nTwo\n"[..]), "is not what it was"),
            (None, "is missing"),
        ] {
            let (_runs, folder, seals) = sealed();
            for path in evidence(&folder) {
                match content {
                    Some(content) => std::fs::write(&path, content).unwrap(),
                    None => std::fs::remove_file(&path).unwrap(),
                }
            }
            let found = differences(&folder, &seals).unwrap();
            let named = found.iter().filter(|difference| difference.contains(word)).count();
            assert_eq!(named, 8, "{found:?}");
        }
    }

    #[test]
    fn a_file_that_came_later_is_named() {
        let (_runs, folder, mut seals) = sealed();
        seals.remove("samples.ndjson");
        let found = differences(&folder, &seals).unwrap();
        assert_eq!(found, ["samples.ndjson was not there when the run ended"]);
    }
}
