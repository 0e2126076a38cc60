//! What is rendered or checked has an order; a hash map's differs from run to run.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule = Rule {
    says: "No HashMap or HashSet in history, scenarios and reports: take an ordered collection.",
    check,
};

const FOLDERS: &[&str] = &["history/", "scenarios/", "reports/"];

fn check(tree: &Tree) -> Vec<Complaint> {
    let ordered = |file: &&File| FOLDERS.iter().any(|folder| file.path.starts_with(folder));
    let complaints = |file: &File| {
        let names = ["HashMap", "HashSet"];
        let found = names.iter().flat_map(|name| file.tokens.find(name).into_iter());
        let complaint = |at| Complaint {
            path: file.path.clone(),
            line: file.tokens.line(at),
            what: file.tokens.text(at).to_owned(),
        };
        found.map(complaint).collect::<Vec<_>>()
    };
    tree.sources().filter(ordered).flat_map(complaints).collect()
}

#[test]
fn a_hash_map_in_a_checker_is_found() {
    let planted = "use std::collections::{BTreeMap, HashMap};\nfn a(b: &HashSet<u8>) {}";
    let expected = ["scenarios/src/a.rs:1: HashMap", "scenarios/src/a.rs:2: HashSet"];
    assert_eq!(RULE.complaints(&[("scenarios/src/a.rs", planted)]), expected);
    let clean = "// not a HashMap\nuse std::collections::BTreeMap;";
    assert!(RULE.complaints(&[("reports/a.rs", clean), ("server/src/a.rs", planted)]).is_empty());
}
