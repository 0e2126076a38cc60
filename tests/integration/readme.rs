//! The README says what is true: its tables are those of `redrill list`, its commands and folders
//! exist, and the catalogue of the plans is what redrill prints. `SNAPSHOTS=overwrite` writes them.

use std::env;
use std::fs;
use std::process::Command;

use redrill_tests::{redrill, workspace_root};

fn readme() -> String {
    fs::read_to_string(workspace_root().join("README.md")).expect("there is a README")
}

/// The texts between two marks, in order.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| Some(rest.split_once(close)?.0)).collect()
}

/// A section of `redrill list` as a table of Markdown.
fn table(list: &str, section: &str) -> String {
    let lines = list.lines().skip_while(|line| *line != section).skip(1);
    let mut table = String::from("\n\n| | |\n|---|---|\n");
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, text) = line.trim_start().split_once("  ").expect("two columns");
        table += &format!("| `{name}` | {} |\n", text.trim_start().replace('|', "\\|"));
    }
    table + "\n"
}

/// The text with the tables between `<!-- redrill list: Section -->` and `<!-- end -->` made anew.
fn with_tables(text: &str, list: &str) -> String {
    let mut fresh = text.to_owned();
    for marked in between(text, "<!-- redrill list: ", "<!-- end -->") {
        let (section, _) = marked.split_once(" -->").expect("a mark is closed on its line");
        fresh = fresh.replace(marked, &format!("{section} -->{}", table(list, section)));
    }
    fresh
}

#[test]
fn the_tables_are_those_of_redrill_list() {
    let output = Command::new(redrill()).arg("list").output().expect("redrill runs");
    let list = String::from_utf8(output.stdout).expect("UTF-8");
    holds("README.md", &with_tables(&readme(), &list));
}

#[test]
fn the_catalogue_is_that_of_redrill() {
    let output = Command::new(redrill()).args(["plan", "catalogue"]).output().expect("it runs");
    let catalogue = String::from_utf8(output.stdout).expect("UTF-8");
    holds("scenarios/plans/README.md", &catalogue);
}

/// The file has this text, or is given it.
fn holds(file: &str, fresh: &str) {
    let path = workspace_root().join(file);
    if env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(path, fresh).expect("the file can be written");
    } else {
        let text = fs::read_to_string(path).unwrap_or_default();
        assert!(fresh == text, "run SNAPSHOTS=overwrite cargo test -p redrill-tests readme");
    }
}

#[test]
fn the_plans_can_be_run() {
    let text = readme();
    let plans = between(&text, "```toml\n", "```");
    assert!(!plans.is_empty(), "the README shows no plan");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for plan in plans {
        let file = folder.path().join("plan.toml");
        fs::write(&file, plan).expect("a plan");
        let output =
            Command::new(redrill()).args(["plan", "check"]).arg(&file).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_stale_table_is_made_anew() {
    let list = "Plans\n  steady  Does it?\n\nFaults\n  kill   ends a|b\n  pause  stops\n";
    let stale = "A\n<!-- redrill list: Faults -->\n\n| `kill` | old |\n\n<!-- end -->\nB\n";
    let fresh = "A\n<!-- redrill list: Faults -->\n\n| | |\n|---|---|\n| `kill` | ends a\\|b |\n\
                 | `pause` | stops |\n\n<!-- end -->\nB\n";
    assert_eq!(with_tables(stale, list), fresh);
    assert_eq!(with_tables(fresh, list), fresh);
}

#[test]
fn the_make_targets_exist() {
    let makefile = fs::read_to_string(workspace_root().join("Makefile")).expect("a Makefile");
    let text = readme();
    for target in ["drill", "test"] {
        assert!(
            text.contains(&format!("\nmake {target} ")),
            "`make {target}` is not in the README"
        );
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
        assert!(workspace_root().join(folder).is_dir(), "{folder}/");
    }
}
