//! Lines of a given width.

/// Columns of the names that stand before hanging text.
const NAMES: usize = 15;

/// What is written so far.
pub(super) struct Paper {
    width: usize,
    is_coloured: bool,
    lines: Vec<String>,
}

impl Paper {
    pub(super) fn new(width: usize, is_coloured: bool) -> Self {
        Self { width, is_coloured, lines: Vec::new() }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Text that begins on the left.
    pub(super) fn text(&mut self, text: &str) {
        self.lines.extend(wrapped(text, self.width));
    }

    /// A name, and words beside it in as many lines as they take; below it where it is too long.
    pub(super) fn hanging(&mut self, name: &str, words: &str) {
        let beside = NAMES.max(name.chars().count() + 2);
        let is_long = beside > self.width / 2;
        let indent = if is_long { 2 } else { beside };
        let lines = wrapped(words, self.width - indent).into_iter();
        if is_long {
            self.text(name);
        }
        for (number, line) in lines.enumerate() {
            let name = if number == 0 && !is_long { name } else { "" };
            self.line(&format!("{name:indent$}{line}"));
        }
    }

    /// A row of a drawing behind its label, of which as much is kept as fits.
    pub(super) fn row(&mut self, label: &str, columns: usize, drawn: &str) {
        let label = super::picture::short(label, columns);
        self.line(&format!("{label:columns$}  {drawn}"));
    }

    /// The same, the drawing in a colour by its ANSI number.
    pub(super) fn coloured_row(&mut self, label: &str, columns: usize, drawn: &str, colour: &str) {
        if self.is_coloured {
            self.row(label, columns, &format!("\u{1b}[{colour}m{drawn}\u{1b}[0m"));
        } else {
            self.row(label, columns, drawn);
        }
    }

    fn line(&mut self, text: &str) {
        self.lines.push(text.trim_end().to_owned());
    }

    pub(super) fn finish(self) -> String {
        self.lines.join("\n")
    }
}

/// Lines of at most so many columns, broken between words where that can be.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.len() > width {
            lines.push(String::new());
        } else if used > 0
            && let Some(line) = lines.last_mut()
        {
            line.push(' ');
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.last_mut().into_iter().for_each(|line| line.extend(&word));
            lines.push(String::new());
            word = rest;
        }
        lines.last_mut().into_iter().for_each(|line| line.extend(&word));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_long_words_within() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one abcdefghij k", 4), ["one", "abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
    }
}
