//! Where the dependencies come from and under which licences, by the list in deny.toml: the part
//! of `cargo deny` that needs no further tool, for the platform of the test.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::Command;

use redrill_tests::workspace_root;

/// The licences that deny.toml allows.
fn allowed() -> Vec<String> {
    let text = fs::read_to_string(workspace_root().join("deny.toml")).expect("deny.toml is there");
    let table: toml::Table = text.parse().expect("it is TOML");
    let list = table["licenses"]["allow"].as_array().expect("an array");
    list.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// Whether a licence expression (SPDX, with the older `/` for `OR`) can be met with these licences.
fn can_be_met(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = expression.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let met = any(words, allowed);
        return met && words.next() == Some(")");
    }
    // An exception is a licence of its own, as it is for cargo deny.
    let exception = words.next_if_eq(&"WITH").and_then(|_| words.next());
    let name = exception.map_or(word.to_owned(), |with| format!("{word} WITH {with}"));
    allowed.contains(&name)
}

/// What is wrong with a line `name version (place)|licence` of `cargo tree`.
fn complaint(line: &str, allowed: &[String]) -> Option<String> {
    let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
    let foreign =
        ["(http", "(git", "(ssh", "(registry"].iter().any(|place| package.contains(place));
    if foreign {
        Some(format!("{package} does not come from crates.io"))
    } else if !can_be_met(licence, allowed) {
        Some(format!("{package} is under {licence}, which deny.toml does not allow"))
    } else {
        None
    }
}

#[test]
fn every_dependency_comes_from_crates_io_under_an_allowed_licence() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["tree", "--workspace", "--locked", "--prefix", "none"];
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--format", "{p}|{l}"])
        .current_dir(workspace_root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(tree.contains("goose v"), "cargo tree has missed the dependencies:\n{tree}");
    let allowed = allowed();
    let complaints: BTreeSet<String> =
        tree.lines().filter_map(|line| complaint(line, &allowed)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_licence_expression_is_met_only_by_what_it_asks_for() {
    let allowed = ["MIT", "Apache-2.0", "ISC"].map(str::to_owned);
    let expressions = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("Unlicense/MIT", true),
        ("MIT AND Unicode-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR ISC) AND GPL-3.0", false),
        ("GPL-3.0 OR MIT AND GPL-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("", false),
        ("MIT)", false),
    ];
    for (expression, met) in expressions {
        assert_eq!(can_be_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn a_dependency_from_elsewhere_is_found() {
    let allowed = ["MIT".to_owned()];
    let elsewhere = "goose v0.19.0 (https://example.org/goose?rev=1#1)|MIT";
    assert!(complaint(elsewhere, &allowed).is_some_and(|what| what.contains("crates.io")));
    assert!(complaint("serde v1.0.0|", &allowed).is_some());
    assert_eq!(complaint("serde_derive v1.0.0 (proc-macro)|MIT OR Apache-2.0", &allowed), None);
    assert_eq!(complaint("redrill v0.1.0 (/some/where)|MIT (*)", &allowed), None);
}
