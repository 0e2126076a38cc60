//! Adding one of a kind is one file and one line; a file without its line would never run.

use super::tokens::Tokens;
use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule = Rule {
    says: "Every module of a registry's folder is in the registry's slice, or named a helper here.",
    check,
};

/// A folder of siblings and the `const` slice in its `mod.rs` that lists them.
struct Registry {
    folder: &'static str,
    slice: &'static str,
    /// Modules that are not of the kind.
    helpers: &'static [&'static str],
}

const REGISTRIES: &[Registry] = &[
    registry("toxiproxy/src/toxics", "KINDS", &["attributes", "chunk"]),
    registry("scenarios/src/cache/checkers", "CHECKERS", &["calls"]),
    registry("scenarios/src/sessions/checkers", "CHECKERS", &["register"]),
    registry("scenarios/src/limiter/checkers", "CHECKERS", &["hits"]),
    registry("scenarios/src/queue/checkers", "CHECKERS", &["ledger"]),
    registry("scenarios/src/presence/checkers", "CHECKERS", &["sockets"]),
    registry("scenarios/src/service/checkers", "CHECKERS", &[]),
    registry("scenarios/src/service/trust", "CHECKERS", &["promotions"]),
    registry("server/src/doctor/checks", "CHECKS", &[]),
    registry("scenarios/src/gate/metrics", "METRICS", &[]),
    registry("loadtest/src/commands", "COMMANDS", &["recording"]),
    registry(
        "loadtest/src/faults",
        "FAULTS",
        &[
            "condition",
            "hits",
            "injected",
            "misfit",
            "on_apis",
            "on_commands",
            "on_nodes",
            "probe",
            "setting",
            "through",
            "timeline",
            "toxic",
        ],
    ),
    registry("loadtest/src/load/pacer", "MODELS", &[]),
    registry("reports/src/panels", "PANELS", &[]),
    registry("reports/src/timeline", "ROWS", &[]),
];

const fn registry(
    folder: &'static str,
    slice: &'static str,
    helpers: &'static [&'static str],
) -> Registry {
    Registry { folder, slice, helpers }
}

fn check(tree: &Tree) -> Vec<Complaint> {
    REGISTRIES.iter().flat_map(|registry| complaints(registry, tree)).collect()
}

fn complaints(registry: &Registry, tree: &Tree) -> Vec<Complaint> {
    let path = format!("{}/mod.rs", registry.folder);
    let Some(parent) = tree.get(&path) else {
        let package = registry.folder.split_once('/').map_or("", |(package, _)| package);
        let is_gone = tree.files().any(|file| file.path.starts_with(package));
        let what = "a registry's folder is gone".to_owned();
        return is_gone.then_some(Complaint { path, line: 1, what }).into_iter().collect();
    };
    let listed = slice(&parent.tokens, registry.slice);
    let missing = |(line, name): (usize, String)| {
        let what = format!("`{name}` is not in {}", registry.slice);
        let is_known = listed.contains(&name) || registry.helpers.contains(&name.as_str());
        (!is_known).then(|| Complaint { path: path.clone(), line, what })
    };
    modules(parent).filter_map(missing).collect()
}

/// The modules of the folder that are not tests.
fn modules(parent: &File) -> impl Iterator<Item = (usize, String)> {
    let tokens = &parent.tokens;
    let declared = tokens.find("mod").into_iter().filter(|&at| tokens.text(at + 2) == ";");
    let of_the_build = declared.filter(|&at| tokens.get(at).is_some_and(|token| !token.in_test));
    of_the_build.map(|at| (tokens.line(at), tokens.text(at + 1).to_owned()))
}

/// The modules that the value of `const name` names: by path, or by what was imported from them.
fn slice(tokens: &Tokens, name: &str) -> Vec<String> {
    let Some(at) = tokens.find(&format!("const {name}")).pop() else { return Vec::new() };
    let Some(value) = tokens.next_of(at, &["="]) else { return Vec::new() };
    let Some(open) = (value..).take(3).find(|&at| tokens.text(at) == "[") else {
        return Vec::new();
    };
    let is_name = |text: &str| text.starts_with(|c: char| c.is_alphabetic());
    let listed = tokens.inside(open).iter().map(|token| token.text.clone());
    let mut named: Vec<String> = listed.filter(|text| is_name(text)).collect();
    for at in tokens.find("use") {
        let end = tokens.next_of(at, &[";"]).unwrap_or(at);
        let path = || (at..end).map(|at| tokens.text(at)).filter(|text| *text != "self");
        if path().any(|text| named.iter().any(|name| name == text)) {
            named.extend(path().nth(1).map(str::to_owned));
        }
    }
    named
}

#[test]
fn a_toxic_that_nobody_lists_is_found() {
    let path = "toxiproxy/src/toxics/mod.rs";
    let planted = "mod attributes;\nmod latency;\nmod slicer;\nmod timeout;
        use timeout::Timeout; use slicer::Other;
        // slicer
        pub(crate) const KINDS: &[&dyn Kind] = &[&latency::KIND, &Timeout];
        #[cfg(test)] mod tests;";
    assert_eq!(
        RULE.complaints(&[(path, planted)]),
        [format!("{path}:3: `slicer` is not in KINDS")]
    );
    let clean = planted.replace("&Timeout", "&slicer::KIND, &Timeout");
    assert!(RULE.complaints(&[(path, &clean)]).is_empty());
    let gone = [format!("{path}:1: a registry's folder is gone")];
    assert_eq!(RULE.complaints(&[("toxiproxy/src/lib.rs", "")]), gone);
}
