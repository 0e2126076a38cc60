//! The files of the workspace, read once for all rules.

use std::fs;
use std::path::Path;

use super::tokens::Tokens;

/// Files and folders that are none of ours, by name.
const FOREIGN: &[&str] = &["target", "runs", ".git"];

/// Every text file of the workspace, ordered by path.
pub(super) struct Tree {
    files: Vec<File>,
}

/// One text file.
pub(super) struct File {
    /// Relative to the root of the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// The Rust tokens; empty for a file that is not Rust.
    pub(super) tokens: Tokens,
}

impl Tree {
    /// The tree below `root`.
    ///
    /// # Panics
    /// When a folder or a file cannot be read, or a Rust file does not fall into tokens.
    pub(super) fn read(root: &Path) -> Self {
        let mut found = Vec::new();
        walk(root, "", &mut found);
        Self::of(found)
    }

    /// The tree made of these paths and texts.
    pub(super) fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let file = |(path, text): (String, String)| {
            let tokens =
                if path.ends_with(".rs") { Tokens::of(&path, &text) } else { Tokens::default() };
            File { path, text, tokens }
        };
        let mut files: Vec<File> = files.into_iter().map(file).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust files.
    pub(super) fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl File {
    /// The path without its last part; empty at the root.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(self.path.as_str(), |(_, name)| name)
    }

    /// The lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }
}

/// Collects the text files in `folder`, whose path from the root is `prefix`.
fn walk(folder: &Path, prefix: &str, found: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().unwrap_or_else(|e| panic!("{path}: {e}"));
        if FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).unwrap_or_else(|e| panic!("{path}: {e}"));
            // What is not UTF-8 is a picture or a recording, which has no style.
            found.extend(String::from_utf8(bytes).ok().map(|text| (path, text)));
        }
    }
}
