//! Reasons that are worth a warning once, however often they are met.

/// The reason that was told last of something that is tried again and again.
#[derive(Default)]
pub(crate) struct Told(Option<String>);

impl Told {
    /// Is this another reason than the last one?
    pub(crate) fn is_news(&mut self, reason: &str) -> bool {
        let news = self.0.as_deref() != Some(reason);
        if news {
            self.0 = Some(reason.to_owned());
        }
        news
    }
}

/// Says why something failed that is tried again: aloud if `reason` is news to `told`. What stands
/// before the message are the fields of the event, as tracing has them.
macro_rules! tell {
    ($told:expr, $reason:expr, $($event:tt)+) => {
        if $told.is_news($reason) {
            tracing::warn!($($event)+);
        } else {
            tracing::debug!($($event)+);
        }
    };
}
pub(crate) use tell;
