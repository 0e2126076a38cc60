//! The mark of a run: what it makes bears it, so that nothing else is ever ended or removed for it.

use redrill_history::clock::wall_now;
use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What the names of a run's folder, containers and toxics begin with.
pub(super) const PRODUCT: &str = "redrill-";
/// The variable in which a process of the run finds the mark.
pub(super) const VARIABLE: &str = "REDRILL_RUN";
/// The file that holds the mark in the run's temporary folder.
const FILE: &str = ".redrill-run";

/// A mark that no other run has: when it was made, and by which process.
pub(super) fn new() -> String {
    let since = wall_now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since.as_nanos(), std::process::id())
}

/// Marks a folder.
pub(super) fn put(folder: &Path, mark: &str) -> io::Result<()> {
    fs::write(folder.join(FILE), mark)
}

/// Whether a folder is one that the run of this mark has made.
pub(super) fn is_on(folder: &Path, mark: &str) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir());
    let found = fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    is_folder && name.starts_with(PRODUCT) && !mark.is_empty() && found == mark
}

/// Removes a marked folder, the mark last: what is cut short can be done again.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == FILE {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    fs::remove_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_runs_by_its_name_and_its_mark_alone() {
        let place = tempfile::tempdir().unwrap();
        let [own, theirs, other, named, link] =
            ["redrill-a", "redrill-b", "redrill-c", "d", "redrill-e"]
                .map(|name| place.path().join(name));
        for folder in [&own, &theirs, &other, &named] {
            fs::create_dir(folder).unwrap();
        }
        std::os::unix::fs::symlink(&own, &link).unwrap();
        let mark = new();
        for (folder, mark) in [(&own, mark.as_str()), (&other, "1-1"), (&named, &mark)] {
            put(folder, mark).unwrap();
        }
        let found = [&own, &theirs, &other, &named, &link].map(|folder| is_on(folder, &mark));
        assert_eq!(found, [true, false, false, false, false]);
        assert!(!is_on(&theirs, ""));
        fs::create_dir(own.join("node-0")).unwrap();
        remove(&own).unwrap();
        assert!(!own.exists());
    }
}
