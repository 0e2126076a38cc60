//! What a plan may set of a fault with `with`.

use super::misfit::{Misfit, Part, require};
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
    /// A duration: `"250ms"`, or a whole number of milliseconds.
    Duration {
        /// What it is when the plan does not say; none where the plan must.
        default: Option<Duration>,
    },
    /// A share from 0 to 1; 1 when the plan does not say.
    Share,
}

/// On how many connections a toxic acts.
pub(super) const TOXICITY: Setting = Setting {
    name: "toxicity",
    doc: "share of the connections on which it acts, from 0 to 1; 1 by default",
    form: Form::Share,
};

impl Setting {
    /// Whether a plan must set it.
    pub fn is_required(&self) -> bool {
        self.form == Form::Duration { default: None }
    }

    /// Its value as a duration.
    pub(super) fn duration(&self, planned: &PlannedFault) -> Result<Duration> {
        match (planned.with.get(self.name), self.form) {
            (Some(Value::String(text)), _) => {
                parse_duration(text).map_err(|why| anyhow::anyhow!("{}: {why}", self.name))
            }
            (Some(Value::Integer(millis)), _) if *millis >= 0 => {
                let duration = Duration::from_millis(millis.unsigned_abs());
                ensure!(
                    duration <= LONGEST_DURATION,
                    "{} = {millis} is too long: no duration can be longer than 366d",
                    self.name
                );
                Ok(duration)
            }
            (Some(other), _) => bail!(
                "{} = {other} is no duration; write it like \"250ms\", or in whole milliseconds",
                self.name
            ),
            (None, Form::Duration { default }) => default.with_context(|| {
                format!("with.{} is missing: {}; write it like \"250ms\"", self.name, self.doc)
            }),
            (None, Form::Share) => bail!("{} is no duration", self.name),
        }
    }

    /// Its value as a share.
    pub(super) fn share(&self, planned: &PlannedFault) -> Result<f64> {
        let value = match planned.with.get(self.name) {
            None => 1.0,
            Some(Value::Float(share)) => *share,
            Some(Value::Integer(whole)) => *whole as f64,
            Some(other) => bail!("{} = {other} is no number from 0 to 1", self.name),
        };
        ensure!((0.0..=1.0).contains(&value), "{} = {value} is not from 0 to 1", self.name);
        Ok(value)
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
            format!("{kind} has no setting \"{name}\"; with takes {known}")
        })?;
    }
    let lasts = planned.lasts.unwrap_or(LONGEST_DURATION);
    for setting in settings {
        let part = || Part::Setting(setting.name.to_owned());
        let read = match setting.form {
            Form::Duration { .. } => setting.duration(planned),
            Form::Share => setting.share(planned).map(|_| Duration::ZERO),
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

    fn latency(with: &[(&str, Value)]) -> Result<(), String> {
        let with = with.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let planned = PlannedFault {
            kind: "latency".to_owned(),
            lasts: Some(Duration::from_secs(1)),
            with: BTreeMap::from_iter(with),
            ..PlannedFault::example()
        };
        find("latency").unwrap().check(&planned).map_err(|misfit| misfit.message)
    }

    #[test]
    fn durations_are_text_or_milliseconds_and_shares_are_shares() {
        let text = || Value::String("250ms".to_owned());
        assert_eq!(latency(&[("latency", text())]), Ok(()));
        assert_eq!(latency(&[("latency", 250.into()), ("jitter", text())]), Ok(()));
        assert!(latency(&[]).unwrap_err().contains("with.latency is missing"));
        assert!(latency(&[("latency", (-1).into())]).unwrap_err().contains("no duration"));
        assert!(latency(&[("latency", true.into())]).unwrap_err().contains("no duration"));
        let toxic = |share: f64| latency(&[("latency", text()), ("toxicity", share.into())]);
        assert_eq!(toxic(0.5), Ok(()));
        assert!(toxic(1.5).unwrap_err().contains("from 0 to 1"));
        assert!(toxic(f64::NAN).unwrap_err().contains("from 0 to 1"));
        let late = |value: Value| latency(&[("latency", value)]).unwrap_err();
        assert!(late("1100ms".into()).contains("longer than the fault lasts, 1s"));
        assert!(late(i64::MAX.into()).contains("366d"));
        assert!(late("1000000d".into()).contains("366d"));
        let unknown = latency(&[("latency", text()), ("latnecy", text())]).unwrap_err();
        assert_eq!(
            unknown,
            "latency has no setting \"latnecy\"; with takes latency, jitter, toxicity"
        );
    }
}
