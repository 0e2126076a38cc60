//! The style that can be counted, held by a test. A rule looks at the whole [`Tree`] and says what
//! is wrong where; each has one file, with a planted violation and a near miss in its own tests.

mod ambient;
mod arrows;
mod collections;
mod leftovers;
mod modules;
mod output;
mod paths;
mod ports;
mod registries;
mod size;
mod tokens;
mod tree;

use std::fmt;

use tree::Tree;

/// Every rule, cheapest to grasp first.
const RULES: &[Rule] = &[
    size::FILE,
    size::FUNCTION,
    size::LINE,
    leftovers::RULE,
    modules::RULE,
    registries::RULE,
    ambient::CLOCK,
    ambient::RANDOMNESS,
    collections::RULE,
    output::RULE,
    ports::RULE,
    arrows::RULE,
    paths::RULE,
];

/// One rule: what it asks for, and how it is looked for.
struct Rule {
    /// The rule in a sentence, with the way out.
    says: &'static str,
    /// All violations in the tree.
    check: fn(&Tree) -> Vec<Complaint>,
}

impl Rule {
    /// The violations in a tree made of these paths and texts, as `path:line: what`.
    fn complaints(&self, files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())));
        (self.check)(&tree).iter().map(ToString::to_string).collect()
    }
}

/// One violation.
struct Complaint {
    /// Relative to the root of the workspace, with `/`.
    path: String,
    /// The first line is 1.
    line: usize,
    what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

#[test]
fn the_workspace_is_tidy() {
    let tree = Tree::read(&redrill_tests::workspace_root());
    assert!(tree.sources().count() >= 7, "the walk has missed the sources of the seven packages");
    let mut report = String::new();
    for rule in RULES {
        let complaints = (rule.check)(&tree);
        if !complaints.is_empty() {
            report += &format!("\n{}\n", rule.says);
            complaints.iter().for_each(|complaint| report += &format!("  {complaint}\n"));
        }
    }
    assert!(report.is_empty(), "{report}");
}
