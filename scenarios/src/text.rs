//! How the harness's numbers are written in what the service is sent, and read back.

/// The text of a cache key's prompt. Two keys in a row share a prompt and differ in the model.
pub fn prompt(key: u64) -> String {
    format!("redrill:prompt:{}", key / 2)
}

/// The model that a cache key asks.
pub const fn model(key: u64) -> &'static str {
    if key.is_multiple_of(2) { "model-a" } else { "model-b" }
}

/// The text that a job carries as its prompt or subject.
pub fn job(number: u64) -> String {
    format!("redrill:job:{number}")
}

/// A user's name.
pub fn user(number: u64) -> String {
    format!("redrill-user-{number}")
}

/// What the played model API answers: a pure function of what it was asked, so that an answer
/// tells which question it belongs to.
pub fn answer(prompt: &str, model: &str) -> String {
    format!("answer of {model} to {prompt}")
}

/// The cache key that an answer belongs to; `None` for one that the model API never gives.
pub fn key_of_answer(answer: &str) -> Option<u64> {
    let (model, prompt) = answer.strip_prefix("answer of ")?.split_once(" to ")?;
    let number = prompt.strip_prefix("redrill:prompt:")?.parse::<u64>().ok()?;
    match model {
        "model-a" => Some(number * 2),
        "model-b" => Some(number * 2 + 1),
        _ => None,
    }
}

/// The cache key of a prompt and model as the model API was asked.
pub fn key_of_prompt(prompt: &str, model: &str) -> Option<u64> {
    key_of_answer(&answer(prompt, model))
}

/// The job of a text made by [`job`].
pub fn job_of(text: &str) -> Option<u64> {
    text.strip_prefix("redrill:job:")?.parse().ok()
}

/// The user of a name made by [`user`].
pub fn user_of(text: &str) -> Option<u64> {
    text.strip_prefix("redrill-user-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_its_number() {
        for number in [0, 1, 7, 1 << 40] {
            assert_eq!(key_of_answer(&answer(&prompt(number), model(number))), Some(number));
            assert_eq!(job_of(&job(number)), Some(number));
            assert_eq!(user_of(&user(number)), Some(number));
        }
        assert_eq!(key_of_answer("answer of model-c to redrill:prompt:1"), None);
        assert_eq!(user_of("somebody"), None);
    }
}
