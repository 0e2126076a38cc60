//! A toxic on a proxy, as the API describes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use crate::api::body::{Fields, Problem};
use crate::api::error::ApiError;
use crate::scope::Scope;
use crate::toxics::{self, Attributes, Kind, Runs};

/// A direction of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Direction {
    fn parse(text: &str) -> Option<Direction> {
        match text.to_ascii_lowercase().as_str() {
            "upstream" => Some(Direction::Upstream),
            "downstream" => Some(Direction::Downstream),
            _ => None,
        }
    }
}

/// A toxic, in one version; an update makes the next version with the same `id`.
#[derive(Clone)]
pub(crate) struct Toxic {
    /// Unique on its proxy, also over time.
    pub(crate) id: u64,
    /// Counts updates.
    pub(crate) version: u64,
    pub(crate) name: String,
    pub(crate) kind: &'static Kind,
    /// None: both.
    direction: Option<Direction>,
    /// The direction as the caller wrote it.
    stream: String,
    /// The share of connections on which it acts, from 0 to 1.
    pub(crate) toxicity: f64,
    pub(crate) attributes: Attributes,
    pub(crate) scope: Scope,
    /// On how many commands it has acted, in all its versions.
    pub(crate) acted: Arc<AtomicU64>,
}

impl Toxic {
    /// A toxic from the body of a request that adds it. It has no identity yet.
    ///
    /// # Errors
    /// Upstream's refusals, in upstream's order, and attributes out of range.
    pub(crate) fn parse(given: &Fields) -> Result<Toxic, ApiError> {
        let name = given.text("name")?;
        let kind_name = given.text("type")?.unwrap_or_default();
        let stream = given.text("stream")?.unwrap_or_else(|| "downstream".into());
        let toxicity = toxicity(given)?.unwrap_or(1.0);
        let direction = match Direction::parse(&stream) {
            None if stream.eq_ignore_ascii_case("both") => None,
            None => return Err(ApiError::invalid_stream()),
            some => some,
        };
        let name = name.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{kind_name}_{stream}"));
        let kind = toxics::kind(&kind_name).ok_or_else(ApiError::invalid_toxic_type)?;
        let attributes = given.member("attributes", kind.struct_name)?;
        let attributes = Attributes::defaults(kind.attributes).merged(&attributes)?;
        (kind.check)(&attributes)?;
        let scope = Scope::parse(given)?;
        Ok(Toxic {
            id: 0,
            version: 0,
            name,
            kind,
            direction,
            stream,
            toxicity,
            attributes,
            scope,
            acted: Arc::default(),
        })
    }

    /// The same toxic under another identity.
    pub(crate) fn with_id(self, id: u64) -> Toxic {
        Toxic { id, ..self }
    }

    /// The next version, with the given attributes and toxicity in their place.
    ///
    /// # Errors
    /// A wrong type or a value out of range.
    pub(crate) fn updated(&self, given: &Fields) -> Result<Toxic, ApiError> {
        let attributes = given.member("attributes", self.kind.struct_name)?;
        let attributes = self.attributes.merged(&attributes)?;
        (self.kind.check)(&attributes)?;
        Ok(Toxic {
            version: self.version + 1,
            toxicity: toxicity(given)?.unwrap_or(self.toxicity),
            attributes,
            ..self.clone()
        })
    }

    /// Whether it acts on this direction.
    pub(crate) fn acts_on(&self, direction: Direction) -> bool {
        self.direction.is_none_or(|own| own == direction)
    }

    /// What its dice depend on beside the connection: a toxic on both directions throws them alike.
    pub(crate) fn dice(&self) -> (Option<Direction>, &str) {
        (self.direction, &self.name)
    }

    /// Whether it acts on the next connection that it meets: the dice, then the places left.
    pub(crate) fn picks(&self, draw: f64) -> bool {
        let directions = if self.direction.is_none() { 2 } else { 1 };
        draw < self.toxicity && self.scope.take_place(directions)
    }

    /// Whether it acts on commands rather than on bytes.
    pub(crate) fn acts_on_commands(&self) -> bool {
        matches!(self.kind.runs, Runs::OnCommands)
    }

    /// As the API shows it.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("attributes".into(), self.attributes.to_json());
        shown.insert("name".into(), json!(self.name));
        shown.insert("type".into(), json!(self.kind.name));
        shown.insert("stream".into(), json!(self.stream));
        shown.insert("toxicity".into(), whole_or_fraction(self.toxicity));
        self.scope.show(&mut shown);
        if self.acts_on_commands() {
            shown.insert("acted".into(), json!(self.acted.load(Ordering::Relaxed)));
        }
        Value::Object(shown)
    }
}

fn toxicity(given: &Fields) -> Result<Option<f64>, ApiError> {
    let toxicity = given.number("toxicity", "float32")?;
    match toxicity.and_then(|share| share.as_f64()) {
        Some(share) if !(0.0..=1.0).contains(&share) => {
            let message = format!("toxicity must be between 0 and 1, got {share}");
            Err(Problem(message).into())
        }
        other => Ok(other),
    }
}

/// 1.0 is shown as 1, as Go shows it.
fn whole_or_fraction(number: f64) -> Value {
    if number == 1.0 {
        json!(1)
    } else if number == 0.0 {
        json!(0)
    } else {
        json!(number)
    }
}
