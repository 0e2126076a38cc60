//! The README says what is true: its console blocks are run, its commands and folders exist.

use std::fs;
use std::process::Command;

use redrill_tests::{redrill, workspace_root};

fn readme() -> String {
    fs::read_to_string(workspace_root().join("README.md")).expect("there is a README")
}

/// The text between two marks, for each pair of marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| Some(rest.split_once(close)?.0)).collect()
}

/// A console block as it would be if its command were run now: `$ redrill …` and the output.
fn run(block: &str) -> String {
    let command = block.lines().next().unwrap_or_default();
    let arguments = command.strip_prefix("$ redrill ").expect("a block begins with `$ redrill `");
    let output = Command::new(redrill())
        .args(arguments.split(' '))
        .current_dir(workspace_root())
        .output()
        .expect("redrill runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    format!("{command}\n{}\n", said.trim_end())
}

#[test]
fn the_console_blocks_are_what_redrill_says() {
    let text = readme();
    let mut fresh = text.clone();
    for block in between(&text, "```console\n", "```") {
        fresh = fresh.replace(block, &run(block));
    }
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(workspace_root().join("README.md"), &fresh).expect("the README can be written");
    } else {
        assert!(fresh == text, "run SNAPSHOTS=overwrite cargo test -p redrill-tests readme");
    }
}

#[test]
fn the_make_targets_exist() {
    let makefile = fs::read_to_string(workspace_root().join("Makefile")).expect("a Makefile");
    let text = readme();
    let targets: Vec<&str> =
        text.match_indices("make ").filter_map(|(at, _)| text[at..].split(' ').nth(1)).collect();
    for target in ["drill", "test"] {
        assert!(targets.contains(&target), "the README does not name `make {target}`");
        assert!(makefile.contains(&format!("\n{target}: ")), "make has no target {target}");
    }
}

#[test]
fn the_folders_exist() {
    let text = readme();
    let (_, places) = text.split_once("## Where things are").expect("a section on the folders");
    let folders = between(places, "| `", "/` |");
    assert!(folders.len() >= 7, "{folders:?}");
    for folder in folders {
        assert!(workspace_root().join(folder).join("Cargo.toml").is_file(), "{folder}/");
    }
}
