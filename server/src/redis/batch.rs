//! A task that writes for many lets them speak first.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls the future one turn later than it is woken. Without that the task that drives a connection
/// runs right after each command is handed to it, and writes it alone; so it runs after everybody
/// else who is ready, and writes all their commands at once. When nobody else is ready it costs one
/// poll.
pub(super) struct LetOthersFirst<F> {
    driver: Pin<Box<F>>,
    yielded: bool,
}

impl<F: Future> LetOthersFirst<F> {
    pub(super) fn new(driver: F) -> Self {
        Self { driver: Box::pin(driver), yielded: false }
    }
}

impl<F: Future> Future for LetOthersFirst<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.yielded = !self.yielded;
        if self.yielded {
            // Waking itself puts a task behind all that are ready.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.driver.as_mut().poll(context)
    }
}
