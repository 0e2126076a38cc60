//! Reading a threshold; what cannot be read is pointed at.

use super::{METRICS, Metric, Threshold};
use crate::{Capability, Scope};
use std::ops::Range;

/// What of a threshold cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where it stands, in bytes.
    pub at: Range<usize>,
    /// What is wrong, and what can stand there.
    pub message: String,
}

const EXAMPLES: &str = "'p99 > 50ms for sessions.read' or 'errors > 0.1%'";

pub(super) fn parse(text: &str) -> Result<Threshold, Misread> {
    let mut rest = Rest { text, at: 0 };
    let name = rest.take(|c| !c.is_whitespace() && !"<>=".contains(c));
    let metric = Metric::find(&text[name.clone()]).ok_or_else(|| match name.is_empty() {
        true => misread(&name, format!("a threshold begins with a metric, as in {EXAMPLES}")),
        false => misread(&name, unknown_metric(&text[name.clone()])),
    })?;
    let sign = rest.take(|c| "<>=!".contains(c));
    let is_strict = comparison(metric, &text[sign.clone()], &text[name])
        .map_err(|message| misread(&sign, message))?;
    let number = rest.take(|c| !c.is_whitespace());
    let limit = match number.is_empty() {
        true => Err(format!("what it must not pass is missing, as in {EXAMPLES}")),
        false => metric.parse(&text[number.clone()]),
    };
    let limit = limit.map_err(|message| misread(&number, message))?;
    let word = rest.take(|c| !c.is_whitespace());
    let scope = match &text[word.clone()] {
        "" => Scope::All,
        "for" => {
            let name = rest.take(|c| !c.is_whitespace());
            scope(&text[name.clone()]).map_err(|message| misread(&name, message))?
        }
        _ => {
            let message = "only 'for' and a capability or operation can follow, as in \
                           'for sessions.read'";
            return Err(misread(&word, message.to_owned()));
        }
    };
    if metric == Metric::Backlog
        && !matches!(scope, Scope::All | Scope::Capability(Capability::Queue))
    {
        let message = "backlog counts the jobs of the queue that wait: write 'for queue', or leave \
                       'for' out";
        return Err(misread(&(word.start..rest.at), message.to_owned()));
    }
    if !metric.can_break(limit, is_strict) {
        let message = format!(
            "nothing is {} {}, so that this is never broken",
            if metric.is_worse_above() { "above" } else { "below" },
            &text[number.clone()]
        );
        return Err(misread(&number, message));
    }
    let more = rest.take(|c| !c.is_whitespace());
    if !more.is_empty() {
        let message = "nothing can follow here; give each threshold by itself".to_owned();
        return Err(misread(&(more.start..text.trim_end().len()), message));
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Threshold { metric, limit, is_strict, scope, text })
}

/// What was not read yet.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl Rest<'_> {
    /// The next characters that fit, after blanks.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> Range<usize> {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text[start..];
        self.at = start + rest.find(|c| !fits(c)).unwrap_or(rest.len());
        start..self.at
    }
}

fn misread(at: &Range<usize>, message: String) -> Misread {
    Misread { at: at.clone(), message }
}

fn unknown_metric(name: &str) -> String {
    let names: Vec<&str> = METRICS.iter().map(|(name, ..)| *name).collect();
    format!("no metric '{name}'; there are {}", names.join(", "))
}

/// True when the sign includes the bound itself.
fn comparison(metric: Metric, sign: &str, name: &str) -> Result<bool, String> {
    let (right, wrong) = if metric.is_worse_above() { ('>', '<') } else { ('<', '>') };
    match sign.strip_prefix(right) {
        Some("") => return Ok(false),
        Some("=") => return Ok(true),
        _ => {}
    }
    Err(match sign {
        "" => format!("after '{name}' comes {right} and what it must not pass"),
        sign if [format!("{wrong}"), format!("{wrong}=")].contains(&sign.to_owned()) => format!(
            "a threshold says what must not be, and '{name}' is worse the \
             {} it is: write {right} instead of {sign}",
            if metric.is_worse_above() { "higher" } else { "lower" }
        ),
        sign => format!("'{sign}' is no comparison; write {right} or {right}="),
    })
}

fn scope(name: &str) -> Result<Scope, String> {
    let (group, action) = match name.split_once('.') {
        Some((group, action)) => (group, Some(action)),
        None => (name, None),
    };
    // "session.read" is what one would say of one of them.
    let named =
        |known: &Capability| known.name() == group || known.name().strip_suffix('s') == Some(group);
    let Some(capability) = Capability::ALL.into_iter().find(named) else {
        let names = Capability::ALL.map(Capability::name);
        return Err(format!("no capability '{group}'; there are {}", names.join(", ")));
    };
    let Some(action) = action else { return Ok(Scope::Capability(capability)) };
    let requests = capability.requests();
    match requests.iter().find(|known| known.name() == action) {
        Some(action) => Ok(Scope::Operation(capability, *action)),
        None => {
            let name = capability.name();
            let names: Vec<String> =
                requests.iter().map(|action| format!("{name}.{}", action.name())).collect();
            Err(format!("no operation '{action}' in {name}; there are {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;

    #[test]
    fn what_people_write_is_read() {
        let read = |text| Threshold::parse(text).unwrap();
        let slow = read("p99 > 50ms for session.read");
        assert_eq!((slow.metric, slow.limit), (Metric::Latency(0.99), 50e6));
        let read_of = Scope::Operation(Capability::Sessions, Action::SessionRead);
        assert_eq!(slow.scope, read_of);
        assert_eq!(slow.statement(), "p99 of sessions.read is at most 50ms");
        assert!(slow.is_broken_by(50_000_001.0) && !slow.is_broken_by(50e6));
        let errors = read("  errors>=0.1%   ");
        assert_eq!((errors.limit, errors.scope, errors.is_strict), (0.001, Scope::All, true));
        assert!(errors.is_broken_by(0.001));
        assert_eq!(errors.statement(), "errors of all requests is below 0.1%");
        let rate = read("rate < 800/s for queue");
        assert_eq!((rate.limit, rate.scope), (800.0, Scope::Capability(Capability::Queue)));
        assert!(rate.is_broken_by(799.0) && !rate.is_broken_by(801.0));
        for (name, metric, _) in METRICS {
            assert_eq!(Metric::find(name).unwrap().name(), *name);
            assert_eq!(Metric::find(name), Some(*metric));
        }
        for reachable in ["errors >= 100%", "goodput <= 0%", "backlog > 99% for queue"] {
            let threshold = read(reachable);
            let worst = if threshold.metric.is_worse_above() { 1.0 } else { 0.0 };
            assert!(threshold.is_broken_by(worst), "{reachable}");
        }
        assert_eq!((read("max > 1.5s").limit, read("p50 > 250us").limit), (1.5e9, 250e3));
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        for (text, at, word) in [
            ("", 0..0, "begins with a metric"),
            ("p98 > 5ms", 0..3, "p99.9"),
            ("p99 50ms", 4..4, "comes >"),
            ("p99 == 50ms", 4..6, "no comparison"),
            ("p99 < 50ms", 4..5, "write > instead of <"),
            ("rate > 50/s", 5..6, "write < instead of >"),
            ("p99 >", 5..5, "missing"),
            ("p99 > 50", 6..8, "unit of time"),
            ("p99 > fast", 6..10, "no time"),
            ("p99 > 99999999m", 6..15, "366d"),
            ("rate < nan", 7..10, "800/s"),
            ("rate < -1/s", 7..11, "800/s"),
            ("errors > 0.1", 9..12, "write it like 0.1%"),
            ("rate < many", 7..11, "800/s"),
            ("errors > 100%", 9..13, "never broken"),
            ("backlog > 100% for queue", 10..14, "never broken"),
            ("goodput < 0%", 10..12, "nothing is below 0%"),
            ("backlog > 5% for cache", 13..22, "for queue"),
            ("backlog > 5% for queue.submit", 13..29, "for queue"),
            ("p99 > 5ms in queue", 10..12, "only 'for'"),
            ("p99 > 5ms for", 13..13, "no capability ''"),
            ("p99 > 5ms for quue", 14..18, "queue"),
            ("p99 > 5ms for queue.read", 14..24, "queue.submit"),
            ("p99 > 5ms for queue or cache", 20..28, "by itself"),
        ] {
            let misread = Threshold::parse(text).unwrap_err();
            assert_eq!(misread.at, at, "{text}: {}", misread.message);
            assert!(misread.message.contains(word), "{text}: {}", misread.message);
        }
    }
}
