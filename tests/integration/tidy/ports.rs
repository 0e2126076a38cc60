//! A test that names a port fails where that port is taken.

use super::tokens::Token;
use super::tree::{File, Tree};
use super::{Complaint, Rule};

pub(super) const RULE: Rule = Rule {
    says: "No test binds or connects to a fixed port: bind port 0 and read the port back.",
    check,
};

/// The calls that open sockets; what other calls do with an address is only text.
const CALLS: &[&str] =
    &["bind", "connect", "connect_timeout", "connect_async", "listen", "open", "serve"];

fn check(tree: &Tree) -> Vec<Complaint> {
    tree.sources().flat_map(complaints).collect()
}

fn complaints(file: &File) -> Vec<Complaint> {
    let is_test_file = file.path.starts_with("tests/") || file.name() == "tests.rs";
    let mut complaints = Vec::new();
    for at in CALLS.iter().flat_map(|call| file.tokens.find(&format!("{call} ("))) {
        let in_test = is_test_file || file.tokens.get(at).is_some_and(|token| token.in_test);
        let port = file.tokens.inside(at + 1).iter().find_map(port);
        if let Some(port) = port.filter(|_| in_test) {
            let line = file.tokens.line(at);
            let what = format!("{}() with port {port}", file.tokens.text(at));
            complaints.push(Complaint { path: file.path.clone(), line, what });
        }
    }
    complaints
}

/// The port that a literal fixes: the number after a text's `host:`, or a number above an octet.
fn port(token: &Token) -> Option<u32> {
    if !token.literal {
        return None;
    }
    let text = token.text.trim_matches('"');
    let digits = if text.len() < token.text.len() {
        let after = text.rsplit_once(':')?.1;
        after.split('/').next()?.to_owned()
    } else {
        text.trim_end_matches("u16").replace('_', "")
    };
    let is_text = text.len() < token.text.len();
    digits.parse().ok().filter(|&port| if is_text { port > 0 } else { port > 255 })
}

#[test]
fn a_fixed_port_is_found_in_tests_alone() {
    let planted = "#[cfg(test)] mod tests {
        fn a() { TcpListener::bind(\"127.0.0.1:6379\"); }
        fn b() { TcpStream::connect((\"localhost\", 8_474)); }
        fn c() { Client::open(format!(\"redis://127.0.0.1:7000/0\")); } }";
    let mut found = RULE.complaints(&[("a.rs", planted)]);
    found.sort();
    let expected = [
        "a.rs:2: bind() with port 6379",
        "a.rs:3: connect() with port 8474",
        "a.rs:4: open() with port 7000",
    ];
    assert_eq!(found, expected);
    let clean = "fn main() { bind(\"0.0.0.0:8474\") }
        #[cfg(test)] mod tests {
        fn a() { TcpListener::bind(\"127.0.0.1:0\"); bind((Ipv4Addr::new(127, 0, 0, 255), 0)); }
        fn b() { assert_eq!(parse(\"127.0.0.1:6379\"), 6379); }
        fn c() { connect(format!(\"[::1]:{port}\")); } }";
    assert!(RULE.complaints(&[("a.rs", clean)]).is_empty());
}
