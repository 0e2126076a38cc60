//! What instances in this test say in their log.

use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing::subscriber::DefaultGuard;

/// What is logged, once it is followed.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Follows all that this thread logs, for as long as the guard is held.
    pub(crate) fn follow(&self, level: Level) -> DefaultGuard {
        let writer = self.clone();
        let format = tracing_subscriber::fmt().with_ansi(false).with_max_level(level);
        let subscriber = format.with_writer(move || writer.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("no test panics here");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Lines that have all of these parts.
    pub(crate) fn count(&self, parts: &[&str]) -> usize {
        self.text().lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
