//! Work that must not be left half done when whoever asked for it hangs up: hyper drops a request
//! whose client is gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use tracing::Instrument as _;

/// Done by whoever waits for it and, where nobody waits any more, by a task of its own. Not spawned
/// from the start: two changes of tasks cost more than most of the work itself.
pub(crate) struct ToTheEnd<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

/// Has `work` done to its end.
pub(crate) fn to_the_end<F>(work: F) -> ToTheEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    ToTheEnd(Some(Box::pin(work)))
}

impl<F> Future for ToTheEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F> Drop for ToTheEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        let (Some(rest), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(rest.in_current_span());
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_done_all_the_same() {
        let (go_on, gone_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let work = to_the_end(async move {
            gone_on.await.expect("somebody says so");
            done.send(()).expect("the test waits");
        });
        let task = tokio::spawn(work);
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()), "the caller hung up");
        go_on.send(()).expect("it waits");
        is_done.await.expect("it was done");
    }

    #[tokio::test]
    async fn whoever_waits_has_what_it_gives() {
        assert_eq!(to_the_end(async { 7 }).await, 7);
    }
}
