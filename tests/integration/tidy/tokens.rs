//! A Rust file as a flat list of tokens with their lines: no comment or string can pass for code.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The tokens of one file, groups flattened into their brackets.
#[derive(Default)]
pub(super) struct Tokens(Vec<Token>);

/// One token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// As written; `::`, `->` and `=>` are one token.
    pub(super) text: String,
    /// The first line is 1.
    pub(super) line: usize,
    /// Whether it is the text of a literal.
    pub(super) literal: bool,
    /// Whether it belongs to an item that only a test build has.
    pub(super) in_test: bool,
}

impl Tokens {
    /// The tokens of `text`.
    ///
    /// # Panics
    /// When the text does not fall into Rust tokens; `path` names it then.
    pub(super) fn of(path: &str, text: &str) -> Self {
        let stream: TokenStream =
            text.parse().unwrap_or_else(|e| panic!("{path} does not fall into Rust tokens: {e}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        let mut tokens = Self(tokens);
        tokens.mark_tests();
        tokens
    }

    /// Every place where the tokens of `pattern`, separated by spaces, follow one another.
    pub(super) fn find(&self, pattern: &str) -> Vec<usize> {
        let pattern: Vec<&str> = pattern.split(' ').collect();
        let starts = 0..(self.0.len() + 1).saturating_sub(pattern.len());
        starts.filter(|&at| self.is(at, &pattern)).collect()
    }

    /// The token at `at`.
    pub(super) fn get(&self, at: usize) -> Option<&Token> {
        self.0.get(at)
    }

    /// The text at `at`; empty beyond the end.
    pub(super) fn text(&self, at: usize) -> &str {
        self.0.get(at).map_or("", |token| token.text.as_str())
    }

    /// The line of the token at `at`.
    pub(super) fn line(&self, at: usize) -> usize {
        self.0[at].line
    }

    /// The tokens after the opening bracket at `open`, up to its closing one.
    pub(super) fn inside(&self, open: usize) -> &[Token] {
        &self.0[open + 1..self.close(open)]
    }

    /// The first token at or after `from`, outside of any bracket opened since, with one of these
    /// texts.
    pub(super) fn next_of(&self, from: usize, texts: &[&str]) -> Option<usize> {
        let mut at = from;
        while at < self.0.len() {
            if texts.contains(&self.text(at)) {
                return Some(at);
            }
            at = if is_open(self.text(at)) { self.close(at) + 1 } else { at + 1 };
        }
        None
    }

    /// The bracket that closes the one at `open`.
    pub(super) fn close(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, token) in self.0.iter().enumerate().skip(open).filter(|(_, t)| !t.literal) {
            match token.text.as_str() {
                text if is_open(text) => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        unreachable!("a token stream has no open bracket")
    }

    fn is(&self, at: usize, pattern: &[&str]) -> bool {
        pattern.iter().enumerate().all(|(n, text)| self.text(at + n) == *text)
    }

    /// Marks the items under a `#[cfg(test)]` or `#[test]` attribute.
    fn mark_tests(&mut self) {
        for at in self.find("# [") {
            let attribute = self.inside(at + 1);
            let asks_for_test = attribute.iter().any(|token| token.text == "test")
                && !attribute.iter().any(|token| token.text == "not");
            if asks_for_test {
                let end = self.next_of(at, &["{", ";"]).unwrap_or(self.0.len() - 1);
                let end = if self.text(end) == "{" { self.close(end) } else { end };
                self.0[at..=end].iter_mut().for_each(|token| token.in_test = true);
            }
        }
    }
}

fn is_open(text: &str) -> bool {
    matches!(text, "(" | "[" | "{")
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut joins = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |text: String, line: usize, literal: bool| {
            tokens.push(Token { text, line, literal, in_test: false });
        };
        let joined = std::mem::take(&mut joins);
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => unreachable!("only macros make such groups"),
                };
                push(open.to_owned(), line, false);
                flatten(group.stream(), tokens);
                let line = group.span_close().start().line;
                tokens.push(Token { text: close.to_owned(), line, literal: false, in_test: false });
            }
            TokenTree::Ident(ident) => push(ident.to_string(), line, false),
            TokenTree::Literal(literal) => push(literal.to_string(), line, true),
            TokenTree::Punct(punct) => {
                let pair = tokens.last().map(|token| format!("{}{punct}", token.text));
                match pair.filter(|pair| joined && matches!(pair.as_str(), "::" | "->" | "=>")) {
                    Some(pair) => tokens.last_mut().expect("it has a first half").text = pair,
                    None => tokens.push(Token {
                        text: punct.to_string(),
                        line,
                        literal: false,
                        in_test: false,
                    }),
                }
                joins = punct.spacing() == Spacing::Joint;
            }
        }
    }
}

#[test]
fn tokens_know_their_line_and_whether_they_are_tests() {
    let text = "fn a() {\n  b::c(\"{\")\n}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n fn d() {}\n}";
    let tokens = Tokens::of("a.rs", text);
    let at = tokens.find("b :: c")[0];
    assert_eq!((tokens.line(at), tokens.get(at).map(|t| t.in_test)), (2, Some(false)));
    let at = tokens.find("fn d")[0];
    assert_eq!((tokens.line(at), tokens.get(at).map(|t| t.in_test)), (7, Some(true)));
    assert_eq!(tokens.line(tokens.close(tokens.find("{")[0])), 3);
}
