//! How a proxy takes connections: extensions of the API, all optional.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::body::{Fields, Problem};

/// The longest delay of an accept: an hour, in milliseconds.
const MOST_MS: i64 = 3_600_000;

/// How a proxy takes connections. By default at once, and closing what the upstream refuses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manners {
    /// Connections are refused when the upstream refuses them.
    pub(super) refuse: bool,
    /// How long after a client was accepted the upstream is dialled.
    pub(super) accept_delay: Duration,
}

impl Manners {
    /// These manners with the given ones in their place: `refuse` and `accept_delay_ms`.
    ///
    /// # Errors
    /// A wrong type or a delay out of range.
    pub(crate) fn merged(self, given: &Fields) -> Result<Manners, Problem> {
        let delay_ms = given.whole("accept_delay_ms", "int64")?.and_then(|number| number.as_i64());
        let accept_delay = match delay_ms {
            None => self.accept_delay,
            Some(ms) if (0..=MOST_MS).contains(&ms) => Duration::from_millis(ms.unsigned_abs()),
            Some(ms) => {
                let message = format!("accept_delay_ms must be between 0 and {MOST_MS}, got {ms}");
                return Err(Problem(message));
            }
        };
        Ok(Manners { refuse: given.boolean("refuse")?.unwrap_or(self.refuse), accept_delay })
    }

    /// Adds what is set to what the API shows.
    pub(super) fn show(self, shown: &mut Value) {
        if self.refuse {
            shown["refuse"] = json!(true);
        }
        if !self.accept_delay.is_zero() {
            shown["accept_delay_ms"] = json!(self.accept_delay.as_millis() as u64);
        }
    }
}
