//! A library that prints cannot be embedded, piped or silenced.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule = Rule {
    says: "Only the binary's output prints (loadtest/src/main.rs, loadtest/src/output): \
           return the text, or use tracing.",
    check,
};

const MACROS: &[&str] = &["println !", "eprintln !", "print !", "eprint !"];
const PRINTERS: &[&str] = &["loadtest/src/main.rs", "loadtest/src/output"];

fn check(tree: &Tree) -> Vec<Complaint> {
    // A build script speaks to cargo by printing, an example to its reader, a test to whoever
    // asks for its output.
    let prints = |file: &File| {
        file.name() == "build.rs"
            || file.path.contains("/examples/")
            || file.path.contains("/tests/")
            || PRINTERS.iter().any(|printer| file.path.starts_with(printer))
    };
    let complaints = |file: &File| {
        let found = MACROS.iter().flat_map(|pattern| file.tokens.find(pattern));
        let found = found.filter(|&at| file.tokens.get(at).is_some_and(|token| !token.in_test));
        let complaint = |at| Complaint {
            path: file.path.clone(),
            line: file.tokens.line(at),
            what: format!("{}!", file.tokens.text(at)),
        };
        found.map(complaint).collect::<Vec<_>>()
    };
    tree.sources().filter(|file| !prints(file)).flat_map(complaints).collect()
}

#[test]
fn printing_is_found_outside_of_the_output() {
    let planted = "fn a() { println!(\"a\"); }\nfn b() { std::eprint!(\"b\") }";
    let expected = ["server/src/a.rs:1: println!", "server/src/a.rs:2: eprint!"];
    assert_eq!(RULE.complaints(&[("server/src/a.rs", planted)]), expected);
    let clean =
        "// println!\nfn a(out: &mut impl Write) { writeln!(out, \"println!()\"); print(1) }";
    let files = [
        ("reports/src/a.rs", clean),
        ("loadtest/src/output/plain.rs", planted),
        ("server/tests/it/a.rs", planted),
    ];
    assert!(RULE.complaints(&files).is_empty());
}
