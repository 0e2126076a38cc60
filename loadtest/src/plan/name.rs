//! What a plan is called, what it asks, and for which redrill it is.

use super::file::PlanFile;
use super::place::Source;
use anyhow::Result;
use redrill_history::RunKind;
use toml::Spanned;

/// A run folder's name has the plan's in it, and file systems take 255 bytes.
const LONGEST: usize = 64;
/// A question is a line of a report.
const LONGEST_QUESTION: usize = 300;

/// The plan's name.
pub(super) fn name(written: Option<&Spanned<String>>, source: &Source<'_>) -> Result<String> {
    let Some(written) = written else { return Ok("unnamed".to_owned()) };
    plain("a plan's name, which a run folder's is made of,", written, source)
}

/// A name of letters, digits and little else.
///
/// # Errors
/// [`crate::exit::Unusable`] where it stands, with what it may be.
pub(super) fn plain(what: &str, written: &Spanned<String>, source: &Source<'_>) -> Result<String> {
    let text = written.get_ref();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && text.len() <= LONGEST && text.chars().all(is_plain) {
        return Ok(text.clone());
    }
    let message = format!(
        "{what} has 1 to {LONGEST} letters (a to z), digits, -, _ and ., and begins with a letter \
         or digit"
    );
    Err(source.at(&written.span(), &message))
}

/// The question that the plan answers; what its kind of run answers, where the plan asks nothing.
pub(super) fn question(
    file: &PlanFile,
    kind: RunKind,
    name: &str,
    source: &Source<'_>,
) -> Result<String> {
    let Some(written) = &file.question else {
        return Ok(match kind {
            RunKind::Drill if !file.fault.is_empty() => format!("What does {name} cost?"),
            RunKind::Drill | RunKind::Load => {
                format!("Does the service keep its promises under the load of {name}?")
            }
            RunKind::Capacity => {
                format!("How much of {name} does the service carry, and what is full then?")
            }
            RunKind::Gate => format!("Is the candidate worse than the base in {name}?"),
        });
    };
    let text = written.get_ref();
    let length = text.chars().count();
    if text.chars().any(char::is_control) || !(1..=LONGEST_QUESTION).contains(&length) {
        let message = format!("question must be one line of 1 to {LONGEST_QUESTION} characters");
        return Err(source.at(&written.span(), &message));
    }
    Ok(text.clone())
}

/// Refuses a plan that another redrill wrote: its words may mean something else there. What
/// differs in the last number only reads the same.
pub(super) fn version(written: Option<&Spanned<String>>, source: &Source<'_>) -> Result<()> {
    let this = env!("CARGO_PKG_VERSION");
    let Some(written) = written else { return Ok(()) };
    let wanted = written.get_ref();
    if reads_as(wanted).is_some() && reads_as(wanted) == reads_as(this) {
        return Ok(());
    }
    let message = match reads_as(wanted) {
        Some(_) => format!(
            "this plan is for redrill {wanted}, and this is redrill {this}, which may read it \
             otherwise; run it with that version, or take this line out to run it with this one"
        ),
        None => format!(
            "redrill is the version that the plan is for, such as \"{this}\", which this is; \
             correct it, or take the line out"
        ),
    };
    Err(source.at(&written.span(), &message))
}

/// The numbers of a version that change when plans do: the first, and the second below 1.0.
fn reads_as(version: &str) -> Option<(u64, u64)> {
    let numbers: Vec<u64> =
        version.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    match numbers[..] {
        [0, minor, _] => Some((0, minor)),
        [major, _, _] => Some((major, 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Overrides, Plan};
    use std::collections::BTreeSet;

    #[test]
    fn a_plan_that_asks_nothing_asks_what_its_command_answers() {
        let fault = "[[fault]]\nkind = \"restart\"\nat = \"1s\"\ntarget = [\"server[0]\"]\n";
        let question = |text: &str| {
            Plan::parse("my.toml", text, &Overrides::default()).unwrap().resolved.question
        };
        let drill = question(&format!("name = \"my\"\n{fault}"));
        assert_eq!(drill, "What does my cost?");
        let kinds = ["load", "capacity", "gate"];
        let others = kinds.map(|kind| question(&format!("kind = \"{kind}\"\n")));
        assert!(others.iter().all(|question| !question.contains("cost")), "{others:?}");
        assert_eq!(BTreeSet::from(others.clone()).len(), kinds.len(), "{others:?}");
    }
}
