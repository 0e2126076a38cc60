//! A path of the machine on which a line was written means nothing on the next one.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule = Rule {
    says: "No path of one machine: start from CARGO_MANIFEST_DIR, PATH or a temporary folder.",
    check,
};

/// In any file; in halves, or this file would be its own finding.
const ANYWHERE: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
/// In code, where a temporary folder has a name of its own.
const IN_CODE: &[&str] = &[concat!("/t", "mp/"), concat!("/var/t", "mp/")];

fn check(tree: &Tree) -> Vec<Complaint> {
    tree.files().flat_map(complaints).collect()
}

fn complaints(file: &File) -> Vec<Complaint> {
    let in_code = IN_CODE.iter().filter(|_| file.path.ends_with(".rs"));
    let mut complaints = Vec::new();
    for path in ANYWHERE.iter().chain(in_code) {
        let lines = file.lines().filter(|(_, text)| starts_a_path(text, path));
        complaints.extend(lines.map(|(line, _)| Complaint {
            path: file.path.clone(),
            line,
            what: (*path).to_owned(),
        }));
    }
    complaints
}

/// Whether `path` stands in the text as the beginning of a path, not as a part of a longer one.
fn starts_a_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '}' | ')' | '_' | '-'))
    })
}

#[test]
fn a_path_of_one_machine_is_found() {
    let planted = concat!("fn a() { open(\"/t", "mp/a\") } // see /ho", "me/me/notes");
    let mut found = RULE.complaints(&[("a.rs", planted)]);
    found.sort();
    assert_eq!(found, [concat!("a.rs:1: /ho", "me/"), concat!("a.rs:1: /t", "mp/")]);
    let clean = concat!("GET example.org/wo", "rk/ and {folder}/t", "mp/ and /usr/bin/env");
    assert!(
        RULE.complaints(&[("a.md", clean), ("b.rs", "// /tmpfs /workspace/ /rooted")]).is_empty()
    );
}
