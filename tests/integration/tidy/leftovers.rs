//! What someone meant to come back to.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule = Rule {
    says: "Nothing is left for later: build it, or leave it out and say so in the issue.",
    check,
};

/// In code, as tokens.
const CODE: &[&str] = &["todo !", "unimplemented !", "dbg !", "# [ ignore"];
/// In comments too, so by the text; in halves, or this file would be its own finding.
const TEXT: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X")];

fn check(tree: &Tree) -> Vec<Complaint> {
    tree.sources().flat_map(|file| in_code(file).chain(in_text(file))).collect()
}

fn in_code(file: &File) -> impl Iterator<Item = Complaint> {
    CODE.iter().flat_map(move |pattern| {
        file.tokens.find(pattern).into_iter().map(move |at| Complaint {
            path: file.path.clone(),
            line: file.tokens.line(at),
            what: pattern.replace(' ', ""),
        })
    })
}

fn in_text(file: &File) -> impl Iterator<Item = Complaint> {
    file.lines().flat_map(move |(line, text)| {
        TEXT.iter().filter(|word| text.contains(**word)).map(move |word| Complaint {
            path: file.path.clone(),
            line,
            what: (*word).to_owned(),
        })
    })
}

#[test]
fn unfinished_code_is_found_and_words_like_it_are_not() {
    let planted = concat!(
        "fn a() { to",
        "do!() }\nfn b() { unimp",
        "lemented!() }\nfn c() { db",
        "g!(1) }\n#[ign",
        "ore = \"slow\"]\nfn d() {}\n// FIX",
        "ME later"
    );
    let expected = [
        concat!("a.rs:1: to", "do!"),
        concat!("a.rs:2: unimp", "lemented!"),
        concat!("a.rs:3: db", "g!"),
        concat!("a.rs:4: #[ign", "ore"),
        concat!("a.rs:6: FIX", "ME"),
    ];
    assert_eq!(RULE.complaints(&[("a.rs", planted)]), expected);
    let clean = "fn todo() -> bool { let dbg = 1; !ignore(dbg) } // todo and unimplemented";
    assert!(RULE.complaints(&[("a.rs", clean)]).is_empty());
}
