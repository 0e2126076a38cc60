//! What a plan may set of a fault with `with`.

use super::misfit::{Misfit, Part, require};
use crate::near;
use anyhow::{Context, Result, bail, ensure};
use redrill_history::{LONGEST_DURATION, PlannedFault, parse_duration, print_duration};
use std::time::Duration;
use toml::Value;

/// One setting of a kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it does, with its default.
    pub doc: &'static str,
    /// What its value is.
    pub form: Form,
}

/// What the value of a setting is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// A duration: `"250ms"`, of at least [`LEAST_TIME`]; nothing only where that is the default.
    Duration {
        /// What it is when the plan does not say; none where the plan must.
        default: Option<Duration>,
    },
    /// A whole number.
    Whole {
        /// What it is when the plan does not say; none where the plan must.
        default: Option<u64>,
        /// The least that it can be.
        least: u64,
        /// The most that it can be.
        most: u64,
    },
    /// A share, at least [`LEAST_SHARE`] and at most 1.
    Share {
        /// What it is when the plan does not say.
        default: f64,
    },
    /// One of these words, the first when the plan does not say.
    Choice(&'static [&'static str]),
    /// One of these words, or none.
    Word(&'static [&'static str]),
    /// A text in one line.
    Text {
        /// What it is when the plan does not say.
        default: &'static str,
    },
}

/// What is shorter is nothing by the proxies' clock, and would show nothing.
pub const LEAST_TIME: Duration = Duration::from_millis(1);

/// What acts on a smaller share can hardly be seen to act.
pub const LEAST_SHARE: f64 = 0.01;

impl Setting {
    /// Whether a plan must set it.
    pub fn is_required(&self) -> bool {
        matches!(self.form, Form::Duration { default: None } | Form::Whole { default: None, .. })
    }

    /// The refusal of a plan that does not set it.
    fn missing(&self, example: &str) -> anyhow::Error {
        anyhow::anyhow!("with.{} is missing: {}; write it like {example}", self.name, self.doc)
    }

    /// Its value as a duration.
    pub(super) fn duration(&self, planned: &PlannedFault) -> Result<Duration> {
        let duration = self.written_duration(planned)?;
        let may_be_nothing = self.form == Form::Duration { default: Some(Duration::ZERO) };
        let is_nothing = duration.is_zero() && may_be_nothing;
        let least = print_duration(LEAST_TIME);
        ensure!(is_nothing || duration >= LEAST_TIME, "{} must be at least {least}", self.name);
        Ok(duration)
    }

    fn written_duration(&self, planned: &PlannedFault) -> Result<Duration> {
        match (planned.with.get(self.name), self.form) {
            (Some(Value::String(text)), _) => {
                parse_duration(text).map_err(|why| anyhow::anyhow!("{}: {why}", self.name))
            }
            (Some(other), _) => {
                bail!("{} = {other} is no duration; write it like \"250ms\"", self.name)
            }
            (None, Form::Duration { default }) => default.ok_or_else(|| self.missing("\"250ms\"")),
            (None, _) => bail!("{} is no duration", self.name),
        }
    }

    /// Its value as a whole number.
    pub(super) fn whole(&self, planned: &PlannedFault) -> Result<u64> {
        let Form::Whole { default, least, most } = self.form else {
            bail!("{} is no whole number", self.name);
        };
        let Some(written) = planned.with.get(self.name) else {
            return default.ok_or_else(|| self.missing(&least.max(1).to_string()));
        };
        let number = written.as_integer().and_then(|number| u64::try_from(number).ok());
        number.filter(|number| (least..=most).contains(number)).with_context(|| {
            format!("{} = {written} is no whole number from {least} to {most}", self.name)
        })
    }

    /// Its value as a share.
    pub(super) fn share(&self, planned: &PlannedFault) -> Result<f64> {
        let value = match (planned.with.get(self.name), self.form) {
            (None, Form::Share { default }) => default,
            (Some(Value::Float(share)), _) => *share,
            (Some(Value::Integer(whole)), _) => *whole as f64,
            (other, _) => {
                let other = other.map(Value::to_string).unwrap_or_default();
                bail!("{} = {other} is no number from {LEAST_SHARE} to 1", self.name)
            }
        };
        let is_share = (LEAST_SHARE..=1.0).contains(&value);
        ensure!(is_share, "{} = {value} is not from {LEAST_SHARE} to 1", self.name);
        Ok(value)
    }

    /// Its value as a text, which is one of the words where there is a choice.
    pub(super) fn text<'a>(&self, planned: &'a PlannedFault) -> Result<&'a str> {
        let text = match (planned.with.get(self.name), self.form) {
            (None, Form::Choice(words)) => words.first().copied().unwrap_or_default(),
            (None, Form::Word(_)) => "",
            (None, Form::Text { default }) => default,
            (Some(Value::String(text)), _) => text,
            (other, _) => {
                let other = other.map(Value::to_string).unwrap_or_default();
                bail!("{} = {other} is no text in quotation marks", self.name)
            }
        };
        let is_left_out = !planned.with.contains_key(self.name);
        if let Form::Choice(words) | Form::Word(words) = self.form
            && !is_left_out
        {
            let known = words.join(", ");
            let hint = near::hint(text, words.iter().copied());
            let hint = if hint.is_empty() { hint } else { format!("; {}", hint.trim_end()) };
            ensure!(words.contains(&text), "{} = \"{text}\" is none of {known}{hint}", self.name);
        }
        ensure!(!text.contains(['\r', '\n']), "{} must be one line", self.name);
        Ok(text)
    }
}

/// Whether a plan sets what there is, to values that it can have.
pub(super) fn check(
    kind: &str,
    settings: &[Setting],
    planned: &PlannedFault,
) -> Result<(), Misfit> {
    for name in planned.with.keys() {
        let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
        let known = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        require(names.contains(&name.as_str()), Part::Setting(name.clone()), || {
            let hint = near::hint(name, names.iter().copied());
            format!("{kind} has no setting \"{name}\"; {hint}with takes {known}")
        })?;
    }
    let lasts = planned.lasts.unwrap_or(LONGEST_DURATION);
    for setting in settings {
        let part = || Part::Setting(setting.name.to_owned());
        let read = match setting.form {
            Form::Duration { .. } => setting.duration(planned),
            Form::Whole { .. } => setting.whole(planned).map(|_| Duration::ZERO),
            Form::Share { .. } => setting.share(planned).map(|_| Duration::ZERO),
            Form::Choice(_) | Form::Word(_) | Form::Text { .. } => {
                setting.text(planned).map(|_| Duration::ZERO)
            }
        };
        let duration = read.map_err(|error| Misfit::new(part(), error))?;
        // What comes later than the fault is over is never seen.
        require(duration <= lasts, part(), || {
            let (duration, lasts) = (print_duration(duration), print_duration(lasts));
            format!("{} = {duration} is longer than the fault lasts, {lasts}", setting.name)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::find;
    use std::collections::BTreeMap;

    fn of(kind: &str, with: &[(&str, Value)]) -> Result<(), String> {
        let with = with.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let planned = PlannedFault {
            kind: kind.to_owned(),
            lasts: Some(Duration::from_secs(1)),
            with: BTreeMap::from_iter(with),
            ..PlannedFault::example()
        };
        find(kind).unwrap().check(&planned).map_err(|misfit| misfit.message)
    }

    fn latency(with: &[(&str, Value)]) -> Result<(), String> {
        of("latency", with)
    }

    #[test]
    fn whole_numbers_are_within_their_bounds() {
        let rate = |value: Value| of("bandwidth", &[("rate", value)]);
        assert_eq!(rate(16.into()), Ok(()));
        assert!(of("bandwidth", &[]).unwrap_err().contains("with.rate is missing"));
        for wrong in [Value::Integer(0), Value::Integer(-1), Value::Float(1.5)] {
            assert!(rate(wrong).unwrap_err().contains("no whole number from 1 to"));
        }
    }

    #[test]
    fn durations_are_text_with_a_unit_and_shares_are_shares() {
        let text = || Value::String("250ms".to_owned());
        assert_eq!(latency(&[("latency", text())]), Ok(()));
        assert_eq!(latency(&[("latency", text()), ("jitter", "5ms".into())]), Ok(()));
        for nothing in ["0s", "1us", "999us"] {
            let told = latency(&[("latency", nothing.into())]).unwrap_err();
            assert!(told.contains("must be at least 1ms"), "{nothing}: {told}");
        }
        assert!(latency(&[("latency", 5.into())]).unwrap_err().contains("no duration"));
        assert!(latency(&[]).unwrap_err().contains("with.latency is missing"));
        assert!(latency(&[("latency", (-1).into())]).unwrap_err().contains("no duration"));
        assert!(latency(&[("latency", true.into())]).unwrap_err().contains("no duration"));
        let toxic = |share: f64| latency(&[("latency", text()), ("toxicity", share.into())]);
        assert_eq!(toxic(0.5), Ok(()));
        for share in [0.0, 1.5, f64::NAN] {
            assert!(toxic(share).unwrap_err().contains("from 0.01 to 1"));
        }
        let stream = |word: &str| latency(&[("latency", text()), ("stream", word.into())]);
        assert_eq!(stream("both"), Ok(()));
        assert!(stream("sideways").unwrap_err().contains("none of downstream, upstream, both"));
        let late = |value: Value| latency(&[("latency", value)]).unwrap_err();
        assert!(late("1100ms".into()).contains("longer than the fault lasts, 1s"));
        assert!(late("1000000d".into()).contains("366d"));
        let unknown = latency(&[("latency", text()), ("latnecy", text())]).unwrap_err();
        assert_eq!(
            unknown,
            "latency has no setting \"latnecy\"; did you mean 'latency'? with takes latency, \
             jitter, stream, toxicity"
        );
    }
}
