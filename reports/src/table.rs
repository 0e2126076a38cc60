//! A table: head cells with a scope, numbers to the right, scrolling within itself.

use maud::{Markup, html};

/// A column's head.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    /// Words, to the left.
    Words(&'static str),
    /// Numbers, to the right.
    Number(&'static str),
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Words(name) | Self::Number(name) => name,
        }
    }

    const fn class(self) -> Option<&'static str> {
        match self {
            Self::Words(_) => None,
            Self::Number(_) => Some("number"),
        }
    }
}

/// A table whose first column names the row.
pub(crate) fn table(caption: &str, columns: &[Column], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr {
                    @for column in columns {
                        th scope="col" class=[column.class()] { (column.name()) }
                    }
                } }
                tbody { @for row in rows { tr {
                    @for (index, (cell, column)) in row.iter().zip(columns).enumerate() {
                        @if index == 0 { th scope="row" class=[column.class()] { (cell) } }
                        @else { td class=[column.class()] { (cell) } }
                    }
                } } }
            }
        }
    }
}
