//! SIGINT, SIGTERM and SIGHUP: the first ends the run in order, the second at once.
//!
//! The handler must be set before goose sets its own: goose's would end the process on the second
//! signal with a code of its own. Only one handler can be set through the `ctrlc` crate, so that
//! the first to come keeps the place.

use anyhow::{Context as _, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// Tells whether the run was interrupted; cheap to clone.
#[derive(Clone, Debug)]
pub struct Interrupt {
    seen: watch::Receiver<bool>,
}

static SENDER: OnceLock<watch::Sender<bool>> = OnceLock::new();

impl Interrupt {
    /// Sets the handler, which says `saying` on the first signal; a second call shares the first
    /// one's.
    ///
    /// # Errors
    /// When the system refuses the handler.
    pub fn install(saying: &'static str) -> Result<Self> {
        let mut fresh = false;
        let sender = SENDER.get_or_init(|| {
            fresh = true;
            watch::channel(false).0
        });
        if fresh {
            let signals = Arc::new(AtomicUsize::new(0));
            ctrlc::set_handler(move || {
                if signals.fetch_add(1, Ordering::SeqCst) > 0 {
                    // Everything recorded is on disk, and the guardian ends what was started.
                    std::process::exit(i32::from(crate::exit::Exit::Inconclusive.code()));
                }
                crate::output::note(saying);
                if let Some(sender) = SENDER.get() {
                    sender.send_replace(true);
                }
            })
            .context("cannot handle SIGINT and SIGTERM")?;
        }
        Ok(Self { seen: sender.subscribe() })
    }

    /// True after the first signal.
    pub fn is_set(&self) -> bool {
        *self.seen.borrow()
    }

    /// Waits for the first signal.
    pub async fn wait(&self) {
        let mut seen = self.seen.clone();
        // The sender is static: this ends only when the value is true.
        let _ = seen.wait_for(|interrupted| *interrupted).await;
    }
}
