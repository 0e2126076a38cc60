//! How long a file, a function and a line may be.

use super::tree::{File, Tree};
use super::{Complaint, Rule};

/// In lines.
const FILE_MAX: usize = 500;
/// In lines, from `fn` to the closing brace.
const FUNCTION_MAX: usize = 70;
/// In characters.
const LINE_MAX: usize = 100;

pub(super) const FILE: Rule =
    Rule { says: "A file has up to 500 lines: split it by idea.", check: files };

pub(super) const FUNCTION: Rule =
    Rule { says: "A function has up to 70 lines: give its parts names.", check: functions };

pub(super) const LINE: Rule = Rule {
    says: "A line has up to 100 columns, which cargo fmt cannot always see to.",
    check: lines,
};

fn files(tree: &Tree) -> Vec<Complaint> {
    let complaint = |file: &File| {
        let count = file.text.lines().count();
        (count > FILE_MAX).then(|| Complaint {
            path: file.path.clone(),
            line: count,
            what: format!("{count} lines"),
        })
    };
    tree.sources().filter_map(complaint).collect()
}

fn functions(tree: &Tree) -> Vec<Complaint> {
    tree.sources().flat_map(long_functions).collect()
}

fn long_functions(file: &File) -> Vec<Complaint> {
    let tokens = &file.tokens;
    let mut complaints = Vec::new();
    for at in tokens.find("fn") {
        let name = tokens.text(at + 1);
        // A pointer type's `fn` has a bracket behind it, a declaration's no body.
        let Some(end) = tokens.next_of(at + 1, &["{", ";"]).filter(|_| name != "(") else {
            continue;
        };
        if tokens.text(end) == "{" {
            let line = tokens.line(at);
            let count = tokens.line(tokens.close(end)) - line + 1;
            if count > FUNCTION_MAX {
                let what = format!("`{name}` has {count} lines");
                complaints.push(Complaint { path: file.path.clone(), line, what });
            }
        }
    }
    complaints
}

fn lines(tree: &Tree) -> Vec<Complaint> {
    let long = |file: &File| -> Vec<Complaint> {
        let count = |(line, text): (usize, &str)| (line, text.chars().count());
        let complaint = |(line, count)| Complaint {
            path: file.path.clone(),
            line,
            what: format!("{count} columns"),
        };
        file.lines().map(count).filter(|&(_, n)| n > LINE_MAX).map(complaint).collect()
    };
    tree.sources().chain(tree.files().filter(|file| is_script(file))).flat_map(long).collect()
}

fn is_script(file: &File) -> bool {
    file.text.starts_with("#!")
}

#[test]
fn a_file_of_501_lines_is_too_long() {
    let (fits, long) = ("//\n".repeat(500), "//\n".repeat(501));
    assert_eq!(FILE.complaints(&[("a.rs", &long)]), ["a.rs:501: 501 lines"]);
    assert!(FILE.complaints(&[("a.rs", &fits), ("a.json", &long)]).is_empty());
}

#[test]
fn a_function_of_71_lines_is_too_long_whatever_its_strings_say() {
    let body = |lines: usize| "    // }\n".repeat(lines - 2);
    let long = format!("impl A {{\nfn f(g: fn()) -> X where X: Y {{\n{}}}\n}}", body(71));
    assert_eq!(FUNCTION.complaints(&[("a.rs", &long)]), ["a.rs:2: `f` has 71 lines"]);
    let in_macro = format!("m! {{ fn f() {{\n let s = \"}}\";\n{}}} }}", body(70));
    assert_eq!(FUNCTION.complaints(&[("a.rs", &in_macro)]), ["a.rs:1: `f` has 71 lines"]);
    let fits = format!("fn f() {{\n{}}}\ntrait T {{ fn g();\n{}}}", body(70), body(100));
    assert!(FUNCTION.complaints(&[("a.rs", &fits)]).is_empty());
}

#[test]
fn a_line_of_101_columns_is_too_long() {
    let (fits, long) = (format!("//{}", "é".repeat(98)), format!("//{}", "é".repeat(99)));
    assert_eq!(LINE.complaints(&[("a.rs", &long)]), ["a.rs:1: 101 columns"]);
    let script = format!("#!/bin/sh\n{long}");
    assert_eq!(LINE.complaints(&[("a", &script)]), ["a:2: 101 columns"]);
    assert!(LINE.complaints(&[("a.rs", &fits), ("a.md", &long)]).is_empty());
}
