//! What every command that makes a run takes.

use crate::run::Settings;
use clap::{Args, value_parser};
use std::io;
use std::path::PathBuf;

/// A plan keeps its seed, and TOML no larger number.
pub(super) const LARGEST_SEED: u64 = i64::MAX.unsigned_abs();

// No doc comment: where this is flattened, clap would make it what the command is about.
#[derive(Debug, Args)]
pub(super) struct Recording {
    /// Where every random choice comes from; the same seed gives the same load, order and timeline
    #[arg(long, value_parser = value_parser!(u64).range(..=LARGEST_SEED))]
    pub(super) seed: Option<u64>,
    /// An image of Redis or Valkey, in whose containers nodes and Sentinels run (backend docker)
    #[arg(long)]
    pub(super) image: Option<String>,
    /// A file whose [environment] takes the place of the plan's: the same plan on another Redis
    #[arg(long, value_name = "FILE", conflicts_with = "image")]
    pub(super) environment: Option<PathBuf>,
    /// The folder that run folders are made in
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    runs: PathBuf,
}

impl Recording {
    /// The settings of the run.
    ///
    /// # Errors
    /// When the system does not tell where this program is.
    pub(super) fn settings(self) -> io::Result<Settings> {
        Ok(Settings { runs: self.runs, program: std::env::current_exe()? })
    }
}
