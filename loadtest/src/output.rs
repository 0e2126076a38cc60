//! The only file that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use anyhow::{Context as _, Result};
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Prints a line of the answer.
///
/// # Errors
/// It cannot be printed: a full disk.
pub fn line(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    printed(writeln!(out, "{text}"))
}

/// Prints a line that a service goes on without: that it cannot be printed is only told.
pub fn announce(text: &str) {
    if let Err(failure) = line(text) {
        error(&format!("{failure:#}"));
    }
}

/// What came of printing a part of the answer.
///
/// # Errors
/// It cannot be printed: a full disk.
pub fn printed(written: io::Result<()>) -> Result<()> {
    match written {
        // A reader that has gone away has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot print the answer to standard output"),
    }
}

/// Prints a line about the way to the answer.
pub fn note(text: &str) {
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Prints why there is no answer.
pub fn error(text: &str) {
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "redrill: {text}");
}

/// True when notes are read on a terminal.
pub fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// True when answers are read on a terminal that wants colour.
pub fn wants_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Columns of the terminal on which answers are read; 80 where they are not.
pub fn width() -> usize {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map_or(80, |(width, _)| usize::from(width.0))
}

/// Sends the logs of this process to standard error: `level` as `tracing` filters write it
/// (`info`, `redrill_server=debug`); one that cannot be read counts as `info`.
pub fn log(level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(level)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // Only the first call in a process has an effect, and one is enough.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
}
