//! How a proxy tells its connections what has changed, without waiting for any of their sockets.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;

use crate::cut::Cut;
use crate::toxic::Toxic;

/// What a proxy's connections obey. A change makes a new one.
#[derive(Clone, Default)]
pub(super) struct Settings {
    /// The toxics of both directions, oldest first.
    pub(super) toxics: Vec<Arc<Toxic>>,
    /// The peers that are cut off.
    pub(super) cut: Cut,
    /// The connections of before this setting are to close.
    pub(super) closing: bool,
}

/// New settings. Dropping it tells the caller of the API that they are in force here.
pub(super) struct Notice {
    pub(super) settings: Arc<Settings>,
    /// These settings, or earlier ones that were not seen, close the connection.
    pub(super) closing: bool,
    in_force: Vec<mpsc::Sender<Infallible>>,
}

/// A connection's mailbox.
#[derive(Default)]
pub(super) struct Control {
    posted: AtomicBool,
    notice: Mutex<Option<Notice>>,
    waker: AtomicWaker,
    /// From where the upstream is reached, once it is.
    pub(super) source: OnceLock<SocketAddr>,
}

impl Control {
    /// Posts settings; the sender is dropped once they are in force.
    pub(super) fn post(&self, settings: Arc<Settings>, in_force: mpsc::Sender<Infallible>) {
        let mut notice = self.notice.lock().unwrap_or_else(PoisonError::into_inner);
        let (unseen_close, mut senders) =
            notice.take().map(|earlier| (earlier.closing, earlier.in_force)).unwrap_or_default();
        senders.push(in_force);
        let closing = settings.closing || unseen_close;
        *notice = Some(Notice { settings, closing, in_force: senders });
        self.posted.store(true, Ordering::Release);
        drop(notice);
        self.waker.wake();
    }

    /// The latest settings, if they are new; otherwise the task is woken when they come.
    pub(super) fn poll_notice(&self, context: &mut Context<'_>) -> Poll<Notice> {
        self.waker.register(context.waker());
        if !self.posted.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let mut notice = self.notice.lock().unwrap_or_else(PoisonError::into_inner);
        self.posted.store(false, Ordering::Relaxed);
        notice.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Waits for new settings.
    pub(super) async fn notice(&self) -> Notice {
        poll_fn(|context| self.poll_notice(context)).await
    }
}
