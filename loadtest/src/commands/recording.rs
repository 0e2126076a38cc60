//! What every command that makes a run takes.

use crate::run::Settings;
use clap::Args;
use std::io;
use std::path::PathBuf;

// No doc comment: where this is flattened, clap would make it what the command is about.
#[derive(Debug, Args)]
pub(super) struct Recording {
    /// Where every random choice comes from; the same seed gives the same load, order and timeline
    #[arg(long)]
    pub(super) seed: Option<u64>,
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
