//! Where in a file something is wrong.

use super::words;
use crate::exit::unusable;
use std::ops::Range;

/// A text and what messages call it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) label: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// A refusal that points at a part of the text.
    pub(super) fn at(&self, span: &Range<usize>, message: &str) -> anyhow::Error {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        let shown = self.text.lines().nth(line - 1).unwrap_or_default();
        let width = self.text.get(span.clone()).map_or(1, |part| part.chars().count());
        let width = width.clamp(1, (shown.chars().count() + 1).saturating_sub(column).max(1));
        unusable(format!(
            "{}:{line}:{column}: {message}\n  {line} | {shown}\n  {:pad$} | {:skip$}{}",
            self.label,
            "",
            "",
            "^".repeat(width),
            pad = line.to_string().len(),
            skip = column - 1,
        ))
    }

    /// A refusal by the TOML reader.
    pub(super) fn toml(&self, error: &toml::de::Error) -> anyhow::Error {
        match error.span() {
            Some(span) => self.at(&span, &words::plain(error.message())),
            None => self.whole(&words::plain(error.message())),
        }
    }

    /// A refusal of something that stands at no one place.
    pub(super) fn whole(&self, message: &str) -> anyhow::Error {
        unusable(format!("{}: {message}", self.label))
    }
}
