//! Ten thousand broken plans: each is refused with the place of what is wrong, or is a plan that
//! reads back as itself and that the schema takes.

use super::schema::tests::Validator;
use super::{KEYS, Overrides, PLANS, Plan, example};
use redrill_scenarios::random::{below, mix};
use std::panic::{AssertUnwindSafe, catch_unwind};

const PLANS_MADE: u64 = 10_000;

/// What a value is replaced with.
const VALUES: &[&str] = &[
    "0",
    "-1",
    "1",
    "1e308",
    "nan",
    "inf",
    "-0.0",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "0x7fffffffffffffff",
    "1_0",
    "true",
    "\"\"",
    "\"1s\"",
    "\"0s\"",
    "\"366d\"",
    "\"367d\"",
    "\"1ns\"",
    "\"18446744073709551615s\"",
    "\"1.5 s\"",
    "\"5%\"",
    "\"main.master\"",
    "\"\u{1f525}\"",
    "\"a\u{0301}\\u0000\"",
    "[]",
    "[[]]",
    "[\"1s\", \"2s\"]",
    "[\"kill\"]",
    "[\"server[255]\"]",
    "{}",
    "{ a = 1 }",
    "1979-05-27",
    "07:32:00",
    "'''\nx'''",
];

/// What is put between two characters.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    "#",
    "\n",
    "\r",
    "\t",
    "\0",
    ".",
    ",",
    "\\",
    "9",
    "-",
    " ",
    "\u{feff}",
    "ä",
    "\u{1f525}",
    "[[fault]]\n",
    "[chaos]\n",
    "[gate]\n",
    "= = =",
];

/// No plan that there is has this section.
const EXTERNAL: &str = r#"
[environment]
backend = "external"
[environment.external]
toxiproxy = "127.0.0.1:8474"
nodes = ["127.0.0.1:6379", "127.0.0.1:6380"]
sentinels = ["127.0.0.1:26379", "127.0.0.1:26380", "127.0.0.1:26381"]
username = "drill"
password_variable = "NODES"
[environment.external.cache]
nodes = ["127.0.0.1:6390"]
[[fault]]
kind = "down"
at = "8s"
for = "4s"
target = ["main.master", "cache"]
"#;

/// A stream of choices.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.thrown += 1;
        usize::try_from(below(mix(self.seed, self.thrown), bound.max(1) as u64)).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let places: Vec<usize> =
            text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        places[self.below(places.len())]
    }
}

/// One thing is changed.
fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // All may be gone by an earlier change.
    if lines.is_empty() {
        lines.push(String::new());
    }
    let line = dice.below(lines.len());
    match dice.below(10) {
        0 => {
            let at = dice.place(text);
            return format!("{}{}{}", &text[..at], dice.one(PIECES), &text[at..]);
        }
        1 => {
            let (one, other) = (dice.place(text), dice.place(text));
            return format!("{}{}", &text[..one.min(other)], &text[one.max(other)..]);
        }
        2 if !text.is_empty() => {
            let mut chars: Vec<char> = text.chars().collect();
            let at = dice.below(chars.len());
            chars.remove(at);
            return chars.into_iter().collect();
        }
        3 => drop(lines.remove(line)),
        4 => lines.insert(line, lines[line].clone()),
        5 => {
            let to = dice.below(lines.len());
            let moved = lines.remove(line);
            lines.insert(to.min(lines.len()), moved);
        }
        6 => {
            let key = KEYS[dice.below(KEYS.len())].name.rsplit('.').next().unwrap();
            lines.insert(line, format!("{key} = {}", dice.one(VALUES)));
        }
        7 => {
            let name = KEYS[dice.below(KEYS.len())].name.replace('X', "queue");
            let section = name.rsplit_once('.').map_or("load", |(section, _)| section).to_owned();
            lines.push(format!(
                "[{section}]\n{} = {}",
                name.rsplit('.').next().unwrap(),
                dice.one(VALUES)
            ));
        }
        _ => {
            if let Some((key, _)) = lines[line].split_once('=') {
                lines[line] = format!("{key}= {}", dice.one(VALUES));
            }
        }
    }
    lines.join("\n")
}

/// What is wrong with how a text is read; none where it is refused at a place or read well.
fn complaint(text: &str, validator: &Validator) -> Result<bool, String> {
    let plan = match Plan::parse("my.toml", text, &Overrides::default()) {
        Ok(plan) => plan.resolved,
        Err(error) => {
            let told = error.to_string();
            let mut parts = told.strip_prefix("my.toml:").unwrap_or_default().split(':');
            let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
            let lines = text.matches('\n').count() + 1;
            return match (number(), number()) {
                (Some(1..), Some(1..)) if told.contains(": ") => {
                    let line: usize = told.split(':').nth(1).unwrap().parse().unwrap();
                    if line <= lines { Ok(false) } else { Err(format!("line {line}: {told}")) }
                }
                _ => Err(format!("refused without a place: {told}")),
            };
        }
    };
    let written = plan.to_toml().map_err(|error| format!("cannot be written: {error}"))?;
    let again = Plan::parse("again", &written, &Overrides::default());
    let again = again.map_err(|error| format!("does not read back: {error}"))?.resolved;
    if again != plan {
        return Err(format!("reads back otherwise: {written}"));
    }
    match validator.refusal(text) {
        Some(refusal) => Err(format!("accepted, and refused by the schema: {refusal}")),
        None => Ok(true),
    }
}

#[test]
fn ten_thousand_broken_plans_are_refused_at_a_place_or_read_well() {
    let validator = Validator::new();
    let mut texts: Vec<String> = vec![example("mine").unwrap()];
    texts.push(EXTERNAL.to_owned());
    let external = Plan::parse("my.toml", EXTERNAL, &Overrides::default()).unwrap();
    texts.push(external.resolved.to_toml().unwrap());
    for (name, text) in PLANS {
        texts.push((*text).to_owned());
        let plan = Plan::load(name, &Overrides::default()).unwrap();
        texts.push(plan.resolved.to_toml().unwrap());
    }
    let (mut accepted, mut complaints) = (0, Vec::new());
    for seed in 0..PLANS_MADE {
        let mut dice = Dice { seed, thrown: 0 };
        let mut text = texts[dice.below(texts.len())].clone();
        for _ in 0..=dice.below(3) {
            text = mutated(&text, &mut dice);
        }
        let read = catch_unwind(AssertUnwindSafe(|| complaint(&text, &validator)));
        match read.unwrap_or_else(|_| Err("a panic".to_owned())) {
            Ok(is_accepted) => accepted += u64::from(is_accepted),
            Err(told) => complaints.push(format!("{seed}: {told}\n----\n{text}\n----")),
        }
    }
    let all = complaints.len();
    assert!(all == 0, "{all} complaints; the first:\n{}", complaints[..all.min(5)].join("\n"));
    assert!((500..PLANS_MADE - 500).contains(&accepted), "{accepted} were accepted");
}
