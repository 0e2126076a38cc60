//! A file that no module declares is dead, though it looks alive.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule =
    Rule { says: "Every .rs file is declared by the module above it.", check };

/// Files that cargo itself finds.
const ROOTS: &[&str] = &["lib.rs", "main.rs", "build.rs"];

fn check(tree: &Tree) -> Vec<Complaint> {
    let undeclared = |file: &&File| !is_root(file) && !is_declared(tree, file);
    let complaint = |file: &File| Complaint {
        path: file.path.clone(),
        line: 1,
        what: format!("no `mod {};` above it", module(file).1),
    };
    tree.sources().filter(undeclared).map(complaint).collect()
}

fn is_root(file: &File) -> bool {
    let folders = ["src/bin", "examples", "benches"];
    ROOTS.contains(&file.name()) || folders.iter().any(|folder| file.folder().ends_with(folder))
}

/// The folder in which the file is a module, and the module's name.
fn module(file: &File) -> (&str, &str) {
    match file.name() {
        "mod.rs" => file.folder().rsplit_once('/').unwrap_or(("", file.folder())),
        name => (file.folder(), name.trim_end_matches(".rs")),
    }
}

fn is_declared(tree: &Tree, file: &File) -> bool {
    let (folder, name) = module(file);
    let parents = [
        format!("{folder}/mod.rs"),
        format!("{folder}.rs"),
        format!("{folder}/lib.rs"),
        format!("{folder}/main.rs"),
    ];
    parents
        .iter()
        .filter_map(|path| tree.get(path))
        .any(|parent| !parent.tokens.find(&format!("mod {name} ;")).is_empty())
}

#[test]
fn an_undeclared_file_is_found_in_every_layout() {
    let files = [
        ("a/src/lib.rs", "mod toxics; pub(crate) mod clock; // mod dead;"),
        ("a/src/clock.rs", ""),
        ("a/src/dead.rs", ""),
        ("a/src/toxics/mod.rs", "mod latency;"),
        ("a/src/toxics/latency.rs", "#[cfg(test)] mod tests;"),
        ("a/src/toxics/latency/tests.rs", ""),
        ("a/src/toxics/slicer.rs", ""),
        ("a/src/faults/mod.rs", ""),
    ];
    let expected = [
        "a/src/dead.rs:1: no `mod dead;` above it",
        "a/src/faults/mod.rs:1: no `mod faults;` above it",
        "a/src/toxics/slicer.rs:1: no `mod slicer;` above it",
    ];
    assert_eq!(RULE.complaints(&files), expected);
}
