//! What a job asks for: what its data must be, and how it is done.

use serde_json::{Map, Value, json};

use super::Definition;
use crate::cache::question;
use crate::error::Error;
use crate::upstream::{OnBehalf, Question, Upstream};

/// A job's data.
pub(super) type Data = Map<String, Value>;

/// What a job asks for.
pub(super) enum Work {
    /// An answer of the model.
    Ask(Question),
    /// A mail with all of the data.
    Send,
}

/// Reads the data of `generate-response`: what `POST /api/llm/generate` takes, and anything else.
pub(super) fn ask(data: &Data) -> Result<Work, Error> {
    let prompt = text(data, "prompt")?.unwrap_or_default().to_owned();
    let model = text(data, "model")?.map(ToOwned::to_owned);
    let temperature = field(data, "temperature", "a number", Value::as_f64)?;
    let max_tokens = field(data, "maxTokens", "a whole number, 0 or more", Value::as_u64)?;
    question(prompt, model, temperature, max_tokens).map(Work::Ask)
}

/// Reads the data of `send-email`: `to`, perhaps `subject` and `body`, and anything else.
pub(super) fn send(data: &Data) -> Result<Work, Error> {
    if text(data, "to")?.is_none_or(str::is_empty) {
        return Err(Error::field("to", "to must be a text that is not empty"));
    }
    text(data, "subject")?;
    text(data, "body")?;
    Ok(Work::Send)
}

fn text<'a>(data: &'a Data, name: &'static str) -> Result<Option<&'a str>, Error> {
    field(data, name, "a text", Value::as_str)
}

/// A field that may be left out, or be null.
fn field<'a, T>(
    data: &'a Data,
    name: &'static str,
    must_be: &str,
    read: fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, Error> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::field(name, format!("{name} must be {must_be}"))),
        },
    }
}

impl Definition {
    /// Reads the data of one of its jobs.
    ///
    /// # Errors
    /// The field that is not as it must be.
    pub(super) fn read(&self, data: &Data) -> Result<Work, Error> {
        (self.work)(data).map_err(|error| error.within("data"))
    }

    /// Does the job and gives its result.
    ///
    /// # Errors
    /// Why the attempt failed, in words.
    pub(super) async fn perform(
        &self,
        data: &Data,
        upstream: &Upstream,
        call: &OnBehalf<'_>,
    ) -> Result<Value, String> {
        // Stored by this service, and perhaps by one that asked less of it.
        match self.read(data).map_err(|error| error.to_string())? {
            Work::Ask(question) => {
                let response = upstream.generate(&question, Some(call)).await?;
                Ok(json!({ "response": response }))
            }
            Work::Send => {
                upstream.mail(data, call).await?;
                Ok(json!({ "sent": true }))
            }
        }
    }
}
