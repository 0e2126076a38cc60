//! A picture with all that a reader needs who sees it, hears it or wants its numbers.

use maud::{Markup, PreEscaped, html};

/// A figure of the page.
pub(crate) struct Figure {
    /// Unique in the page.
    pub(crate) id: String,
    /// What it shows, in a few words.
    pub(crate) title: String,
    /// What is to be seen in it, for a reader who does not see it.
    pub(crate) description: String,
    /// How to read it, in one sentence.
    pub(crate) how_to_read: String,
    /// The picture as [`crate::chart::paint`] returns it.
    pub(crate) svg: String,
    /// The same as numbers.
    pub(crate) data: Markup,
}

impl Figure {
    /// The figure as a part of the page.
    pub(crate) fn markup(&self) -> Markup {
        html! {
            figure.figure id=(self.id) {
                div.scroll tabindex="0" role="region" aria-label=(self.title) {
                    (PreEscaped(self.titled_svg()))
                }
                figcaption {
                    p { strong { (self.title) ". " } (self.how_to_read) }
                    details.data {
                        summary { "The same as numbers" }
                        (self.data)
                    }
                }
            }
        }
    }

    /// The picture with its names for assistive technology, and without a size of its own: the
    /// page decides how wide it is.
    fn titled_svg(&self) -> String {
        let Self { id, title, description, svg, .. } = self;
        let (Some(view), Some(end)) = (svg.find("viewBox"), svg.find('>')) else {
            return html! { p.note { "This picture could not be drawn; its numbers are below." } }
                .into_string();
        };
        let names = html! {
            title id={ (id) "-title" } { (title) }
            desc id={ (id) "-desc" } { (description) }
        };
        format!(
            "<svg class=\"chart\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" {}>{}{}",
            &svg[view..end],
            names.into_string(),
            &svg[end + 1..]
        )
    }
}
