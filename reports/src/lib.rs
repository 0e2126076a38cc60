//! A run in; documents out.
//!
//! Everything here is a pure function of a [`redrill_history::RunView`] and what the checkers
//! found: no clock, no file, the same bytes for the same run. [`html`] is one self-contained page;
//! it loads nothing, runs nothing and can be read without its pictures.

mod badge;
mod chart;
mod curve;
mod doubts;
mod figure;
mod format;
mod junit;
mod page;
mod pairs;
mod panels;
mod percentiles;
mod series;
mod summary;
mod table;
mod text;
mod theme;
mod timeline;
mod witness;

#[cfg(test)]
mod tests;

pub use junit::junit_xml;
pub use page::html;
pub use panels::{PANELS, Panel};
pub use summary::{summary_line, summary_md};
