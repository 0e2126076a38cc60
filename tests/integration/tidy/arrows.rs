//! Which package may know which; what is absent here is the architecture.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule =
    Rule { says: "The packages depend on each other only along the arrows of the design.", check };

/// A package's folder and the packages of this workspace that it may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("history", &[]),
    ("server", &[]),
    ("toxiproxy", &["redrill-uring"]),
    ("uring", &[]),
    ("scenarios", &["redrill-history"]),
    ("reports", &["redrill-history"]),
    (
        "loadtest",
        &[
            "redrill-history",
            "redrill-reports",
            "redrill-scenarios",
            "redrill-server",
            "redrill-toxiproxy",
        ],
    ),
    (
        "tests",
        &[
            "redrill",
            "redrill-history",
            "redrill-reports",
            "redrill-scenarios",
            "redrill-server",
            "redrill-toxiproxy",
        ],
    ),
];

fn check(tree: &Tree) -> Vec<Complaint> {
    tree.files().filter(|file| file.name() == "Cargo.toml").flat_map(complaints).collect()
}

fn complaints(file: &File) -> Vec<Complaint> {
    let complaint = |what| Complaint { path: file.path.clone(), line: 1, what };
    let manifest: toml::Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![complaint(error.to_string())],
    };
    // The root of this workspace or of another one, which is a world of its own.
    if manifest.contains_key("workspace") {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(folder, _)| *folder == file.folder()) else {
        return vec![complaint("a package without a line in ARROWS".to_owned())];
    };
    let own = |name: &String| name.starts_with("redrill") && !allowed.contains(&name.as_str());
    let arrow = |name: String| complaint(format!("{} -> {name}", file.folder()));
    dependencies(&manifest).filter(own).map(arrow).collect()
}

/// The names of all dependencies, whatever their kind and platform, by their package's name.
fn dependencies(manifest: &toml::Table) -> impl Iterator<Item = String> {
    let tables = |table: &toml::Table| {
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        kinds.iter().filter_map(|kind| table.get(*kind)?.as_table().cloned()).collect::<Vec<_>>()
    };
    let platforms = manifest.get("target").and_then(toml::Value::as_table).into_iter();
    let platforms = platforms.flat_map(|table| table.values()).filter_map(toml::Value::as_table);
    let name = |(name, value): (String, toml::Value)| {
        let package = value.get("package").and_then(toml::Value::as_str);
        package.map_or(name, str::to_owned)
    };
    tables(manifest)
        .into_iter()
        .chain(platforms.flat_map(tables).collect::<Vec<_>>())
        .flat_map(move |table| table.into_iter().map(name))
}

#[test]
fn an_arrow_against_the_design_is_found() {
    let planted = "[dev-dependencies]\nredrill-history = { workspace = true }\nserde = \"1\"";
    let expected = ["server/Cargo.toml:1: server -> redrill-history"];
    assert_eq!(RULE.complaints(&[("server/Cargo.toml", planted)]), expected);
    let hidden = "[target.'cfg(unix)'.dependencies]\nh = { package = \"redrill-server\" }";
    let expected = ["reports/Cargo.toml:1: reports -> redrill-server"];
    assert_eq!(RULE.complaints(&[("reports/Cargo.toml", hidden)]), expected);
    let expected = ["new/Cargo.toml:1: a package without a line in ARROWS"];
    assert_eq!(RULE.complaints(&[("new/Cargo.toml", "")]), expected);
    let root = "[workspace.dependencies]\nredrill-server = { path = \"server\" }";
    assert!(RULE.complaints(&[("reports/Cargo.toml", planted), ("Cargo.toml", root)]).is_empty());
}
