//! Reasons that are worth a warning once, however often they are met.

/// The reason that was told last of something that is tried again and again.
#[derive(Default)]
pub(super) struct Told(Option<String>);

impl Told {
    /// Is this another reason than the last one?
    pub(super) fn is_news(&mut self, reason: &str) -> bool {
        let news = self.0.as_deref() != Some(reason);
        if news {
            self.0 = Some(reason.to_owned());
        }
        news
    }
}
