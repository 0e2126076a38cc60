//! The run folder: where everything of a run lies.

use crate::{EnvironmentFacts, LogError, Report, ResolvedPlan};
use std::io;
use std::path::{Path, PathBuf};

/// Why a run folder could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The path is no run folder.
    #[error("{0} is no run folder: it has no plan.toml; give the folder that a run printed")]
    NotARun(PathBuf),
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A file's content is not what it should be.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A record log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A run folder on disk.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `<runs>/<name>` with its parts and points `<runs>/latest` at it.
    ///
    /// # Errors
    /// When the folder exists or cannot be made.
    pub fn create(runs: &Path, name: &str) -> Result<Self, RunError> {
        let path = runs.join(name);
        let make = |path: &Path, result: io::Result<()>| {
            result.map_err(|error| RunError::Io { path: path.to_owned(), error })
        };
        make(runs, std::fs::create_dir_all(runs))?;
        make(&path, std::fs::create_dir(&path))?;
        for part in ["history", "effects", "latency", "logs"] {
            make(&path, std::fs::create_dir(path.join(part)))?;
        }
        let latest = runs.join("latest");
        // A link made beside and renamed over: `latest` names a run at every moment.
        let fresh = runs.join(format!(".latest-{}", std::process::id()));
        let _ = std::fs::remove_file(&fresh);
        make(&latest, std::os::unix::fs::symlink(name, &fresh))?;
        make(&latest, std::fs::rename(&fresh, &latest))?;
        Ok(Self { path })
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// When there is no run at that path.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        if path.join("plan.toml").exists() {
            Ok(Self { path: path.to_owned() })
        } else {
            Err(RunError::NotARun(path.to_owned()))
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan as resolved.
    pub fn plan(&self) -> PathBuf {
        self.path.join("plan.toml")
    }

    /// The machine, versions and processes.
    pub fn environment(&self) -> PathBuf {
        self.path.join("environment.json")
    }

    /// The operations of the virtual users.
    pub fn operations(&self) -> PathBuf {
        self.path.join("history/operations.bin")
    }

    /// What the answers told.
    pub fn observations(&self) -> PathBuf {
        self.path.join("history/observations.bin")
    }

    /// What the service's dependencies saw.
    pub fn effects(&self) -> PathBuf {
        self.path.join("effects/calls.bin")
    }

    /// The interval logs.
    pub fn latency(&self) -> PathBuf {
        self.path.join("latency")
    }

    /// The events.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.ndjson")
    }

    /// The loads of the run's segments.
    pub fn segments(&self) -> PathBuf {
        self.path.join("segments.ndjson")
    }

    /// The samples.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples.ndjson")
    }

    /// What the checkers found.
    pub fn findings(&self) -> PathBuf {
        self.path.join("findings.json")
    }

    /// The page.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The findings for the test pages of CI services.
    pub fn junit(&self) -> PathBuf {
        self.path.join("junit.xml")
    }

    /// The verdict for a pull request.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.md")
    }

    /// What the processes printed.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Writes the plan.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write_plan(&self, plan: &ResolvedPlan) -> Result<(), RunError> {
        let content = plan.to_toml().map_err(|error| self.content(&self.plan(), &error))?;
        write_whole(&self.plan(), content.as_bytes())
    }

    /// Writes the environment's facts.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn write_environment(&self, facts: &EnvironmentFacts) -> Result<(), RunError> {
        let path = self.environment();
        let content =
            serde_json::to_vec_pretty(facts).map_err(|error| self.content(&path, &error))?;
        write_whole(&path, &content)
    }

    /// Writes the findings.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn write_findings(&self, report: &Report) -> Result<(), RunError> {
        let path = self.findings();
        let content =
            serde_json::to_vec_pretty(report).map_err(|error| self.content(&path, &error))?;
        write_whole(&path, &content)
    }

    /// Writes the page, and what CI services show of a run.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn write_report(&self, html: &str, junit: &str, summary: &str) -> Result<(), RunError> {
        write_whole(&self.report(), html.as_bytes())?;
        write_whole(&self.junit(), junit.as_bytes())?;
        write_whole(&self.summary(), summary.as_bytes())
    }

    fn content(&self, path: &Path, error: &dyn std::fmt::Display) -> RunError {
        RunError::Content { path: path.to_owned(), reason: error.to_string() }
    }
}

/// Writes a file beside and renames it, so that a reader sees the old or the new one, whole.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), RunError> {
    let fresh = path.with_extension("new");
    let written = std::fs::write(&fresh, content).and_then(|()| std::fs::rename(&fresh, path));
    written
        .inspect_err(|_| drop(std::fs::remove_file(&fresh)))
        .map_err(|error| RunError::Io { path: path.to_owned(), error })
}
