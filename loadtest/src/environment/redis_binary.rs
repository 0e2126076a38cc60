//! Finding Redis, and saying what to do where there is none.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest version that serves: `bind-source-addr` came with 7.0.
const OLDEST: u32 = 7;
/// The executables that serve, the first found wins. Either is a Sentinel with `--sentinel`.
pub(super) const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// Why there is no usable Redis: a missing prerequisite (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum RedisMissing {
    /// None is on the PATH.
    #[error(
        "there is no redis-server on the PATH; install Redis 7 or later (make setup, or your \
         package manager's redis-server or redis package)"
    )]
    NotFound,
    /// The one on the PATH is too old.
    #[error(
        "{path} is version {version}; redrill needs 7.0 or later: install a newer Redis, or put \
         its folder first on the PATH"
    )]
    TooOld {
        /// The executable.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// It does not run, or does not say its version.
    #[error("{path} --version does not tell a version ({reason}); is it really a Redis server?")]
    Unusable {
        /// The executable.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// A Redis (or Valkey) server that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisBinary {
    /// The executable.
    pub path: PathBuf,
    /// Its version, as in `7.0.15` or `8.0.1 (Valkey)`.
    pub version: String,
    /// The image that it is in; none where it is on this machine.
    pub image: Option<String>,
}

impl RedisBinary {
    /// The first on this `PATH`.
    ///
    /// # Errors
    /// There is none, or the first is too old or does not run.
    pub fn find(search: &OsStr) -> Result<Self, RedisMissing> {
        let folders: Vec<PathBuf> = std::env::split_paths(search).collect();
        let candidates =
            NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let path = candidates.into_iter().find(|path| path.is_file());
        Self::check(&path.ok_or(RedisMissing::NotFound)?)
    }

    fn check(path: &Path) -> Result<Self, RedisMissing> {
        let unusable = |reason| RedisMissing::Unusable { path: path.to_owned(), reason };
        let output = Command::new(path).arg("--version").output();
        let output = output.map_err(|error| unusable(error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Self::said(path, &said)
    }

    /// The executable by what it says of its version.
    ///
    /// # Errors
    /// It is too old, or says none.
    pub(super) fn said(path: &Path, said: &str) -> Result<Self, RedisMissing> {
        let path = path.to_owned();
        match version(said) {
            None => Err(RedisMissing::Unusable { path, reason: said.to_owned() }),
            Some((version, major)) if major < OLDEST => Err(RedisMissing::TooOld { path, version }),
            Some((version, _)) => Ok(Self { path, version, image: None }),
        }
    }
}

/// The version and its first number in `Redis server v=7.0.15 sha=…`; Valkey says its own name.
fn version(said: &str) -> Option<(String, u32)> {
    let number = said.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let major = number.split('.').next()?.parse().ok()?;
    let is_valkey = said.starts_with("Valkey");
    Some((if is_valkey { valkey(number) } else { number.to_owned() }, major))
}

/// The version of a Valkey, told from one of Redis.
pub(super) fn valkey(number: &str) -> String {
    format!("{number} (Valkey)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder with a `redis-server` that says this.
    fn folder_with(says: &str) -> tempfile::TempDir {
        folder_of("redis-server", says)
    }

    fn folder_of(program: &str, says: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(program);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn a_new_server_is_found_and_an_old_or_missing_one_explained() {
        let new = folder_with("Redis server v=7.2.4 sha=0:1 malloc=libc bits=64");
        let found = RedisBinary::find(new.path().as_os_str()).unwrap();
        assert_eq!(found.version, "7.2.4");
        let old = folder_with("Redis server v=6.2.14 sha=0:1");
        let told = RedisBinary::find(old.path().as_os_str()).unwrap_err().to_string();
        assert!(told.contains("6.2.14") && told.contains("7.0 or later"), "{told}");
        let other = folder_with("hello");
        let told = RedisBinary::find(other.path().as_os_str()).unwrap_err().to_string();
        assert!(told.contains("hello"), "{told}");
        let empty = tempfile::tempdir().unwrap();
        let told = RedisBinary::find(empty.path().as_os_str()).unwrap_err().to_string();
        assert!(told.contains("install Redis 7"), "{told}");
    }

    #[test]
    fn a_valkey_is_found_under_either_name_and_told_from_a_redis() {
        for program in NAMES {
            let folder = folder_of(program, "Valkey server v=8.0.1 sha=00000000:0 malloc=libc");
            let found = RedisBinary::find(folder.path().as_os_str()).unwrap();
            assert_eq!(found.version, "8.0.1 (Valkey)");
            assert_eq!(found.path, folder.path().join(program));
        }
    }
}
